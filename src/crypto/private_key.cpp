#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <array>
#include <limits>
#include <utility>

#include "crypto/message.hpp"
#include "crypto/openssl.hpp"
#include "crypto/pem.hpp"
#include "crypto/spki.hpp"
#include "crypto/take.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::crypto {
namespace {

constexpr std::string_view kPlainLabel = "PRIVATE KEY";
constexpr std::string_view kEncryptedLabel = "ENCRYPTED PRIVATE KEY";
constexpr std::size_t kLargestPem = std::size_t{64} * 1024;
constexpr std::size_t kLongestPassphrase = 1024;
// OWASP's figure for PBKDF2 with SHA-512; SHA-384 costs the same.
constexpr int kIterations = 210'000;
constexpr std::size_t kSaltSize = 16;

using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<PKCS8_PRIV_KEY_INFO_free>>;
using EncryptedPkcs8 = std::unique_ptr<X509_SIG, Free<X509_SIG_free>>;
using AlgorithmIdentifier = std::unique_ptr<X509_ALGOR, Free<X509_ALGOR_free>>;

std::unexpected<base::Error> fail(base::Code code, const char* reason) {
  return base::fail(code, std::string("private key: ") + reason);
}

const char* passphrase_text(const Secret& passphrase) {
  return reinterpret_cast<const char*>(passphrase.view().data());
}

base::Result<Pkcs8> decrypt(BIO* pem, const Secret& passphrase) {
  if (passphrase.empty()) return fail(base::Code::kUsage, "it is encrypted: a passphrase is needed");
  if (passphrase.size() > kLongestPassphrase) return fail(base::Code::kTooLarge, "passphrase over 1,024 bytes");
  const EncryptedPkcs8 encrypted(PEM_read_bio_PKCS8(pem, nullptr, nullptr, nullptr));
  if (encrypted == nullptr) return fail(base::Code::kMalformed, "not PKCS#8");
  const X509_ALGOR* scheme = nullptr;
  const ASN1_OBJECT* scheme_id = nullptr;
  X509_SIG_get0(encrypted.get(), &scheme, nullptr);
  X509_ALGOR_get0(&scheme_id, nullptr, nullptr, scheme);
  if (OBJ_obj2nid(scheme_id) != NID_pbes2) return fail(base::Code::kAlgorithmRefused, "not encrypted with PBES2");
  note_pbes2();
  Pkcs8 plain(PKCS8_decrypt_ex(encrypted.get(), passphrase_text(passphrase), static_cast<int>(passphrase.size()),
                               nullptr, nullptr));
  if (plain == nullptr) return fail(base::Code::kCrypto, "wrong passphrase or damaged file");
  return plain;
}

base::Result<Pkcs8> read_pkcs8(const Secret& pem, const Secret& passphrase) {
  if (pem.size() > kLargestPem) return fail(base::Code::kTooLarge, "file over 64 KiB");
  SG_TRY(const std::string_view label, pem_label(base::as_text(pem.view())));
  const Bio bio(BIO_new_mem_buf(pem.view().data(), static_cast<int>(pem.size())));
  SG_CHECK(bio != nullptr);
  if (label == kEncryptedLabel) return decrypt(bio.get(), passphrase);
  if (label != kPlainLabel) return fail(base::Code::kMalformed, "not a PKCS#8 PEM block");
  // Somebody who gives a passphrase believes that the file on the disk is protected.
  if (!passphrase.empty()) return fail(base::Code::kUsage, "it is not encrypted although a passphrase was given");
  Pkcs8 plain(PEM_read_bio_PKCS8_PRIV_KEY_INFO(bio.get(), nullptr, nullptr, nullptr));
  if (plain == nullptr) return fail(base::Code::kMalformed, "not PKCS#8");
  return plain;
}

// True when both halves belong together; a wrong public half would give the private one away in signatures.
bool halves_fit(EVP_PKEY* pkey) {
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey, nullptr));
  return context != nullptr && EVP_PKEY_pairwise_check(context.get()) == 1;
}

base::Result<base::Bytes> ed25519_public(const EVP_PKEY* pkey) {
  base::Bytes key(kEd25519KeySize);
  std::size_t size = key.size();
  if (EVP_PKEY_get_raw_public_key(pkey, writable_octets(key), &size) != 1 || size != key.size())
    return fail(base::Code::kKeyUnsafe, "no Ed25519 public half");
  return write_spki(Algorithm::kEd25519, key);
}

// From the coordinates, so that the form the file stored the point in does not matter.
base::Result<base::Bytes> p384_public(const EVP_PKEY* pkey) {
  std::array<char, 64> group{};
  int explicit_curve = 0;
  if (EVP_PKEY_get_group_name(pkey, group.data(), group.size(), nullptr) != 1 ||
      std::string_view(group.data()) != "secp384r1" ||
      EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_curve) != 1 ||
      explicit_curve != 0)
    return fail(base::Code::kKeyUnsafe, "an EC key, but not on the named curve P-384");
  base::Bytes point(kP384PointSize);
  point[0] = std::byte{0x04};
  for (const auto& [name, offset] : {std::pair{OSSL_PKEY_PARAM_EC_PUB_X, std::size_t{1}},
                                     std::pair{OSSL_PKEY_PARAM_EC_PUB_Y, 1 + kP384CoordinateSize}}) {
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(pkey, name, &raw) != 1) return fail(base::Code::kKeyUnsafe, "no P-384 public half");
    const BigNumber coordinate(raw);
    SG_CHECK(BN_bn2binpad(raw, writable_octets(std::span(point).subspan(offset)), kP384CoordinateSize) ==
             static_cast<int>(kP384CoordinateSize));
  }
  return write_spki(Algorithm::kEcdsaP384Sha384, point);
}

