// Ed25519 against RFC 8032 and against what is known to go wrong with it.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <memory>

#include "crypto/ed25519.hpp"
#include "keys.hpp"
#include "stargraph/crypto/signature.hpp"
#include "support/ed25519_points.hpp"

namespace stargraph::crypto {
namespace {

using base::Code;
using test::kGroupOrder;
using test::kSmallOrder;

struct Rfc8032Vector {
  std::string_view key;
  std::string_view message;
  std::string_view signature;
};

// RFC 8032 7.1, TEST 1 to 3.
constexpr Rfc8032Vector kVectors[] = {
    {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
     "655141438e7a100b"},
    {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
     "b00d291612bb0c00"},
    {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
     "c027beceea1ec40a"},
};

// Little-endian a + b.
base::Bytes sum(base::BytesView a, base::BytesView b) {
  base::Bytes result;
  unsigned carry = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    carry += std::to_integer<unsigned>(a[i]) + std::to_integer<unsigned>(b[i]);
    result.push_back(static_cast<std::byte>(carry & 0xff));
    carry >>= 8;
  }
  EXPECT_EQ(carry, 0U);
  return result;
}

// What OpenSSL alone says, without our checks.
bool evp_verifies(std::string_view key_hex, base::BytesView message, base::BytesView signature) {
  const base::Bytes key = unhex(key_hex);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(key.data()),
                                  key.size()),
      EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
}

TEST(Ed25519, KnownAnswersOfRfc8032Verify) {
  for (const Rfc8032Vector& vector : kVectors) {
    const auto key = PublicKey::from_der(ed25519_spki(vector.key));
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_TRUE(key->verify_raw(Algorithm::kEd25519, unhex(vector.message), unhex(vector.signature)));
    EXPECT_EQ(code_of(key->verify_raw(Algorithm::kEd25519, unhex("00"), unhex(vector.signature))),
              Code::kSignatureInvalid);
  }
}

TEST(Ed25519, RC_T_PACK_RefusesSPlusL) {
  for (const Rfc8032Vector& vector : kVectors) {
    const auto key = PublicKey::from_der(ed25519_spki(vector.key)).value();
    base::Bytes signature = unhex(vector.signature);
    const base::Bytes shifted = sum(base::BytesView(signature).last(32), unhex(kGroupOrder));
    std::ranges::copy(shifted, signature.begin() + 32);
    EXPECT_EQ(code_of(key.verify_raw(Algorithm::kEd25519, unhex(vector.message), signature)), Code::kSignatureInvalid);
  }
}

TEST(Ed25519, RC_T_PACK_RefusesSOfExactlyL) {
  const auto key = PublicKey::from_der(ed25519_spki(kVectors[0].key)).value();
  base::Bytes signature = unhex(kVectors[0].signature);
  std::ranges::copy(unhex(kGroupOrder), signature.begin() + 32);
  EXPECT_EQ(code_of(key.verify_raw(Algorithm::kEd25519, {}, signature)), Code::kSignatureInvalid);
}

// OpenSSL refuses such an S as well; our own check must hold without it.
TEST(Ed25519, RC_T_PACK_OnlyScalarsBelowLAreReduced) {
  const std::string r(64, '0');
  base::Bytes below = unhex(kGroupOrder);
  below.front() ^= std::byte{1};  // L is odd: L - 1
  EXPECT_TRUE(ed25519_scalar_is_reduced(unhex(r + base::to_hex(below))));
  EXPECT_TRUE(ed25519_scalar_is_reduced(unhex(r + r)));
  EXPECT_FALSE(ed25519_scalar_is_reduced(unhex(r + std::string(kGroupOrder))));
  EXPECT_FALSE(ed25519_scalar_is_reduced(unhex(r + std::string(64, 'f'))));
  EXPECT_FALSE(ed25519_scalar_is_reduced(unhex(r)));
  EXPECT_FALSE(ed25519_scalar_is_reduced({}));
}

// R = identity, S = 0 under the key "identity" satisfies the equation for every message: OpenSSL alone
// accepts it, so such a key must never become a PublicKey.
TEST(Ed25519, RC_S_PACK_AKeyOfSmallOrderWouldSignEverything) {
  const base::Bytes forged = unhex(std::string(kSmallOrder[0]) + std::string(64, '0'));
  EXPECT_TRUE(evp_verifies(kSmallOrder[0], base::as_bytes("grant everything"), forged));
  EXPECT_TRUE(evp_verifies(kSmallOrder[0], base::as_bytes("or anything else"), forged));
  EXPECT_EQ(code_of(PublicKey::from_der(ed25519_spki(kSmallOrder[0]))), Code::kKeyUnsafe);
}

TEST(Ed25519, RC_S_PACK_RefusesAllEightPointsOfSmallOrder) {
  for (const std::string_view point : kSmallOrder)
    EXPECT_EQ(code_of(PublicKey::from_der(ed25519_spki(point))), Code::kKeyUnsafe) << point;
}

// y from p to 2^255 - 1 names a point a second time, so one key would have two key ids.
TEST(Ed25519, RC_S_PACK_RefusesAllNonCanonicalEncodings) {
  for (unsigned low = 0xed; low <= 0xff; ++low)
    for (const unsigned high : {0x7fU, 0xffU}) {
      base::Bytes point(32, std::byte{0xff});
      point.front() = static_cast<std::byte>(low);
      point.back() = static_cast<std::byte>(high);
      EXPECT_EQ(code_of(PublicKey::from_der(ed25519_spki(base::to_hex(point)))), Code::kKeyUnsafe) << low;
    }
}

TEST(Ed25519, RC_S_PACK_RefusesAPointOfMixedOrder) {
  ASSERT_GE(sodium_init(), 0);
  const base::Bytes good = unhex(kVectors[0].key);
  const base::Bytes torsion = unhex(kSmallOrder[4]);
  base::Bytes mixed(32);
  ASSERT_EQ(crypto_core_ed25519_add(reinterpret_cast<unsigned char*>(mixed.data()),
                                    reinterpret_cast<const unsigned char*>(good.data()),
                                    reinterpret_cast<const unsigned char*>(torsion.data())),
            0);
  EXPECT_EQ(code_of(PublicKey::from_der(ed25519_spki(base::to_hex(mixed)))), Code::kKeyUnsafe);
}

TEST(Ed25519, RefusesWhatIsNoPointAtAll) {
  // y = 2 has no x on the curve.
  EXPECT_EQ(code_of(PublicKey::from_der(ed25519_spki("02" + std::string(62, '0')))), Code::kKeyUnsafe);
}

TEST(Ed25519, RC_S_PACK_NoSmallOrderRLetsAnotherMessageThrough) {
  const auto key = PublicKey::from_der(ed25519_spki(kVectors[1].key)).value();
  for (const std::string_view point : kSmallOrder)
    EXPECT_EQ(code_of(key.verify_raw(Algorithm::kEd25519, {}, unhex(std::string(point) + std::string(64, '0')))),
              Code::kSignatureInvalid);
}

}  // namespace
}  // namespace stargraph::crypto
