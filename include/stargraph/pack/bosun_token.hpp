// manifest.jwt of a Bosun directory: a compact JWS (RFC 7515) over a tree hash (docs/formats/bosun.md).
//
// Much stricter than a JOSE library: EdDSA and nothing else, no key and no address of a key inside the token, a key
// id that may stand in a file name, and the payload is not looked at before the signature holds.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "stargraph/base/result.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::pack {

// Upstream's twelve reasons by their names, and one of ours: a payload that names another hash than SHA-256.
enum class BosunReason : std::uint8_t {
  kHeaderUnparseable,
  kX5cRejected,
  kAlgNotEddsa,
  kKidMissing,
  kUntrustedKey,
  kSidecarUnreadable,
  kNotEd25519,
  kRecordCorrupt,
  kFingerprintMismatch,
  kSignatureInvalid,
  kTreeHashMismatch,
  kKeyIdMismatch,
  kHashNotApproved,
};

struct BosunReasonRow {
  BosunReason reason;
  std::string_view name;  // upstream's
  base::Code code;        // ours, with its exit code
};
[[nodiscard]] std::span<const BosunReasonRow> bosun_reasons();
[[nodiscard]] std::string_view bosun_reason_name(BosunReason reason);

struct BosunFault {
  BosunReason reason = BosunReason::kHeaderUnparseable;
  std::string detail;  // fixed text, none of the token's
};
// "bosun: <reason>: <detail>" with the code of the table.
[[nodiscard]] base::Error to_error(const BosunFault& fault);

template <class T = void>
using BosunResult = std::expected<T, BosunFault>;

inline constexpr std::size_t kMaxTokenBytes = 8192;

// A token whose header was accepted; nothing is verified yet.
struct BosunToken {
  std::string kid;
  std::string signed_text;  // "header.payload" as received: what is signed
  std::string payload;      // base64url as received
  std::string signature;    // base64url as received
};

struct BosunClaims {
  std::string hash_algorithm;  // "SHA-256" or "BLAKE3"
  std::int64_t issued_at = 0;  // seconds since 1970, as the signer says
  std::string key_id;
  std::string tree_hash;  // 64 lower-case hex digits
};

// ^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$: it becomes part of a file name.
[[nodiscard]] bool is_bosun_key_id(std::string_view text);

// In upstream's order: kHeaderUnparseable (not three parts of base64url, not strict JSON, unknown members),
// kX5cRejected (x5c, x5u, x5t, x5t#S256, jwk, jku), kAlgNotEddsa, kKidMissing (absent, or not a key id).
[[nodiscard]] BosunResult<BosunToken> parse_token(std::string_view text);
// kNotEd25519, kSignatureInvalid; then the payload: kTreeHashMismatch when it is not exactly alg, iat, key_id and
// tree_hash, kKeyIdMismatch when its key_id is not `kid`.
[[nodiscard]] BosunResult<BosunClaims> open_token(const BosunToken& token, const crypto::PublicKey& key);
// A token that parse_token and open_token accept, without a line end. kAlgorithmRefused unless `key` is Ed25519.
[[nodiscard]] base::Result<std::string> make_token(const BosunClaims& claims, const crypto::PrivateKey& key);

}  // namespace stargraph::pack
