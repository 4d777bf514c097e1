// The PGP word list: 256 words for bytes at even places (from 0), 256 others for odd ones.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace stargraph::crypto {

enum class WordSide : std::uint8_t { kEven, kOdd };

// Indexed by byte value.
[[nodiscard]] std::span<const std::string_view, 256> pgp_words(WordSide side);
// The byte a word stands for; ASCII case does not matter.
[[nodiscard]] std::optional<std::uint8_t> pgp_word_value(WordSide side, std::string_view word);

}  // namespace stargraph::crypto
