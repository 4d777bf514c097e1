// Fingerprints for people: 96 hex digits in groups of four, or 48 words of the PGP word list
// (even/odd lists of 256 words; Juola and Zimmermann 1996).
#pragma once

#include <string>
#include <string_view>

#include "stargraph/base/result.hpp"
#include "stargraph/crypto/digest.hpp"

namespace stargraph::crypto {

[[nodiscard]] std::string fingerprint_hex(const Digest& fingerprint);    // "0123 4567 ..." 24 groups
[[nodiscard]] std::string fingerprint_words(const Digest& fingerprint);  // 48 words, single spaces
// Takes either form as a person types it: any case, white space, ":" and "-" between groups. The whole
// value is needed; kMalformed otherwise, and for a word on the wrong (even/odd) side.
[[nodiscard]] base::Result<Digest> parse_fingerprint(std::string_view typed);

}  // namespace stargraph::crypto
