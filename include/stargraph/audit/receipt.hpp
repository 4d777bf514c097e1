// Receipt: proof that the audit writer has an entry on disk, checkable with its public key alone.
//
// The signature covers the entry's whole line, so a receipt can be kept beside the act it belongs to
// and checked years later without the log. A reader that needs an act of trust must also compare
// `entry.source` with Source::kTrust and the event's data with the row: a genuine receipt for another
// act proves nothing.
#pragma once

#include <string>
#include <string_view>

#include "stargraph/audit/entry.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::audit {

inline constexpr std::string_view kReceiptDomain = "stargraph.audit.receipt.v1";

struct Receipt {
  std::string line;  // the entry's line without "\n"
  LineSignature signature;
};

[[nodiscard]] base::Result<Receipt> make_receipt(std::string line, const crypto::PrivateKey& key);
// RFC 8785 JSON {"alg":…,"entry":"<line>","format":"stargraph.audit.receipt.v1","key_id":…,"signature":…}.
[[nodiscard]] std::string encode_receipt(const Receipt& receipt);
[[nodiscard]] base::Result<Receipt> decode_receipt(std::string_view text);  // kReceiptInvalid
// The entry it proves; kReceiptInvalid when the line, the key or the signature does not hold.
[[nodiscard]] base::Result<Entry> verify_receipt(const Receipt& receipt, const crypto::PublicKey& audit_key);

}  // namespace stargraph::audit
