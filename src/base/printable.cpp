#include "stargraph/base/printable.hpp"

#include <array>

#include "stargraph/base/bytes.hpp"

namespace stargraph::base {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};
constexpr std::array<Range, 9> kHidden = {{{0x00, 0x1F},
                                           {0x7F, 0x9F},
                                           {0xAD, 0xAD},          // soft hyphen
                                           {0x061C, 0x061C},      // Arabic letter mark
                                           {0x200B, 0x200F},      // no width, direction marks
                                           {0x2028, 0x202E},      // line and paragraph separator, embeddings
                                           {0x2060, 0x206F},      // no width, isolates
                                           {0xFEFF, 0xFEFF},      // byte order mark
                                           {0xE0000, 0xE007F}}};  // tags

bool is_hidden(char32_t point) {
  for (const Range& range : kHidden) {
    if (point >= range.first && point <= range.last) return true;
  }
  return false;
}

// Bytes of the UTF-8 sequence that `text` begins with, 0 when it begins with none.
std::size_t sequence_length(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    if (is_utf8(text.substr(0, length))) return length;
  }
  return 0;
}

char32_t decode(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence.front());
  char32_t point = sequence.size() == 1 ? lead : lead & (0x7FU >> sequence.size());
  for (const char c : sequence.substr(1)) point = (point << 6U) | (static_cast<unsigned char>(c) & 0x3FU);
  return point;
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const std::string_view piece = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(piece.size());
    if (length != 0 && !is_hidden(decode(piece))) {
      out += piece;
      continue;
    }
    for (const char c : piece) {
      const auto byte = static_cast<unsigned char>(c);
      out += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 0xFU]};
    }
  }
  return out;
}

}  // namespace stargraph::base
