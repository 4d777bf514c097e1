#include "stargraph/pack/tree_hash.hpp"

#include <algorithm>
#include <vector>

#include "stargraph/crypto/digest.hpp"

namespace stargraph::pack {
namespace {

// '/' sorts before every other character of a path, so that components are compared one by one.
bool before(const SourceFile* a, const SourceFile* b) {
  const auto rank = [](char c) { return c == '/' ? 0 : 1 + static_cast<int>(static_cast<unsigned char>(c)); };
  return std::ranges::lexicographical_compare(a->path, b->path, {}, rank, rank);
}

void append_u64_be(base::Bytes& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>((value >> shift) & 0xFF));
}

}  // namespace

bool is_in_tree_hash(std::string_view path) { return path != "manifest.jwt" && !path.ends_with(".pub.pem"); }

std::array<std::byte, 32> tree_hash_sha256(std::span<const SourceFile> files) {
  std::vector<const SourceFile*> counted;
  for (const SourceFile& file : files) {
    if (is_in_tree_hash(file.path)) counted.push_back(&file);
  }
  std::ranges::sort(counted, before);
  base::Bytes message;
  for (const SourceFile* file : counted) {
    const base::BytesView path = base::as_bytes(file->path);
    message.insert(message.end(), path.begin(), path.end());
    message.push_back(std::byte{0});
    append_u64_be(message, file->bytes.size());
    message.insert(message.end(), file->bytes.begin(), file->bytes.end());
  }
  return crypto::sha256(message);
}

}  // namespace stargraph::pack
