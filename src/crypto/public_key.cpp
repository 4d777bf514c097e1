#include <openssl/ec.h>

#include <algorithm>
#include <array>
#include <utility>

#include "crypto/ed25519.hpp"
#include "crypto/message.hpp"
#include "crypto/openssl.hpp"
#include "crypto/pem.hpp"
#include "crypto/spki.hpp"
#include "crypto/take.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::crypto {
namespace {

constexpr std::string_view kPublicKeyLabel = "PUBLIC KEY";
constexpr std::string_view kFingerprintDomain = "stargraph.fingerprint.v1";
constexpr std::array kAlgorithms{
    std::pair{Algorithm::kEd25519, std::string_view("ed25519")},
    std::pair{Algorithm::kEcdsaP384Sha384, std::string_view("ecdsa-p384-sha384")},
};

using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;
// SEQUENCE of two INTEGERs of at most 49 bytes.
constexpr std::size_t kLargestEcdsaSignature = 104;

// An ECDSA signature is accepted in its one DER form only: another encoding of the same two numbers
// would be the same signature under another digest.
bool ecdsa_is_der(base::BytesView signature) {
  if (signature.empty() || signature.size() > kLargestEcdsaSignature) return false;
  const unsigned char* cursor = octets(signature);
  const EcdsaSignature parsed(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(signature.size())));
  if (parsed == nullptr) return false;
  std::array<std::byte, kLargestEcdsaSignature> again{};
  const int size = i2d_ECDSA_SIG(parsed.get(), nullptr);
  if (size < 0 || static_cast<std::size_t>(size) != signature.size()) return false;
  unsigned char* out = writable_octets(again);
  i2d_ECDSA_SIG(parsed.get(), &out);
  return std::ranges::equal(std::span(again).first(signature.size()), signature);
}

bool well_formed(Algorithm algorithm, base::BytesView signature) {
  return algorithm == Algorithm::kEd25519 ? ed25519_scalar_is_reduced(signature) : ecdsa_is_der(signature);
}

}  // namespace

std::string_view algorithm_name(Algorithm algorithm) {
  const auto* const row = std::ranges::find(kAlgorithms, algorithm, [](const auto& pair) { return pair.first; });
  SG_CHECK(row != kAlgorithms.end());
  return row->second;
}

base::Result<Algorithm> algorithm_from_name(std::string_view name) {
  const auto* const row = std::ranges::find(kAlgorithms, name, [](const auto& pair) { return pair.second; });
  if (row == kAlgorithms.end())
    return base::fail(base::Code::kAlgorithmRefused, "signature: algorithm: neither ed25519 nor ecdsa-p384-sha384");
  return row->first;
}

struct PublicKey::State {
  Algorithm algorithm;
  base::Bytes der;
  Pkey pkey;
  base::KeyId key_id;
  Digest fingerprint;
};

PublicKey::PublicKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}

base::Result<PublicKey> PublicKey::from_der(base::BytesView spki) {
  SG_TRY(const Spki parts, read_spki(spki));
  SG_TRY(Pkey pkey, checked_public_key(parts));
  return PublicKey(std::make_shared<const State>(State{
      .algorithm = parts.algorithm,
      .der = base::Bytes(spki.begin(), spki.end()),
      .pkey = std::move(pkey),
      .key_id = base::KeyId(sha384(spki).hex()),
      .fingerprint = domain_digest(kFingerprintDomain, spki),
  }));
}

base::Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  SG_TRY(const base::Bytes der, pem_only_block(pem, kPublicKeyLabel));
  return from_der(der);
}

Algorithm PublicKey::algorithm() const { return state_->algorithm; }
base::BytesView PublicKey::der() const { return state_->der; }
std::string PublicKey::pem() const { return pem_text(kPublicKeyLabel, state_->der); }
const base::KeyId& PublicKey::key_id() const { return state_->key_id; }
const Digest& PublicKey::fingerprint() const { return state_->fingerprint; }
bool PublicKey::operator==(const PublicKey& other) const { return state_->der == other.state_->der; }

base::Result<> PublicKey::verify(Algorithm algorithm, std::string_view domain, base::BytesView bytes,
                                 base::BytesView signature) const {
  return verify_raw(algorithm, message_of(domain, bytes), signature);
}

base::Result<> PublicKey::verify_raw(Algorithm algorithm, base::BytesView message, base::BytesView signature) const {
  if (algorithm != state_->algorithm)
    return base::fail(base::Code::kAlgorithmRefused, "signature: algorithm: does not fit the key");
  const ErrorScope errors;
  if (!well_formed(algorithm, signature))
    return base::fail(base::Code::kSignatureInvalid, "signature: bytes: not a canonical signature");
  const DigestContext context(EVP_MD_CTX_new());
  SG_CHECK(context != nullptr);
  const char* digest = algorithm == Algorithm::kEd25519 ? nullptr : "SHA2-384";
  EVP_PKEY_CTX* checking = nullptr;  // the context's
  const bool ready =
      EVP_DigestVerifyInit_ex(context.get(), &checking, digest, nullptr, nullptr, state_->pkey.get(), nullptr) == 1;
  if (ready) note_signature("verify", state_->pkey.get(), checking);
  const bool verified = ready && EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(message),
                                                  message.size()) == 1;
  if (!verified) return base::fail(base::Code::kSignatureInvalid, "signature: message: does not verify");
  return {};
}

}  // namespace stargraph::crypto
