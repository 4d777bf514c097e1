#include "stargraph/trust/approval.hpp"

#include <array>

#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kMaxTokenBytes = 2 * kMaxRequestBytes;

std::unexpected<base::Error> invalid(const std::string& why) {
  return fail(Code::kApprovalInvalid, "approval: " + why);
}

bool is_nonce(std::string_view text) {
  return text.size() == 2 * kNonceBytes && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<ApprovalRequest> read_request(const json::Value& value) {
  json::Reader in(value, "approval request");
  ApprovalRequest request;
  if (in.text("format", 1, 64) != kApprovalFormat) in.refuse("format", Code::kMalformed, "not known");
  request.act = in.text("act", 1, 64);
  const json::Value& subject = in.value("subject");
  if (subject.object() == nullptr) in.refuse("subject", Code::kMalformed, "expected an object");
  request.nonce = in.text("nonce", 1, 64);
  if (!is_nonce(request.nonce)) in.refuse("nonce", Code::kMalformed, "expected 32 hex digits");
  const std::string created = in.text("created", 1, 64);
  const std::string expires = in.text("expires", 1, 64);
  SG_TRY(in.finish());
  request.subject = *subject.object();
  SG_TRY(request.created, base::parse_rfc3339(created));
  SG_TRY(request.expires, base::parse_rfc3339(expires));
  return request;
}

}  // namespace

ApprovalRequest make_request(base::Env& env, std::string_view act, json::Object subject) {
  std::array<std::byte, kNonceBytes> nonce{};
  crypto::random_bytes(nonce);
  const base::Timestamp now = env.now();
  return {std::string(act), std::move(subject), base::to_hex(nonce), now, now + kApprovalLifetime};
}

std::string encode_request(const ApprovalRequest& request) {
  return json::canonical(json::Object{{"act", request.act},
                                      {"created", base::format_rfc3339(request.created)},
                                      {"expires", base::format_rfc3339(request.expires)},
                                      {"format", kApprovalFormat},
                                      {"nonce", request.nonce},
                                      {"subject", request.subject}});
}

Result<ApprovalRequest> decode_request(std::string_view text) {
  if (text.size() > kMaxRequestBytes) return invalid("request: too large");
  const auto value = json::parse(base::as_bytes(text));
  if (!value) return invalid("request: " + value.error().message);
  auto request = read_request(*value);
  if (!request) return invalid("request: " + request.error().message);
  // One request has one form, so that its digest can say whether it was used.
  if (encode_request(*request) != text) return invalid("request: not as RFC 8785 writes it");
  if (request->expires <= request->created || request->expires - request->created > kApprovalLifetime) {
    return invalid("request: its time is none, or too long");
  }
  return request;
}

crypto::Digest Approval::digest() const { return crypto::domain_digest(kApprovalDomain, request); }

Result<Approval> approve(const ApprovalRequest& request, const crypto::PrivateKey& key) {
  Approval approval;
  approval.request = encode_request(request);
  SG_TRY(decode_request(approval.request));
  approval.key_id = key.public_key().key_id();
  approval.algorithm = key.public_key().algorithm();
  SG_TRY(approval.signature, key.sign(kApprovalDomain, base::as_bytes(approval.request)));
  return approval;
}

json::Object encode_approval(const Approval& approval) {
  return json::Object{{"alg", crypto::algorithm_name(approval.algorithm)},
                      {"key_id", approval.key_id.str()},
                      {"request", approval.request},
                      {"sig", base::to_base64(approval.signature)}};
}

Result<Approval> decode_approval(const json::Value& value) {
  json::Reader in(value, "approval");
  Approval approval;
  const std::string algorithm = in.text("alg", 1, 32);
  const std::string key_id = in.text("key_id", 96, 96);
  approval.request = in.text("request", 1, kMaxRequestBytes);
  const std::string signature = in.text("sig", 1, 512);
  if (const auto done = in.finish(); !done) return invalid(done.error().message);
  const auto known = crypto::algorithm_from_name(algorithm);
  const auto bytes = base::from_base64(signature);
  if (!known || !bytes || !crypto::Digest::from_hex(key_id)) return invalid("token: algorithm, key or signature");
  approval.algorithm = *known;
  approval.key_id = base::KeyId(key_id);
  approval.signature = *bytes;
  return approval;
}

std::string encode_token(const Approval& approval) {
  return base::to_base64url(base::as_bytes(json::canonical(encode_approval(approval))));
}

Result<Approval> decode_token(std::string_view token) {
  if (token.size() > kMaxTokenBytes) return invalid("token: too large");
  const auto bytes = base::from_base64url(token);
  if (!bytes) return invalid("token: not base64url");
  const auto value = json::parse(*bytes);
  if (!value) return invalid("token: " + value.error().message);
  return decode_approval(*value);
}

Result<ApprovalRequest> verify_approval(const Approval& approval, const crypto::PublicKey& key, base::Timestamp now) {
  if (key.key_id() != approval.key_id) return invalid("signed by another key");
  if (!key.verify(approval.algorithm, kApprovalDomain, base::as_bytes(approval.request), approval.signature)) {
    return invalid("the signature does not hold");
  }
  SG_TRY(ApprovalRequest request, decode_request(approval.request));
  if (now < request.created || request.expires <= now) {
    return fail(Code::kApprovalExpired, "approval: asked for at another time than now, or too long ago");
  }
  return request;
}

}  // namespace stargraph::trust
