#include "crypto/pem.hpp"

#include <optional>
#include <string>

namespace stargraph::crypto {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::size_t kLargestBlock = std::size_t{64} * 1024;
constexpr std::size_t kLineLength = 64;

// Takes one line off `text`, without its "\n" or "\r\n".
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The label of a marker line, or nothing when it is none.
std::optional<std::string_view> marker(std::string_view line, std::string_view start) {
  if (line.size() <= start.size() + kDashes.size() || !line.starts_with(start) || !line.ends_with(kDashes))
    return std::nullopt;
  return line.substr(start.size(), line.size() - start.size() - kDashes.size());
}

struct Block {
  std::string_view label;
  std::string_view body;  // the lines between the markers
  std::string_view rest;
};

// The block whose first line `text` starts with.
std::optional<Block> take_block(std::string_view text) {
  const auto label = marker(take_line(text), kBegin);
  if (!label) return std::nullopt;
  const std::string_view body = text;
  while (!text.empty()) {
    const std::size_t length = body.size() - text.size();
    const std::string_view line = take_line(text);
    if (marker(line, kEnd) == label) return Block{*label, body.substr(0, length), text};
    if (line.starts_with(kDashes)) return std::nullopt;
  }
  return std::nullopt;
}

std::unexpected<base::Error> malformed(std::string_view label, const char* reason) {
  return base::fail(base::Code::kMalformed, "pem: " + std::string(label) + ": " + reason);
}

base::Result<base::Bytes> decode(const Block& block) {
  if (block.body.size() > kLargestBlock) return malformed(block.label, "too large");
  std::string base64;
  for (std::string_view left = block.body; !left.empty();) base64 += take_line(left);
  if (base64.empty()) return malformed(block.label, "empty");
  auto bytes = base::from_base64(base64);
  if (!bytes) return malformed(block.label, "not base64");
  return bytes;
}

}  // namespace

base::Result<std::string_view> pem_label(std::string_view text) {
  const auto block = take_block(text);
  if (!block || !block->rest.empty())
    return base::fail(base::Code::kMalformed, "pem: file: not exactly one block and nothing else");
  return block->label;
}

base::Result<base::Bytes> pem_only_block(std::string_view text, std::string_view label) {
  SG_TRY(const std::string_view found, pem_label(text));
  if (found != label) return malformed(label, "the block is of another kind");
  return decode(*take_block(text));
}

base::Result<base::Bytes> pem_first_block(std::string_view text, std::string_view label) {
  while (!text.empty()) {
    const std::string_view here = text;
    if (!marker(take_line(text), kBegin)) continue;
    const auto block = take_block(here);
    if (!block) return malformed(label, "the block has no end");
    if (block->label != label) return malformed(label, "the first block is of another kind");
    return decode(*block);
  }
  return malformed(label, "no block found");
}

std::string pem_text(std::string_view label, base::BytesView bytes) {
  std::string text = std::string(kBegin) + std::string(label) + std::string(kDashes) + "\n";
  const std::string base64 = base::to_base64(bytes);
  for (std::size_t i = 0; i < base64.size(); i += kLineLength) text += base64.substr(i, kLineLength) + "\n";
  return text + std::string(kEnd) + std::string(label) + std::string(kDashes) + "\n";
}

}  // namespace stargraph::crypto
