// Private keys, their files, and both directions of signing beside the openssl program.
#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/pem.hpp"
#include "keys.hpp"
#include "stargraph/crypto/signature.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::crypto {
namespace {

using base::as_bytes;
using base::Code;

constexpr std::string_view kMessage = "signed here, verified there";

std::string text_of(const Secret& secret) { return base::to_text(secret.view()); }

class PrivateKeyOf : public ::testing::TestWithParam<Algorithm> {
 protected:
  // `openssl pkeyutl` over the whole message; Ed25519 takes no digest option.
  [[nodiscard]] std::vector<std::string> pkeyutl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"pkeyutl", "-rawin", "-in", (directory_ / "message").string()});
    if (GetParam() == Algorithm::kEcdsaP384Sha384) arguments.insert(arguments.end(), {"-digest", "sha384"});
    return arguments;
  }
  [[nodiscard]] static std::string openssl_private_key() {
    return GetParam() == Algorithm::kEd25519
               ? openssl({"genpkey", "-algorithm", "ED25519"})
               : openssl({"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"});
  }
  test::TempDir directory_;
};

INSTANTIATE_TEST_SUITE_P(BothAlgorithms, PrivateKeyOf,
                         ::testing::Values(Algorithm::kEd25519, Algorithm::kEcdsaP384Sha384), [](const auto& param) {
                           return std::string(param.param == Algorithm::kEd25519 ? "Ed25519" : "EcdsaP384");
                         });

TEST_P(PrivateKeyOf, OpensslVerifiesWhatWeSign) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  directory_.write("message", kMessage);
  directory_.write("signature", key.sign_raw(as_bytes(kMessage)).value());
  directory_.write("public", key.public_key().pem());
  const std::string out = openssl(pkeyutl({"-verify", "-pubin", "-inkey", (directory_ / "public").string(), "-sigfile",
                                           (directory_ / "signature").string()}));
  EXPECT_NE(out.find("Signature Verified Successfully"), std::string::npos) << out;
}

TEST_P(PrivateKeyOf, WeVerifyWhatOpensslSigns) {
  const std::string pem = openssl_private_key();
  directory_.write("message", kMessage);
  directory_.write("key", pem);
  const std::string signature = openssl(pkeyutl({"-sign", "-inkey", (directory_ / "key").string()}));
  const auto key = PrivateKey::from_pem(secret(pem), {});
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->public_key().pem(), openssl({"pkey", "-pubout"}, pem));
  EXPECT_TRUE(key->public_key().verify_raw(GetParam(), as_bytes(kMessage), as_bytes(signature)));
}

TEST_P(PrivateKeyOf, PlainPemIsWhatOpensslWrites) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const std::string pem = text_of(key.to_pem({}).value());
  EXPECT_TRUE(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
  EXPECT_EQ(openssl({"pkey"}, pem), pem);
  EXPECT_EQ(PrivateKey::from_pem(secret(pem), {}).value().public_key(), key.public_key());
}

TEST_P(PrivateKeyOf, EncryptedPemRoundTripsAndOpensslOpensIt) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const Secret pem = key.to_pem(secret("correct horse")).value();
  EXPECT_TRUE(text_of(pem).starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
  EXPECT_EQ(PrivateKey::from_pem(pem, secret("correct horse")).value().public_key(), key.public_key());
  EXPECT_EQ(openssl({"pkey", "-passin", "pass:correct horse", "-pubout"}, text_of(pem)), key.public_key().pem());
}

TEST_P(PrivateKeyOf, SG_I_STATE_EncryptedPemIsPbes2WithAes256AndCostlyDerivation) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const std::string dump = openssl({"asn1parse"}, text_of(key.to_pem(secret("pass")).value()));
  for (const std::string_view expected : {"PBES2", "PBKDF2", "hmacWithSHA384", "aes-256-cbc"})
    EXPECT_NE(dump.find(expected), std::string::npos) << expected << "\n" << dump;
  const std::size_t at = dump.find("INTEGER           :");  // the iterations, in hex
  ASSERT_NE(at, std::string::npos) << dump;
  EXPECT_GE(std::stoul(dump.substr(at + 19), nullptr, 16), 210'000U);
}

TEST_P(PrivateKeyOf, SG_I_STATE_EachEncryptionHasItsOwnSalt) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  EXPECT_NE(text_of(key.to_pem(secret("pass")).value()), text_of(key.to_pem(secret("pass")).value()));
}

TEST_P(PrivateKeyOf, TellsWrongMissingAndNeedlessPassphrasesApart) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const Secret encrypted = key.to_pem(secret("right")).value();
  EXPECT_EQ(code_of(PrivateKey::from_pem(encrypted, secret("wrong"))), Code::kCrypto);
  EXPECT_EQ(code_of(PrivateKey::from_pem(encrypted, {})), Code::kUsage);
  EXPECT_EQ(code_of(PrivateKey::from_pem(key.to_pem({}).value(), secret("right"))), Code::kUsage);
  EXPECT_EQ(code_of(PrivateKey::from_pem(encrypted, Secret(2000))), Code::kTooLarge);
  EXPECT_EQ(code_of(key.to_pem(Secret(2000))), Code::kTooLarge);
}

