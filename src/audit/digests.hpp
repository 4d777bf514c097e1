// Lists of digests as JSON has them, for proofs and exports.
#pragma once

#include <string>
#include <vector>

#include "stargraph/crypto/digest.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::audit {

inline constexpr std::size_t kMaxPath = 128;  // of RFC 6962: twice the bits of a size

[[nodiscard]] inline json::Array hex_of(const std::vector<crypto::Digest>& digests) {
  json::Array out;
  for (const crypto::Digest& digest : digests) out.emplace_back(digest.hex());
  return out;
}

[[nodiscard]] inline base::Result<std::vector<crypto::Digest>> digests_from_hex(const std::vector<std::string>& texts) {
  std::vector<crypto::Digest> digests;
  for (const std::string& text : texts) {
    SG_TRY(const crypto::Digest digest, crypto::Digest::from_hex(text));
    digests.push_back(digest);
  }
  return digests;
}

}  // namespace stargraph::audit
