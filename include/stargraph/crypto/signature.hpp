// Signatures: ed25519 and ecdsa-p384-sha384 over `domain || 0x00 || bytes`, given whole to
// EVP_DigestSign/EVP_DigestVerify. The algorithm is always named, never inferred from a key's type:
// an algorithm that does not fit the key is kAlgorithmRefused.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/strong.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/crypto/secret.hpp"

namespace stargraph::crypto {

enum class Algorithm : std::uint8_t { kEd25519, kEcdsaP384Sha384 };
[[nodiscard]] std::string_view algorithm_name(Algorithm algorithm);
[[nodiscard]] base::Result<Algorithm> algorithm_from_name(std::string_view name);  // kAlgorithmRefused

// A public key that passed its checks: canonical DER SubjectPublicKeyInfo of exactly one of the two
// algorithms; Ed25519 points canonical and not of small order (libsodium); P-384 points on the curve.
// Anything else is kKeyUnsafe. Copies share one immutable key; any thread may use it.
class PublicKey {
 public:
  [[nodiscard]] static base::Result<PublicKey> from_der(base::BytesView spki);
  // Exactly one PUBLIC KEY block, nothing before or after it but the last line end; else kMalformed.
  [[nodiscard]] static base::Result<PublicKey> from_pem(std::string_view pem);
  [[nodiscard]] Algorithm algorithm() const;
  [[nodiscard]] base::BytesView der() const;
  [[nodiscard]] std::string pem() const;
  [[nodiscard]] const base::KeyId& key_id() const;  // hex SHA-384 of der()
  // D("stargraph.fingerprint.v1", der()): what people compare. Never printed for a key not pinned yet.
  [[nodiscard]] const Digest& fingerprint() const;
  // kSignatureInvalid when it does not verify; for Ed25519 also when S >= L (RFC 8032 5.1.7), for ECDSA
  // also when it is not DER. (r, n - s) is a valid ECDSA signature of the same message to everybody, so
  // a signature's bytes must never serve as an identity.
  [[nodiscard]] base::Result<> verify(Algorithm algorithm, std::string_view domain, base::BytesView bytes,
                                      base::BytesView signature) const;
  // Without a domain: upstream JWS only.
  [[nodiscard]] base::Result<> verify_raw(Algorithm algorithm, base::BytesView message,
                                          base::BytesView signature) const;
  bool operator==(const PublicKey& other) const;

 private:
  struct State;
  explicit PublicKey(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
  friend class PrivateKey;
};

class PrivateKey {
 public:
  [[nodiscard]] static base::Result<PrivateKey> generate(Algorithm algorithm);
  // PKCS#8 PEM, one block; `passphrase` empty for an unencrypted one. kUsage when a passphrase is missing
  // or needless, kCrypto when it is wrong, kKeyUnsafe for any other kind of key, kMalformed.
  [[nodiscard]] static base::Result<PrivateKey> from_pem(const Secret& pem, const Secret& passphrase);
  // PKCS#8 PEM; encrypted (PBES2, AES-256-CBC, PBKDF2-HMAC-SHA-384, 210,000 rounds) when `passphrase` is
  // not empty; kTooLarge over 1,024 bytes of it.
  [[nodiscard]] base::Result<Secret> to_pem(const Secret& passphrase) const;
  [[nodiscard]] const PublicKey& public_key() const;
  [[nodiscard]] base::Result<base::Bytes> sign(std::string_view domain, base::BytesView bytes) const;
  [[nodiscard]] base::Result<base::Bytes> sign_raw(base::BytesView message) const;
  ~PrivateKey();
  PrivateKey(PrivateKey&&) noexcept;
  PrivateKey& operator=(PrivateKey&&) noexcept;

 private:
  struct State;
  explicit PrivateKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace stargraph::crypto
