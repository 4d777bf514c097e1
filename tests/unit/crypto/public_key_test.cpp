// Public keys come from strangers: only one form of each is a key.
#include <gtest/gtest.h>

#include "crypto/spki.hpp"
#include "keys.hpp"
#include "stargraph/crypto/signature.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::crypto {
namespace {

using base::Code;

constexpr std::string_view kRfc8032Key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

PublicKey generated(Algorithm algorithm) { return PrivateKey::generate(algorithm).value().public_key(); }

// A key pair made by openssl; gives its public half in DER.
base::Bytes openssl_public(std::vector<std::string> genpkey, std::vector<std::string> form = {}) {
  genpkey.insert(genpkey.begin(), "genpkey");
  const std::string pem = openssl(genpkey);
  std::vector<std::string> pkey{"pkey", "-pubout", "-outform", "DER"};
  pkey.insert(pkey.end(), form.begin(), form.end());
  return base::to_bytes(openssl(pkey, pem));
}

class PublicKeyOf : public ::testing::TestWithParam<Algorithm> {
 protected:
  PublicKey key_ = generated(GetParam());
  base::Bytes der_{key_.der().begin(), key_.der().end()};
};

INSTANTIATE_TEST_SUITE_P(BothAlgorithms, PublicKeyOf,
                         ::testing::Values(Algorithm::kEd25519, Algorithm::kEcdsaP384Sha384), [](const auto& param) {
                           return std::string(param.param == Algorithm::kEd25519 ? "Ed25519" : "EcdsaP384");
                         });

TEST_P(PublicKeyOf, RoundTripsThroughDerAndPem) {
  EXPECT_EQ(PublicKey::from_der(der_).value(), key_);
  EXPECT_EQ(PublicKey::from_pem(key_.pem()).value(), key_);
  EXPECT_EQ(key_.algorithm(), GetParam());
  EXPECT_FALSE(key_ == generated(GetParam()));
}

TEST_P(PublicKeyOf, OpensslReadsItAndWritesTheSameBytes) {
  EXPECT_EQ(openssl({"pkey", "-pubin", "-pubout"}, key_.pem()), key_.pem());
  EXPECT_EQ(openssl({"pkey", "-pubin", "-pubout", "-outform", "DER"}, key_.pem()), base::to_text(der_));
}

TEST_P(PublicKeyOf, IdAndFingerprintAreTheDigestsOfTheFormat) {
  EXPECT_EQ(key_.key_id().str(), sha384(der_).hex());
  EXPECT_EQ(key_.fingerprint(), domain_digest("stargraph.fingerprint.v1", der_));
  EXPECT_NE(key_.fingerprint().hex(), key_.key_id().str());
}

TEST_P(PublicKeyOf, RC_S_PACK_EveryFlippedBitBeforeTheKeyIsRefused) {
  const std::size_t key_size = GetParam() == Algorithm::kEd25519 ? 32 : 96;
  for (std::size_t bit = 0; bit < (der_.size() - key_size) * 8; ++bit) {
    base::Bytes flipped = der_;
    flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    EXPECT_EQ(code_of(PublicKey::from_der(flipped)), Code::kKeyUnsafe) << bit;
  }
}

TEST_P(PublicKeyOf, RC_S_PACK_TruncatedAndExtendedDerIsRefused) {
  for (std::size_t size = 0; size < der_.size(); ++size)
    EXPECT_EQ(code_of(PublicKey::from_der(base::BytesView(der_).first(size))), Code::kKeyUnsafe) << size;
  base::Bytes extended = der_;
  extended.push_back(std::byte{0});
  EXPECT_EQ(code_of(PublicKey::from_der(extended)), Code::kKeyUnsafe);
  extended.insert(extended.end(), der_.begin(), der_.end());
  EXPECT_EQ(code_of(PublicKey::from_der(extended)), Code::kKeyUnsafe);
}

TEST_P(PublicKeyOf, RC_S_PACK_PemMustBeOneBlockAndNothingElse) {
  const std::string pem = key_.pem();
  const std::string no_end_of_line = pem.substr(0, pem.size() - 1);
  EXPECT_TRUE(PublicKey::from_pem(no_end_of_line));
  for (const std::string& text : {std::string(), pem + pem, pem + "x", pem + "\n", "x\n" + pem, "\n" + pem,
                                  pem + generated(GetParam()).pem(), pem.substr(1), pem.substr(0, pem.size() - 2),
                                  std::string("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"),
                                  std::string("-----BEGIN PUBLIC KEY-----")})
    EXPECT_EQ(code_of(PublicKey::from_pem(text)), Code::kMalformed) << text;
}

TEST_P(PublicKeyOf, PemMayHaveTheLineEndsOfOtherSystems) {
  std::string crlf;
  for (const char c : key_.pem()) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(PublicKey::from_pem(crlf).value(), key_);
}

TEST_P(PublicKeyOf, RC_S_PACK_PemOfAnotherLabelIsRefused) {
  for (const std::string_view label : {"CERTIFICATE", "PRIVATE KEY", "RSA PUBLIC KEY", "PUBLIC KEY ", "public key"}) {
    std::string text = key_.pem();
    for (std::size_t at = text.find("PUBLIC KEY"); at != std::string::npos; at = text.find("PUBLIC KEY", at + 20))
      text.replace(at, 10, label);
    EXPECT_EQ(code_of(PublicKey::from_pem(text)), Code::kMalformed) << label;
  }
}

TEST_P(PublicKeyOf, RC_S_PACK_PemHeadersCommentsAndBadBase64AreRefused) {
  const std::string pem = key_.pem();
  const std::size_t body = pem.find('\n') + 1;
  for (const std::string_view inserted : {"Proc-Type: 4,ENCRYPTED\n", "# comment\n", " ", "=", "*", "-----\n"}) {
    std::string text = pem;
    text.insert(body, inserted);
    EXPECT_EQ(code_of(PublicKey::from_pem(text)), Code::kMalformed) << inserted;
  }
  std::string nul = pem;
  nul[body] = '\0';
  EXPECT_EQ(code_of(PublicKey::from_pem(nul)), Code::kMalformed);
}

TEST(PublicKey, PemOfAnEnormousTextIsRefused) {
  std::string text = "-----BEGIN PUBLIC KEY-----\n";
  for (int i = 0; i < 3000; ++i) text += std::string(64, 'A') + "\n";
  EXPECT_EQ(code_of(PublicKey::from_pem(text + "-----END PUBLIC KEY-----\n")), Code::kMalformed);
}

TEST(PublicKey, TakesKeysThatOpensslMade) {
  EXPECT_EQ(PublicKey::from_der(openssl_public({"-algorithm", "ED25519"})).value().algorithm(), Algorithm::kEd25519);
  EXPECT_EQ(PublicKey::from_der(openssl_public({"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"}))
                .value()
                .algorithm(),
            Algorithm::kEcdsaP384Sha384);
}

TEST(PublicKey, RC_S_PACK_RefusesOtherForm) {
  // Compressed points and explicit curve parameters (CVE-2020-0601) of an otherwise good P-384 key.
  const std::vector<std::string> p384{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"};
  EXPECT_EQ(code_of(PublicKey::from_der(openssl_public(p384, {"-ec_conv_form", "compressed"}))), Code::kKeyUnsafe);
  EXPECT_EQ(code_of(PublicKey::from_der(openssl_public(p384, {"-ec_conv_form", "hybrid"}))), Code::kKeyUnsafe);
  EXPECT_EQ(code_of(PublicKey::from_der(openssl_public(p384, {"-ec_param_enc", "explicit"}))), Code::kKeyUnsafe);
}

TEST(PublicKey, RC_S_PACK_RefusesOtherAlgorithms) {
  const std::vector<std::vector<std::string>> others{
      {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
      {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
      {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"},
      {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"},
      {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP384r1"},
      {"-algorithm", "ED448"},
      {"-algorithm", "X25519"},
  };
  for (const auto& options : others)
    EXPECT_EQ(code_of(PublicKey::from_der(openssl_public(options))), Code::kKeyUnsafe) << options.back();
}

TEST(PublicKey, RC_S_PACK_RefusesP384PointsThatAreNotOnTheCurve) {
  const PublicKey good = generated(Algorithm::kEcdsaP384Sha384);
  for (const std::size_t place : {23U + 1U, 23U + 48U, 23U + 49U, 23U + 96U}) {
    base::Bytes moved(good.der().begin(), good.der().end());
    moved[place] ^= std::byte{1};
    EXPECT_EQ(code_of(PublicKey::from_der(moved)), Code::kKeyUnsafe) << place;
  }
  for (const std::byte filler : {std::byte{0}, std::byte{0xff}}) {
    base::Bytes point(kP384PointSize, filler);
    point[0] = std::byte{4};
    EXPECT_EQ(code_of(PublicKey::from_der(write_spki(Algorithm::kEcdsaP384Sha384, point))), Code::kKeyUnsafe);
  }
}

TEST(PublicKey, KnownKeyHasTheKeyIdThatSha384sumGives) {
  const auto key = PublicKey::from_der(ed25519_spki(kRfc8032Key)).value();
  const auto command = test::run_command(
      {"sha384sum", "-"}, {.input = base::to_text(ed25519_spki(kRfc8032Key)), .directory = {}, .environment = {}});
  EXPECT_EQ(key.key_id().str(), command.out.substr(0, 96));
}

}  // namespace
}  // namespace stargraph::crypto
