// A JSON object whose last members are its own signature: "key_id", "alg", "signature". Everything before them is
// signed, the closing brace is not. Checkpoint lines, heads and positions are such texts.
#pragma once

#include <string>
#include <string_view>

#include "stargraph/audit/entry.hpp"
#include "stargraph/json/reader.hpp"

namespace stargraph::audit {

// The three members and the "}" behind them.
[[nodiscard]] std::string signature_members(const LineSignature& signature);
// Signs `text`, which has no "}" yet, and appends them.
[[nodiscard]] base::Result<LineSignature> append_signature(std::string& text, std::string_view domain,
                                                           const crypto::PrivateKey& key);
// Takes the three members out of `in`, which reads `text`, and gives what they cover. The first error of `in` so far,
// kAuditUnknownKey, kAuditBadSignature; `what` begins the message.
[[nodiscard]] base::Result<std::string_view> covered_text(json::Reader& in, std::string_view text,
                                                          std::string_view domain, const crypto::PublicKey& key,
                                                          std::string_view what);

}  // namespace stargraph::audit
