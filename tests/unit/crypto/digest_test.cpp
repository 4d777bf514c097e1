#include "stargraph/crypto/digest.hpp"

#include <gtest/gtest.h>

#include "keys.hpp"

namespace stargraph::crypto {
namespace {

using base::as_bytes;
using base::Code;

// FIPS 180-4 examples as NIST publishes them.
TEST(Sha384, KnownAnswersOfNist) {
  EXPECT_EQ(sha384("abc").hex(),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(sha384("").hex(),
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b");
  EXPECT_EQ(sha384("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
                   "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu")
                .hex(),
            "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039");
}

TEST(Sha384, AgreesWithSha384sumForEverySizeAroundABlock) {
  std::string text;
  for (int i = 0; i < 260; ++i) text += static_cast<char>(i * 7);
  for (const std::size_t size : {1U, 111U, 112U, 127U, 128U, 129U, 255U, 256U, 260U}) {
    const auto command =
        test::run_command({"sha384sum", "-"}, {.input = text.substr(0, size), .directory = {}, .environment = {}});
    EXPECT_EQ(sha384(std::string_view(text).substr(0, size)).hex(), command.out.substr(0, 96)) << size;
  }
}

TEST(Sha384, StreamingGivesTheSameAsOneShotForEverySplit) {
  const std::string_view text = "the same bytes, however they arrive";
  for (std::size_t i = 0; i <= text.size(); ++i)
    EXPECT_EQ(Sha384().update(text.substr(0, i)).update(text.substr(i)).finish(), sha384(text)) << i;
}

TEST(Sha384, MovesWithItsState) {
  Sha384 first;
  first.update("a");
  Sha384 second(std::move(first));
  second.update("bc");
  Sha384 third;
  third = std::move(second);
  EXPECT_EQ(third.finish(), sha384("abc"));
}

TEST(Sha384DeathTest, FinishTwiceIsOurMistakeAndEndsTheProcess) {
  EXPECT_DEATH(
      {
        Sha384 digest;
        static_cast<void>(digest.finish());
        static_cast<void>(digest.finish());
      },
      "state_");
}

TEST(Sha256, KnownAnswerOfNist) {
  EXPECT_EQ(base::to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(DomainDigest, IsSha384OverDomainNulBytes) {
  EXPECT_EQ(domain_digest("stargraph.graph.v1", "{}"), sha384(std::string_view("stargraph.graph.v1\0{}", 21)));
  EXPECT_EQ(domain_digest("stargraph.graph.v1", as_bytes("{}")), domain_digest("stargraph.graph.v1", "{}"));
}

TEST(DomainDigest, RC_T_SPEC_BytesCannotMoveBetweenDomainAndContent) {
  EXPECT_NE(domain_digest("stargraph.a", "b"), domain_digest("stargraph.", "ab"));
  EXPECT_NE(domain_digest("stargraph.a", ""), sha384("stargraph.a"));
}

TEST(DomainDigestDeathTest, DomainWithNulIsOurMistake) {
  EXPECT_DEATH(static_cast<void>(domain_digest(std::string_view("a\0b", 3), "")), "domain");
  EXPECT_DEATH(static_cast<void>(domain_digest("", "")), "domain");
}

TEST(Digest, HexRoundTrip) {
  const Digest digest = sha384("x");
  EXPECT_EQ(Digest::from_hex(digest.hex()).value(), digest);
  EXPECT_EQ(Digest::from_bytes(digest.bytes()).value(), digest);
  EXPECT_EQ(Digest().hex(), std::string(96, '0'));
}

TEST(Digest, RefusesEveryOtherText) {
  const std::string good = sha384("x").hex();
  std::string upper = good;
  upper[0] = 'A';
  std::string bad = good;
  bad[95] = 'g';
  for (const std::string& text :
       {std::string(), good.substr(1), good + "0", good + "00", upper, bad, " " + good.substr(1)})
    EXPECT_EQ(code_of(Digest::from_hex(text)), Code::kMalformed) << text;
}

TEST(Digest, RefusesOtherSizes) {
  EXPECT_EQ(code_of(Digest::from_bytes({})), Code::kMalformed);
  EXPECT_EQ(code_of(Digest::from_bytes(base::Bytes(47))), Code::kMalformed);
  EXPECT_EQ(code_of(Digest::from_bytes(base::Bytes(49))), Code::kMalformed);
}

struct HmacVector {
  base::Bytes key;
  base::Bytes data;
  std::string_view mac;
};

// RFC 4231 4.2 to 4.8 (4.6 is about truncation).
TEST(HmacSha384, KnownAnswersOfRfc4231) {
  const base::Bytes long_key(131, std::byte{0xaa});
  const std::vector<HmacVector> vectors{
      {base::Bytes(20, std::byte{0x0b}), base::to_bytes("Hi There"),
       "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"},
      {base::to_bytes("Jefe"), base::to_bytes("what do ya want for nothing?"),
       "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
      {base::Bytes(20, std::byte{0xaa}), base::Bytes(50, std::byte{0xdd}),
       "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27"},
      {unhex("0102030405060708090a0b0c0d0e0f10111213141516171819"), base::Bytes(50, std::byte{0xcd}),
       "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb"},
      {long_key, base::to_bytes("Test Using Larger Than Block-Size Key - Hash Key First"),
       "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"},
      {long_key,
       base::to_bytes("This is a test using a larger than block-size key and a larger than block-size data. The key "
                      "needs to be hashed before being used by the HMAC algorithm."),
       "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e"},
  };
  for (const HmacVector& vector : vectors) EXPECT_EQ(hmac_sha384(vector.key, vector.data).hex(), vector.mac);
}

TEST(HmacSha384, EmptyKeyAndMessageAreValues) {
  EXPECT_EQ(hmac_sha384({}, {}).hex(),
            "6c1f2ee938fad2e24bd91298474382ca218c75db3d83e114b3d4367776d14d3551289e75e8209cd4b792302840234adc");
}

TEST(EqualConstantTime, ComparesSizeAndEveryByte) {
  const base::Bytes a = unhex("00112233");
  EXPECT_TRUE(equal_constant_time(a, unhex("00112233")));
  EXPECT_TRUE(equal_constant_time({}, {}));
  EXPECT_FALSE(equal_constant_time(a, unhex("001122")));
  for (std::size_t i = 0; i < a.size(); ++i) {
    base::Bytes b = a;
    b[i] ^= std::byte{1};
    EXPECT_FALSE(equal_constant_time(a, b)) << i;
  }
}

}  // namespace
}  // namespace stargraph::crypto