TEST_P(PrivateKeyOf, PassphrasesMayHoldAnyByte) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const Secret passphrase = secret(std::string_view("a\0b\xc3\xa9", 5));
  const Secret pem = key.to_pem(passphrase).value();
  EXPECT_TRUE(PrivateKey::from_pem(pem, passphrase));
  EXPECT_EQ(code_of(PrivateKey::from_pem(pem, secret("a"))), Code::kCrypto);
}

TEST_P(PrivateKeyOf, MovesWithItsKey) {
  PrivateKey first = PrivateKey::generate(GetParam()).value();
  const PublicKey public_key = first.public_key();
  PrivateKey second(std::move(first));
  PrivateKey third = PrivateKey::generate(GetParam()).value();
  third = std::move(second);
  EXPECT_EQ(third.public_key(), public_key);
  EXPECT_TRUE(public_key.verify(GetParam(), "d", {}, third.sign("d", {}).value()));
}

TEST_P(PrivateKeyOf, RefusesTextThatIsNotOnePkcs8Block) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const std::string pem = text_of(key.to_pem({}).value());
  std::string garbled = pem;
  garbled[40] = '*';
  for (const std::string& text : {std::string(), std::string("x"), pem + pem, pem + "more", "more\n" + pem, garbled,
                                  pem_text("PRIVATE KEY", as_bytes("no key")), key.public_key().pem()})
    EXPECT_EQ(code_of(PrivateKey::from_pem(secret(text), {})), Code::kMalformed) << text.size();
  EXPECT_EQ(code_of(PrivateKey::from_pem(Secret(70'000), {})), Code::kTooLarge);
}

TEST(PrivateKey, RefusesKeysOfOtherAlgorithms) {
  for (const std::vector<std::string>& options :
       std::vector<std::vector<std::string>>{{"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
                                             {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
                                             {"genpkey", "-algorithm", "ED448"},
                                             {"genpkey", "-algorithm", "X25519"}})
    EXPECT_EQ(code_of(PrivateKey::from_pem(secret(openssl(options)), {})), Code::kKeyUnsafe) << options.back();
}

TEST(PrivateKey, RefusesExplicitCurveParameters) {
  const std::string pem = openssl(
      {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-pkeyopt", "ec_param_enc:explicit"});
  EXPECT_EQ(code_of(PrivateKey::from_pem(secret(pem), {})), Code::kKeyUnsafe);
}

TEST(PrivateKey, RefusesTheOldSec1AndPkcs12EncryptedForms) {
  const std::string sec1 = openssl({"ecparam", "-name", "secp384r1", "-genkey", "-noout"});
  EXPECT_EQ(code_of(PrivateKey::from_pem(secret(sec1), {})), Code::kMalformed);
  const std::string pkcs12 = openssl({"pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-passout", "pass:x"},
                                     openssl({"genpkey", "-algorithm", "ED25519"}));
  EXPECT_EQ(code_of(PrivateKey::from_pem(secret(pkcs12), secret("x"))), Code::kAlgorithmRefused);
}

// The file says one public half, the private number has another: what it signs would not verify, or
// would tell the key.
TEST(PrivateKey, SG_T_STATE_RefusesHalvesThatDoNotBelongTogether) {
  const PrivateKey a = PrivateKey::generate(Algorithm::kEcdsaP384Sha384).value();
  const PrivateKey b = PrivateKey::generate(Algorithm::kEcdsaP384Sha384).value();
  base::Bytes der = pem_only_block(text_of(a.to_pem({}).value()), "PRIVATE KEY").value();
  const auto point_a = a.public_key().der().last(97);
  const auto point_b = b.public_key().der().last(97);
  const auto found = std::ranges::search(der, point_a);
  ASSERT_FALSE(found.empty());
  std::ranges::copy(point_b, found.begin());
  EXPECT_EQ(code_of(PrivateKey::from_pem(secret(pem_text("PRIVATE KEY", der)), {})), Code::kKeyUnsafe);
}

// RFC 8032 TEST 2: Ed25519 is deterministic, so signing has a known answer too.
TEST(PrivateKey, Ed25519SignsTheKnownAnswerOfRfc8032) {
  const base::Bytes der = unhex(
      "302e020100300506032b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed"
      "4fb8a6fb");
  const auto key = PrivateKey::from_pem(secret(pem_text("PRIVATE KEY", der)), {}).value();
  EXPECT_EQ(
      base::to_hex(key.sign_raw(unhex("72")).value()),
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302"
      "aeeb00d291612bb0c00");
}

}  // namespace
}  // namespace stargraph::crypto