base::Result<PublicKey> public_half(const EVP_PKEY* pkey) {
  if (EVP_PKEY_is_a(pkey, "ED25519") == 1) {
    SG_TRY(const base::Bytes der, ed25519_public(pkey));
    return PublicKey::from_der(der);
  }
  if (EVP_PKEY_is_a(pkey, "EC") == 1) {
    SG_TRY(const base::Bytes der, p384_public(pkey));
    return PublicKey::from_der(der);
  }
  return fail(base::Code::kKeyUnsafe, "neither Ed25519 nor P-384");
}

// PBES2 with AES-256-CBC and PBKDF2-HMAC-SHA-384.
base::Result<EncryptedPkcs8> encrypt(PKCS8_PRIV_KEY_INFO* plain, const Secret& passphrase) {
  if (passphrase.size() > kLongestPassphrase) return fail(base::Code::kTooLarge, "passphrase over 1,024 bytes");
  std::array<std::byte, kSaltSize> salt{};
  random_bytes(salt);
  note_pbes2();
  AlgorithmIdentifier scheme(PKCS5_pbe2_set_iv_ex(EVP_aes_256_cbc(), kIterations, writable_octets(salt),
                                                  static_cast<int>(salt.size()), nullptr, NID_hmacWithSHA384, nullptr));
  if (scheme == nullptr) return fail(base::Code::kCrypto, "PBES2 is not offered by the OpenSSL providers in use");
  EncryptedPkcs8 encrypted(PKCS8_set0_pbe_ex(passphrase_text(passphrase), static_cast<int>(passphrase.size()), plain,
                                             scheme.get(), nullptr, nullptr));
  if (encrypted == nullptr) return fail(base::Code::kCrypto, "encryption failed");
  static_cast<void>(scheme.release());  // PKCS8_set0_pbe_ex took it
  return encrypted;
}

}  // namespace

struct PrivateKey::State {
  Pkey pkey;
  PublicKey public_key;
};

PrivateKey::PrivateKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
PrivateKey::~PrivateKey() = default;
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;
PrivateKey& PrivateKey::operator=(PrivateKey&&) noexcept = default;

base::Result<PrivateKey> PrivateKey::generate(Algorithm algorithm) {
  const ErrorScope errors;
  Pkey pkey(algorithm == Algorithm::kEd25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                             : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
  if (pkey == nullptr) return fail(base::Code::kAlgorithmRefused, "not offered by the OpenSSL providers in use");
  note_key("key generation", pkey.get());
  note_generators();
  SG_TRY(PublicKey public_key, public_half(pkey.get()));
  return PrivateKey(std::make_unique<State>(State{std::move(pkey), std::move(public_key)}));
}

base::Result<PrivateKey> PrivateKey::from_pem(const Secret& pem, const Secret& passphrase) {
  const ErrorScope errors;
  SG_TRY(const Pkcs8 plain, read_pkcs8(pem, passphrase));
  Pkey pkey(EVP_PKCS82PKEY_ex(plain.get(), nullptr, nullptr));
  if (pkey == nullptr) return fail(base::Code::kKeyUnsafe, "not a key that OpenSSL accepts");
  note_key("private key", pkey.get());
  SG_TRY(PublicKey public_key, public_half(pkey.get()));
  if (!halves_fit(pkey.get())) return fail(base::Code::kKeyUnsafe, "its two halves do not belong together");
  return PrivateKey(std::make_unique<State>(State{std::move(pkey), std::move(public_key)}));
}

base::Result<Secret> PrivateKey::to_pem(const Secret& passphrase) const {
  SG_CHECK(state_ != nullptr);
  const ErrorScope errors;
  const Pkcs8 plain(EVP_PKEY2PKCS8(state_->pkey.get()));
  const Bio bio(BIO_new(BIO_s_mem()));  // grows and goes with its old bytes wiped
  SG_CHECK(plain != nullptr && bio != nullptr);
  if (passphrase.empty()) {
    SG_CHECK(PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio.get(), plain.get()) == 1);
  } else {
    SG_TRY(const EncryptedPkcs8 encrypted, encrypt(plain.get(), passphrase));
    SG_CHECK(PEM_write_bio_PKCS8(bio.get(), encrypted.get()) == 1);
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  SG_CHECK(size > 0);
  return Secret::copy(base::as_bytes({data, static_cast<std::size_t>(size)}));
}

const PublicKey& PrivateKey::public_key() const {
  SG_CHECK(state_ != nullptr);
  return state_->public_key;
}

base::Result<base::Bytes> PrivateKey::sign(std::string_view domain, base::BytesView bytes) const {
  return sign_raw(message_of(domain, bytes));
}

base::Result<base::Bytes> PrivateKey::sign_raw(base::BytesView message) const {
  SG_CHECK(state_ != nullptr);
  const ErrorScope errors;
  const DigestContext context(EVP_MD_CTX_new());
  SG_CHECK(context != nullptr);
  const char* digest = state_->public_key.algorithm() == Algorithm::kEd25519 ? nullptr : "SHA2-384";
  std::size_t size = 0;
  EVP_PKEY_CTX* signing = nullptr;  // the context's
  if (EVP_DigestSignInit_ex(context.get(), &signing, digest, nullptr, nullptr, state_->pkey.get(), nullptr) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, octets(message), message.size()) != 1)
    return fail(base::Code::kCrypto, "signing failed");
  note_signature("sign", state_->pkey.get(), signing);
  base::Bytes signature(size);
  if (EVP_DigestSign(context.get(), writable_octets(signature), &size, octets(message), message.size()) != 1)
    return fail(base::Code::kCrypto, "signing failed");
  signature.resize(size);
  return signature;
}

}  // namespace stargraph::crypto
