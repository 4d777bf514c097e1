#include "stargraph/audit/tree.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;
using crypto::Digest;

constexpr std::uint32_t kMode = 0600;

std::uint64_t byte_of(std::uint64_t node) { return node * Digest::kSize; }

Result<Digest> to_node(base::BytesView bytes, std::uint64_t position) {
  const bool zero = std::ranges::all_of(bytes, [](std::byte one) { return one == std::byte{0}; });
  if (bytes.size() != Digest::kSize || zero) {
    return fail(Code::kNotFound, "audit: tree: node " + std::to_string(position) + ": not there");
  }
  return Digest::from_bytes(bytes);
}

// Where each peak of a frontier stands, largest subtree first.
std::vector<std::uint64_t> peak_positions(std::uint64_t size) {
  std::vector<std::uint64_t> positions;
  std::uint64_t first = 0;
  while (first < size) {
    const std::uint64_t leaves = std::bit_floor(size - first);
    positions.push_back(crypto::node_position(first, static_cast<unsigned>(std::countr_zero(leaves))));
    first += leaves;
  }
  return positions;
}

}  // namespace

TreeFile::TreeFile(std::unique_ptr<base::AppendFile> file, crypto::MerkleFrontier frontier)
    : file_(std::move(file)), frontier_(std::move(frontier)) {}

Result<std::optional<TreeFile>> TreeFile::open(base::Env& env, const base::Path& directory,
                                               const crypto::MerkleFrontier& frontier) {
  const base::Path path = directory / kTreeFile;
  const Result<base::FileInfo> info = env.info(path);
  if (!info && info.error().code == Code::kNotFound) return std::optional<TreeFile>();
  SG_TRY(base::check_private_file(env, path, kMode));
  if (info->size < byte_of(crypto::node_count(frontier.size()))) return std::optional<TreeFile>();
  const std::vector<std::uint64_t> positions = peak_positions(frontier.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    SG_TRY(const base::Bytes bytes, env.read_range(path, byte_of(positions[i]), Digest::kSize));
    if (!std::ranges::equal(bytes, frontier.peaks()[i].bytes())) return std::optional<TreeFile>();
  }
  SG_TRY(std::unique_ptr<base::AppendFile> file, env.open_append(path, kMode));
  SG_TRY(file->truncate(byte_of(crypto::node_count(frontier.size()))));
  return std::optional<TreeFile>(TreeFile(std::move(file), frontier));
}

Result<TreeFile> TreeFile::make(base::Env& env, const base::Path& directory, const crypto::MerkleFrontier& frontier) {
  const base::Path path = directory / kTreeFile;
  const Result<base::FileInfo> info = env.info(path);
  if (!info && info.error().code != Code::kNotFound) return std::unexpected(info.error());
  if (info) SG_TRY(env.remove(path));
  SG_TRY(std::unique_ptr<base::AppendFile> file, env.open_append(path, kMode));
  const std::vector<std::uint64_t> positions = peak_positions(frontier.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    SG_TRY(file->truncate(byte_of(positions[i])));
    SG_TRY(file->append(frontier.peaks()[i].bytes()));
  }
  return TreeFile(std::move(file), frontier);
}

void TreeFile::add(const Digest& entry_hash) { frontier_.append(crypto::merkle_leaf(entry_hash.bytes()), pending_); }

Result<> TreeFile::write() {
  if (pending_.empty()) return {};
  SG_TRY(file_->append(pending_));
  pending_.clear();
  return {};
}

Result<> TreeFile::sync() {
  SG_TRY(write());
  return file_->sync();
}

crypto::NodeReader tree_reader(int descriptor) {
  return [descriptor](std::uint64_t position) -> Result<Digest> {
    std::array<std::byte, Digest::kSize> bytes{};
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got =
          ::pread(descriptor, bytes.data() + done, bytes.size() - done, static_cast<off_t>(byte_of(position) + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(Code::kIo, std::string("audit: tree: read: ") + std::strerror(errno));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return to_node(base::BytesView(bytes).first(done), position);
  };
}

}  // namespace stargraph::audit
