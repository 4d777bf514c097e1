// Approval: another person's signature over one act before it is made.
//
// The program that wants to act prints a request; an approver signs it on a machine of their own
// (`stargraph-pack approve`) and sends back a token; the program makes the request again from what it is about
// to do and compares. "Another person" is another key, confirmed as an approver's, not another shell of root.
// A token counts once: its digest stands in the trust store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stargraph/base/env.hpp"
#include "stargraph/base/strong.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::trust {

inline constexpr std::string_view kApprovalFormat = "stargraph.approval.v1";
inline constexpr std::string_view kApprovalDomain = "stargraph.approval.v1";  // of signature and digest
inline constexpr base::Duration kApprovalLifetime = std::chrono::hours(24 * 7);
inline constexpr std::size_t kMaxRequestBytes = std::size_t{16} << 10;

// What stands in `act`.
inline constexpr std::string_view kApproveActivation = "pack.activate";
inline constexpr std::string_view kApproveRepin = "trust.repin";
inline constexpr std::string_view kApproveKey = "trust.key";
inline constexpr std::string_view kApproveThreshold = "trust.threshold";

struct ApprovalRequest {
  std::string act;
  json::Object subject;  // what exactly: digests, what grows, why, and who asks
  std::string nonce;     // 32 hex digits
  base::Timestamp created{};
  base::Timestamp expires{};  // the first moment it does not count any more
};

// A request for `subject` from now on, good for kApprovalLifetime.
[[nodiscard]] ApprovalRequest make_request(base::Env& env, std::string_view act, json::Object subject);
// RFC 8785 JSON; the signed bytes.
[[nodiscard]] std::string encode_request(const ApprovalRequest& request);
// Exactly as encode_request writes it: kApprovalInvalid; also for a lifetime over kApprovalLifetime.
[[nodiscard]] base::Result<ApprovalRequest> decode_request(std::string_view text);

// A signed request. On paper and in command lines: base64url of RFC 8785 JSON {alg, key_id, request, sig}.
struct Approval {
  std::string request;
  base::KeyId key_id;
  crypto::Algorithm algorithm = crypto::Algorithm::kEd25519;
  base::Bytes signature;
  // Of the request, not of the signature: an ECDSA signature can be changed into another valid one.
  [[nodiscard]] crypto::Digest digest() const;
};

[[nodiscard]] base::Result<Approval> approve(const ApprovalRequest& request, const crypto::PrivateKey& key);
[[nodiscard]] std::string encode_token(const Approval& approval);
[[nodiscard]] base::Result<Approval> decode_token(std::string_view token);  // kApprovalInvalid
// The same as an object, as it stands in the act.
[[nodiscard]] json::Object encode_approval(const Approval& approval);
[[nodiscard]] base::Result<Approval> decode_approval(const json::Value& value);

// The signature is `key`'s (kApprovalInvalid) and `now` is inside the request's time (kApprovalExpired).
[[nodiscard]] base::Result<ApprovalRequest> verify_approval(const Approval& approval, const crypto::PublicKey& key,
                                                            base::Timestamp now);

}  // namespace stargraph::trust
