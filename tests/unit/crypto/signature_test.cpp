// What holds for both algorithms: domains, algorithms that are named, signatures in one form only.
#include "stargraph/crypto/signature.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <atomic>
#include <thread>

#include "keys.hpp"

namespace stargraph::crypto {
namespace {

using base::as_bytes;
using base::Code;

constexpr std::string_view kDomain = "stargraph.pack.v1";
constexpr std::string_view kMessage = R"({"id":"soc.triage"})";

Algorithm other(Algorithm algorithm) {
  return algorithm == Algorithm::kEd25519 ? Algorithm::kEcdsaP384Sha384 : Algorithm::kEd25519;
}

class Signature : public ::testing::TestWithParam<Algorithm> {
 protected:
  void SetUp() override { signature_ = key_.sign(kDomain, as_bytes(kMessage)).value(); }
  [[nodiscard]] base::Result<> verify(base::BytesView signature) const {
    return key_.public_key().verify(GetParam(), kDomain, as_bytes(kMessage), signature);
  }
  PrivateKey key_ = PrivateKey::generate(GetParam()).value();
  base::Bytes signature_;
};

INSTANTIATE_TEST_SUITE_P(BothAlgorithms, Signature, ::testing::Values(Algorithm::kEd25519, Algorithm::kEcdsaP384Sha384),
                         [](const auto& param) {
                           return std::string(param.param == Algorithm::kEd25519 ? "Ed25519" : "EcdsaP384");
                         });

TEST_P(Signature, VerifiesWhatItSigned) {
  const auto result = verify(signature_);
  EXPECT_TRUE(result) << result.error().message;
}

TEST_P(Signature, SignsTheEmptyMessageAndALargeOne) {
  const base::Bytes large(3'000'000, std::byte{0x5a});
  for (const base::BytesView message : {base::BytesView{}, base::BytesView(large)}) {
    const base::Bytes signature = key_.sign_raw(message).value();
    EXPECT_TRUE(key_.public_key().verify_raw(GetParam(), message, signature));
  }
}

TEST_P(Signature, RC_S_PACK_IsRefusedUnderAnotherDomain) {
  EXPECT_EQ(
      code_of(key_.public_key().verify(GetParam(), "stargraph.audit.checkpoint.v1", as_bytes(kMessage), signature_)),
      Code::kSignatureInvalid);
  EXPECT_EQ(code_of(key_.public_key().verify_raw(GetParam(), as_bytes(kMessage), signature_)), Code::kSignatureInvalid);
}

TEST_P(Signature, IsOverDomainNulBytes) {
  const std::string message = std::string(kDomain) + '\0' + std::string(kMessage);
  EXPECT_TRUE(key_.public_key().verify_raw(GetParam(), as_bytes(message), signature_));
}

TEST_P(Signature, RC_S_PACK_IsRefusedUnderAnotherKey) {
  const PrivateKey stranger = PrivateKey::generate(GetParam()).value();
  EXPECT_EQ(code_of(stranger.public_key().verify(GetParam(), kDomain, as_bytes(kMessage), signature_)),
            Code::kSignatureInvalid);
}

TEST_P(Signature, RC_S_PACK_AlgorithmIsNeverTakenFromTheKey) {
  EXPECT_EQ(code_of(key_.public_key().verify(other(GetParam()), kDomain, as_bytes(kMessage), signature_)),
            Code::kAlgorithmRefused);
  const PrivateKey different = PrivateKey::generate(other(GetParam())).value();
  EXPECT_EQ(code_of(different.public_key().verify(other(GetParam()), kDomain, as_bytes(kMessage), signature_)),
            Code::kSignatureInvalid);
}

TEST_P(Signature, SG_T_PACK_EveryFlippedBitOfTheSignatureIsRefused) {
  for (std::size_t bit = 0; bit < signature_.size() * 8; ++bit) {
    base::Bytes flipped = signature_;
    flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    EXPECT_EQ(code_of(verify(flipped)), Code::kSignatureInvalid) << bit;
  }
}

TEST_P(Signature, SG_T_PACK_EveryFlippedBitOfTheMessageIsRefused) {
  for (std::size_t bit = 0; bit < kMessage.size() * 8; ++bit) {
    std::string flipped(kMessage);
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(code_of(key_.public_key().verify(GetParam(), kDomain, as_bytes(flipped), signature_)),
              Code::kSignatureInvalid)
        << bit;
  }
}

TEST_P(Signature, SG_T_PACK_TruncatedAndExtendedSignaturesAreRefused) {
  for (std::size_t size = 0; size < signature_.size(); ++size)
    EXPECT_EQ(code_of(verify(base::BytesView(signature_).first(size))), Code::kSignatureInvalid) << size;
  for (const std::size_t more : {1U, 2U, 64U, 5000U}) {
    base::Bytes extended = signature_;
    extended.resize(extended.size() + more);
    EXPECT_EQ(code_of(verify(extended)), Code::kSignatureInvalid) << more;
  }
}

TEST_P(Signature, SG_T_PACK_AllZeroAndAllOneSignaturesAreRefused) {
  EXPECT_EQ(code_of(verify(base::Bytes(signature_.size()))), Code::kSignatureInvalid);
  EXPECT_EQ(code_of(verify(base::Bytes(signature_.size(), std::byte{0xff}))), Code::kSignatureInvalid);
}

// Callers on the same thread decide by OpenSSL's error queue whether a TLS connection failed.
TEST_P(Signature, LeavesTheErrorQueueAsItWas) {
  ERR_clear_error();
  base::Bytes broken = signature_;
  broken.back() ^= std::byte{1};
  EXPECT_FALSE(verify(broken));
  EXPECT_FALSE(verify({}));
  EXPECT_FALSE(PublicKey::from_der(broken));
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST_P(Signature, OneKeyServesManyThreads) {
  const PublicKey shared = key_.public_key();
  std::atomic<int> verified = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([this, shared, &verified] {
      for (int round = 0; round < 20; ++round)
        if (shared.verify(GetParam(), kDomain, as_bytes(kMessage), signature_)) ++verified;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(verified, 160);
}

TEST(AlgorithmNames, AreTheTwoOfTheFormatAndNothingElse) {
  for (const Algorithm algorithm : {Algorithm::kEd25519, Algorithm::kEcdsaP384Sha384})
    EXPECT_EQ(algorithm_from_name(algorithm_name(algorithm)).value(), algorithm);
  EXPECT_EQ(algorithm_name(Algorithm::kEd25519), "ed25519");
  EXPECT_EQ(algorithm_name(Algorithm::kEcdsaP384Sha384), "ecdsa-p384-sha384");
  for (const std::string_view name : {"", "none", "None", "Ed25519", "ed25519 ", "EdDSA", "HS256", "ES384", "rsa"})
    EXPECT_EQ(code_of(algorithm_from_name(name)), Code::kAlgorithmRefused) << name;
}

TEST(SignatureDeathTest, ADomainWithNulIsOurMistake) {
  const PrivateKey key = PrivateKey::generate(Algorithm::kEd25519).value();
  EXPECT_DEATH(static_cast<void>(key.sign(std::string_view("a\0b", 3), {})), "domain");
  EXPECT_DEATH(static_cast<void>(key.public_key().verify(Algorithm::kEd25519, "", {}, {})), "domain");
}

// --- ECDSA only: the DER of (r, s) -----------------------------------------------------------------

struct Integers {
  base::Bytes r;
  base::Bytes s;
};

// Splits 30 len 02 len r 02 len s; all lengths are below 128.
Integers split(const base::Bytes& der) {
  const auto at = [&der](std::size_t i) { return std::to_integer<std::size_t>(der.at(i)); };
  const auto r = der.begin() + 4;
  const auto r_end = r + static_cast<std::ptrdiff_t>(at(3));
  return {{r, r_end}, {r_end + 2, der.end()}};
}

void append_length(base::Bytes& out, std::size_t size, bool long_form) {
  if (long_form) out.push_back(std::byte{0x81});
  out.push_back(static_cast<std::byte>(size));
}

void append_integer(base::Bytes& out, const base::Bytes& value, bool long_form = false) {
  out.push_back(std::byte{0x02});
  append_length(out, value.size(), long_form);
  out.insert(out.end(), value.begin(), value.end());
}

base::Bytes sequence(const base::Bytes& content, bool long_form = false) {
  base::Bytes out{std::byte{0x30}};
  append_length(out, content.size(), long_form);
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

class EcdsaEncoding : public ::testing::Test {
 protected:
  [[nodiscard]] Code verify(const base::Bytes& signature) const {
    return code_of(key_.public_key().verify_raw(Algorithm::kEcdsaP384Sha384, as_bytes("m"), signature));
  }
  PrivateKey key_ = PrivateKey::generate(Algorithm::kEcdsaP384Sha384).value();
  base::Bytes signature_ = key_.sign_raw(as_bytes("m")).value();
  Integers parts_ = split(signature_);
};

TEST_F(EcdsaEncoding, TheTestsOwnWriterMakesTheSameBytes) {
  base::Bytes content;
  append_integer(content, parts_.r);
  append_integer(content, parts_.s);
  EXPECT_EQ(sequence(content), signature_);
}

TEST_F(EcdsaEncoding, RC_T_PACK_RefusesLongFormLengths) {
  base::Bytes content;
  append_integer(content, parts_.r);
  append_integer(content, parts_.s);
  EXPECT_EQ(verify(sequence(content, true)), Code::kSignatureInvalid);
  content.clear();
  append_integer(content, parts_.r, true);
  append_integer(content, parts_.s);
  EXPECT_EQ(verify(sequence(content)), Code::kSignatureInvalid);
}

TEST_F(EcdsaEncoding, RC_T_PACK_RefusesPaddedAndNegativeIntegers) {
  base::Bytes padded = parts_.r;
  padded.insert(padded.begin(), std::byte{0});
  base::Bytes content;
  append_integer(content, padded);
  append_integer(content, parts_.s);
  EXPECT_EQ(verify(sequence(content)), Code::kSignatureInvalid);
  base::Bytes negative = parts_.r;
  if (negative.front() == std::byte{0}) negative.erase(negative.begin());
  negative.front() |= std::byte{0x80};
  content.clear();
  append_integer(content, negative);
  append_integer(content, parts_.s);
  EXPECT_EQ(verify(sequence(content)), Code::kSignatureInvalid);
}

TEST_F(EcdsaEncoding, RC_T_PACK_RefusesIndefiniteLengthAndInnerTrailingBytes) {
  base::Bytes content;
  append_integer(content, parts_.r);
  append_integer(content, parts_.s);
  base::Bytes indefinite{std::byte{0x30}, std::byte{0x80}};
  indefinite.insert(indefinite.end(), content.begin(), content.end());
  indefinite.resize(indefinite.size() + 2);
  EXPECT_EQ(verify(indefinite), Code::kSignatureInvalid);
  content.push_back(std::byte{0x05});
  content.push_back(std::byte{0x00});
  EXPECT_EQ(verify(sequence(content)), Code::kSignatureInvalid);
}

// CVE-2022-21449: r = s = 0 verified everything in one well-known runtime.
TEST_F(EcdsaEncoding, RC_S_PACK_RefusesZeroAndGroupOrderValues) {
  const base::Bytes order =
      unhex("00ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973");
  const base::Bytes zero{std::byte{0}};
  const base::Bytes one{std::byte{1}};
  for (const auto& [r, s] : {std::pair{zero, zero}, std::pair{zero, one}, std::pair{one, zero}, std::pair{order, order},
                             std::pair{order, one}, std::pair{one, order}}) {
    base::Bytes content;
    append_integer(content, r);
    append_integer(content, s);
    EXPECT_EQ(verify(sequence(content)), Code::kSignatureInvalid);
  }
}

TEST_F(EcdsaEncoding, RefusesTheRawPairThatJoseUses) {
  base::Bytes raw;
  for (base::Bytes part : {parts_.r, parts_.s}) {
    if (part.size() > 48) part.erase(part.begin());
    part.insert(part.begin(), 48 - part.size(), std::byte{0});
    raw.insert(raw.end(), part.begin(), part.end());
  }
  EXPECT_EQ(verify(raw), Code::kSignatureInvalid);
}

}  // namespace
}  // namespace stargraph::crypto
