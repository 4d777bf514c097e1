#include "crypto/spki.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <string>

#include "crypto/ed25519.hpp"
#include "crypto/take.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/crypto/fips.hpp"

namespace stargraph::crypto {
namespace {

template <class... Octets>
constexpr auto head(Octets... octets) {
  return std::array{static_cast<std::byte>(octets)...};
}

// SEQUENCE { SEQUENCE { OID 1.3.101.112 } BIT STRING (0 unused) ...
constexpr auto kEd25519Head = head(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);
// SEQUENCE { SEQUENCE { OID 1.2.840.10045.2.1, OID 1.3.132.0.34 } BIT STRING (0 unused) 0x04 ...
constexpr auto kP384Head = head(0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00);
constexpr std::byte kUncompressed{0x04};

bool begins_with(base::BytesView bytes, base::BytesView start) {
  return bytes.size() >= start.size() && std::ranges::equal(bytes.first(start.size()), start);
}

std::unexpected<base::Error> unsafe(const char* reason) {
  return base::fail(base::Code::kKeyUnsafe, std::string("public key: ") + reason);
}

base::Result<Pkey> ed25519_key(base::BytesView key) {
  if (!ed25519_is_approved(fips_state())) {
    return base::fail(base::Code::kAlgorithmRefused,
                      "public key: ed25519: the FIPS module in use is older than its approval (FIPS 186-5); "
                      "ecdsa-p384-sha384 is approved");
  }
  if (!ed25519_point_is_safe(key)) return unsafe("Ed25519 point not canonical, not on the curve or of small order");
  Pkey pkey(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, octets(key), key.size()));
  if (pkey == nullptr)
    return base::fail(base::Code::kAlgorithmRefused,
                      "public key: ed25519: not offered by the OpenSSL providers in use");
  note_key("public key", pkey.get());
  return pkey;
}

base::Result<Pkey> p384_key(base::BytesView point) {
  PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1)
    return base::fail(base::Code::kAlgorithmRefused,
                      "public key: ecdsa-p384-sha384: not offered by the OpenSSL providers in use");
  // OSSL_PARAM has no const pointers; fromdata only reads.
  std::string group = "P-384";
  base::Bytes copy(point.begin(), point.end());
  std::array params{
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy.data(), copy.size()),
      OSSL_PARAM_construct_end(),
  };
  EVP_PKEY* raw = nullptr;
  const int made = EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.data());
  Pkey pkey(raw);
  if (made != 1 || pkey == nullptr) return unsafe("P-384 point not on the curve");
  PkeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey.get(), nullptr));
  if (check == nullptr || EVP_PKEY_public_check(check.get()) != 1) return unsafe("P-384 point not on the curve");
  note_key("public key", pkey.get());
  return pkey;
}

}  // namespace

base::Result<Spki> read_spki(base::BytesView der) {
  if (der.size() == kEd25519Head.size() + kEd25519KeySize && begins_with(der, kEd25519Head))
    return Spki{Algorithm::kEd25519, der.subspan(kEd25519Head.size())};
  if (der.size() == kP384Head.size() + kP384PointSize && begins_with(der, kP384Head) &&
      der[kP384Head.size()] == kUncompressed)
    return Spki{Algorithm::kEcdsaP384Sha384, der.subspan(kP384Head.size())};
  return unsafe("not the canonical SubjectPublicKeyInfo of an Ed25519 or P-384 key");
}

base::Bytes write_spki(Algorithm algorithm, base::BytesView key) {
  const bool ed25519 = algorithm == Algorithm::kEd25519;
  SG_CHECK(key.size() == (ed25519 ? kEd25519KeySize : kP384PointSize));
  const base::BytesView start = ed25519 ? base::BytesView(kEd25519Head) : base::BytesView(kP384Head);
  base::Bytes der(start.begin(), start.end());
  der.insert(der.end(), key.begin(), key.end());
  return der;
}

base::Result<Pkey> checked_public_key(const Spki& spki) {
  const ErrorScope errors;
  return spki.algorithm == Algorithm::kEd25519 ? ed25519_key(spki.key) : p384_key(spki.key);
}

}  // namespace stargraph::crypto
