#include "stargraph/crypto/fingerprint.hpp"

#include <algorithm>
#include <vector>

#include "crypto/pgp_words.hpp"

namespace stargraph::crypto {
namespace {

// 48 of the longest words with generous spacing; a person types less.
constexpr std::size_t kLongestTyped = 4096;
constexpr std::size_t kHexGroup = 4;

bool separates(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == ':' || c == '-'; }

bool hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

WordSide side_of(std::size_t place) { return place % 2 == 0 ? WordSide::kEven : WordSide::kOdd; }

std::vector<std::string_view> groups_of(std::string_view typed) {
  std::vector<std::string_view> groups;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= typed.size(); ++i) {
    if (i < typed.size() && !separates(typed[i])) continue;
    if (i > start) groups.push_back(typed.substr(start, i - start));
    start = i + 1;
  }
  return groups;
}

base::Result<Digest> from_hex_groups(const std::vector<std::string_view>& groups) {
  std::string digits;
  for (const std::string_view group : groups) digits += group;
  if (digits.size() != 2 * Digest::kSize)
    return base::fail(base::Code::kMalformed,
                      "fingerprint: " + std::to_string(digits.size()) + " hex digits: 96 are needed");
  SG_TRY(const base::Bytes bytes, base::from_hex(digits));
  return Digest::from_bytes(bytes);
}

base::Result<Digest> from_words(const std::vector<std::string_view>& words) {
  if (words.size() != Digest::kSize)
    return base::fail(base::Code::kMalformed, "fingerprint: " + std::to_string(words.size()) + " words: 48 are needed");
  std::array<std::byte, Digest::kSize> value{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto byte = pgp_word_value(side_of(i), words[i]);
    if (!byte)
      return base::fail(base::Code::kMalformed,
                        "fingerprint: word " + std::to_string(i + 1) + ": not a word that can stand in this place");
    value[i] = std::byte{*byte};
  }
  return Digest(value);
}

}  // namespace

std::string fingerprint_hex(const Digest& fingerprint) {
  std::string grouped;
  const std::string digits = fingerprint.hex();
  for (std::size_t i = 0; i < digits.size(); i += kHexGroup) {
    if (i > 0) grouped += ' ';
    grouped += std::string_view(digits).substr(i, kHexGroup);
  }
  return grouped;
}

std::string fingerprint_words(const Digest& fingerprint) {
  std::string words;
  for (std::size_t i = 0; i < Digest::kSize; ++i) {
    if (i > 0) words += ' ';
    words += pgp_words(side_of(i))[std::to_integer<std::size_t>(fingerprint.bytes()[i])];
  }
  return words;
}

base::Result<Digest> parse_fingerprint(std::string_view typed) {
  if (typed.size() > kLongestTyped) return base::fail(base::Code::kMalformed, "fingerprint: too long");
  const std::vector<std::string_view> groups = groups_of(typed);
  if (groups.empty()) return base::fail(base::Code::kMalformed, "fingerprint: empty");
  // No word of the lists consists of hex digits alone, so the first group tells the form.
  const bool hex = std::ranges::all_of(groups.front(), hex_digit);
  return hex ? from_hex_groups(groups) : from_words(groups);
}

}  // namespace stargraph::crypto
