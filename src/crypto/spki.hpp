// SubjectPublicKeyInfo (RFC 5280 4.1, RFC 8410, RFC 5480) of the two algorithms. Both have exactly one
// DER form of a fixed length, so they are matched against a constant head instead of being parsed:
// no parser sees bytes of an untrusted key.
#pragma once

#include "crypto/openssl.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::crypto {

inline constexpr std::size_t kEd25519KeySize = 32;
inline constexpr std::size_t kP384CoordinateSize = 48;
inline constexpr std::size_t kP384PointSize = 1 + 2 * kP384CoordinateSize;  // 0x04 || X || Y

struct Spki {
  Algorithm algorithm;
  base::BytesView key;  // Ed25519: 32 bytes; P-384: the uncompressed point; points into the argument
};

// kKeyUnsafe for anything but the canonical form of the two.
[[nodiscard]] base::Result<Spki> read_spki(base::BytesView der);
// `key` as in Spki, of the right size.
[[nodiscard]] base::Bytes write_spki(Algorithm algorithm, base::BytesView key);
// The EVP key of a point that passed its checks: kKeyUnsafe, or kAlgorithmRefused when the providers in
// use do not offer the algorithm.
[[nodiscard]] base::Result<Pkey> checked_public_key(const Spki& spki);

}  // namespace stargraph::crypto
