#include "stargraph/pack/bosun_token.hpp"

#include <algorithm>
#include <array>

#include "stargraph/base/check.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::pack {
namespace {

using base::Code;

constexpr auto kReasons = std::to_array<BosunReasonRow>({
    {BosunReason::kHeaderUnparseable, "header-unparseable", Code::kHeaderUnparseable},
    {BosunReason::kX5cRejected, "x5c-rejected", Code::kKeyUnsafe},
    {BosunReason::kAlgNotEddsa, "alg-not-eddsa", Code::kAlgorithmRefused},
    {BosunReason::kKidMissing, "kid-missing", Code::kHeaderUnparseable},
    {BosunReason::kUntrustedKey, "untrusted-key", Code::kSignerNotPinned},
    {BosunReason::kSidecarUnreadable, "sidecar-unreadable", Code::kMalformed},
    {BosunReason::kNotEd25519, "not-ed25519", Code::kKeyUnsafe},
    {BosunReason::kRecordCorrupt, "record-corrupt", Code::kReceiptInvalid},
    {BosunReason::kFingerprintMismatch, "fingerprint-mismatch", Code::kFingerprintMismatch},
    {BosunReason::kSignatureInvalid, "signature-invalid", Code::kSignatureInvalid},
    {BosunReason::kTreeHashMismatch, "tree-hash-mismatch", Code::kTreeHashMismatch},
    {BosunReason::kKeyIdMismatch, "key-id-mismatch", Code::kKeyIdMismatch},
    {BosunReason::kHashNotApproved, "hash-not-approved", Code::kHashNotApproved},
});

// Members by which a token would bring, or name, the key that is to judge it.
constexpr std::array<std::string_view, 6> kEmbeddedKeys{"x5c", "x5u", "x5t", "x5t#S256", "jwk", "jku"};

const BosunReasonRow& row_of(BosunReason reason) {
  const auto index = static_cast<std::size_t>(reason);
  SG_CHECK(index < kReasons.size() && kReasons.at(index).reason == reason);
  return kReasons.at(index);
}

std::unexpected<BosunFault> refuse(BosunReason reason, std::string detail) {
  return std::unexpected(BosunFault{reason, std::move(detail)});
}

const std::string* text_of(const json::Object& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value == nullptr ? nullptr : value->string();
}

BosunResult<std::string> check_header(const json::Value& value) {
  const json::Object* header = value.object();
  if (header == nullptr) return refuse(BosunReason::kHeaderUnparseable, "header: not an object");
  const auto present = [&](std::string_view name) { return header->find(name) != nullptr; };
  if (std::ranges::any_of(kEmbeddedKeys, present)) {
    return refuse(BosunReason::kX5cRejected, "header: a key, or the address of one, inside the token");
  }
  const std::string* algorithm = text_of(*header, "alg");
  if (algorithm == nullptr || *algorithm != "EdDSA") return refuse(BosunReason::kAlgNotEddsa, "header: alg");
  const std::string* kid = text_of(*header, "kid");
  if (kid == nullptr || !is_bosun_key_id(*kid)) {
    return refuse(BosunReason::kKidMissing, "header: kid: absent, or not a key id");
  }
  const std::string* type = text_of(*header, "typ");
  if ((type == nullptr || *type != "JWT") && present("typ")) {
    return refuse(BosunReason::kHeaderUnparseable, "header: typ: not JWT");
  }
  if (header->size() != (present("typ") ? 3U : 2U)) {
    return refuse(BosunReason::kHeaderUnparseable, "header: a member that this program does not know");
  }
  return *kid;
}

BosunResult<BosunClaims> read_claims(const std::string& payload) {
  const auto refuse_payload = [] {
    return refuse(BosunReason::kTreeHashMismatch, "payload: not exactly alg, iat, key_id and tree_hash");
  };
  const auto bytes = base::from_base64url(payload);
  if (!bytes) return refuse_payload();
  const auto value = json::parse(*bytes);
  if (!value) return refuse_payload();
  json::Reader in(*value, "payload");
  BosunClaims claims;
  claims.hash_algorithm = in.text("alg", 1, 32);
  claims.issued_at = in.integer("iat", 0, json::kMaxInteger);
  claims.key_id = in.text("key_id", 1, 128);
  claims.tree_hash = in.text("tree_hash", 64, 64);
  const bool hex = base::from_hex(claims.tree_hash).has_value() &&
                   std::ranges::none_of(claims.tree_hash, [](char c) { return c >= 'A' && c <= 'F'; });
  if (!in.finish() || !hex) return refuse_payload();
  return claims;
}

}  // namespace

std::span<const BosunReasonRow> bosun_reasons() { return kReasons; }
std::string_view bosun_reason_name(BosunReason reason) { return row_of(reason).name; }

base::Error to_error(const BosunFault& fault) {
  const BosunReasonRow& row = row_of(fault.reason);
  return {row.code, "bosun: " + std::string(row.name) + ": " + fault.detail};
}

bool is_bosun_key_id(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 128 && plain(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

BosunResult<BosunToken> parse_token(std::string_view text) {
  const auto unparseable = [](const char* why) { return refuse(BosunReason::kHeaderUnparseable, why); };
  if (text.size() > kMaxTokenBytes) return unparseable("token: longer than 8,192 bytes");
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) {
    return unparseable("token: not three parts");
  }
  const auto header = base::from_base64url(text.substr(0, first));
  if (!header) return unparseable("header: not base64url");
  const auto value = json::parse(*header);
  if (!value) return unparseable("header: not strict JSON");
  SG_TRY(std::string kid, check_header(*value));
  return BosunToken{std::move(kid), std::string(text.substr(0, second)),
                    std::string(text.substr(first + 1, second - first - 1)), std::string(text.substr(second + 1))};
}

BosunResult<BosunClaims> open_token(const BosunToken& token, const crypto::PublicKey& key) {
  if (key.algorithm() != crypto::Algorithm::kEd25519) return refuse(BosunReason::kNotEd25519, "key: not Ed25519");
  const auto signature = base::from_base64url(token.signature);
  if (!signature || !key.verify_raw(crypto::Algorithm::kEd25519, base::as_bytes(token.signed_text), *signature)) {
    return refuse(BosunReason::kSignatureInvalid, "token: does not verify under the key");
  }
  SG_TRY(BosunClaims claims, read_claims(token.payload));
  if (claims.key_id != token.kid) {
    return refuse(BosunReason::kKeyIdMismatch, "payload: key_id: another than the header's kid");
  }
  return claims;
}

base::Result<std::string> make_token(const BosunClaims& claims, const crypto::PrivateKey& key) {
  if (key.public_key().algorithm() != crypto::Algorithm::kEd25519) {
    return base::fail(Code::kAlgorithmRefused, "sign-bosun: key: the format knows Ed25519 keys only");
  }
  const auto part = [](const json::Value& value) { return base::to_base64url(base::as_bytes(json::canonical(value))); };
  const std::string header = part(json::Object{{"alg", "EdDSA"}, {"kid", claims.key_id}, {"typ", "JWT"}});
  const std::string payload = part(json::Object{{"alg", claims.hash_algorithm},
                                                {"iat", claims.issued_at},
                                                {"key_id", claims.key_id},
                                                {"tree_hash", claims.tree_hash}});
  std::string text = header + "." + payload;
  SG_TRY(const base::Bytes signature, key.sign_raw(base::as_bytes(text)));
  return text + "." + base::to_base64url(signature);
}

}  // namespace stargraph::pack
