// Signatures and keys that a lax verifier takes: the cases of Project Wycheproof and of "Taming the Many EdDSAs",
// restated as vectors of our own inside whole packs. What is not in a fixed table is computed here from a fresh key.
#include <gtest/gtest.h>

#include <algorithm>

#include "sample_pack.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"
#include "support/ed25519_points.hpp"

namespace stargraph::pack {
namespace {

using base::Bytes;
using base::Code;
using test::kGroupOrder;
using test::kSmallOrder;

// A pack under other signatures than its own.
class Forgery : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto parsed = parse(bytes_);
    ASSERT_TRUE(parsed);
    container_ = *parsed;
  }
  [[nodiscard]] Bytes with(const std::vector<SignatureEntry>& entries) const {
    return assemble(container_.header_bytes, encode_signatures(entries), container_.payload);
  }
  // The pack's own key, another signature.
  [[nodiscard]] Code why_signature(Bytes signature) const {
    std::vector<SignatureEntry> entries = container_.signatures;
    entries.front().signature = std::move(signature);
    return why_refused(with(entries));
  }
  // An Ed25519 key given by its 32 bytes, with its right key id and any signature.
  [[nodiscard]] Code why_key(const Bytes& point, const Bytes& signature) const {
    Bytes spki = base::from_hex("302a300506032b6570032100").value();
    spki.insert(spki.end(), point.begin(), point.end());
    SignatureEntry entry;
    entry.key_id = base::KeyId(crypto::sha384(spki).hex());
    entry.spki = spki;
    entry.signature = signature;
    return why_refused(with({entry}));
  }
  [[nodiscard]] const Bytes& signature() const { return container_.signatures.front().signature; }

  Bytes bytes_ = sample_pack();
  Container container_;
};

// Little-endian a + n * b, without a carry out of the last byte.
Bytes add(Bytes a, const Bytes& b, unsigned n) {
  for (unsigned round = 0; round < n; ++round) {
    unsigned carry = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      carry += std::to_integer<unsigned>(a[i]) + std::to_integer<unsigned>(b[i]);
      a[i] = static_cast<std::byte>(carry & 0xFFU);
      carry >>= 8U;
    }
    EXPECT_EQ(carry, 0U);
  }
  return a;
}

// (R, S + nL) satisfies the equation as well as (R, S): a second signature of the same message that nobody made.
TEST_F(Forgery, RC_T_PACK_RefusesSPlusMultiplesOfL) {
  const Bytes order = base::from_hex(kGroupOrder).value();
  const Bytes s(signature().begin() + 32, signature().end());
  ASSERT_EQ(why_signature(signature()), Code::kInternal) << "the signature itself holds";
  for (unsigned n = 1; n <= 14; ++n) {  // S < L < 2^253: up to 14 fit into 32 bytes
    Bytes forged(signature().begin(), signature().begin() + 32);
    const Bytes shifted = add(s, order, n);
    forged.insert(forged.end(), shifted.begin(), shifted.end());
    EXPECT_EQ(why_signature(forged), Code::kSignatureInvalid) << n;
  }
}

TEST_F(Forgery, RC_T_PACK_RefusesTheThreeTopBitsOfS) {
  for (const unsigned bit : {0x20U, 0x40U, 0x80U, 0xE0U}) {
    Bytes forged = signature();
    forged.back() |= static_cast<std::byte>(bit);
    EXPECT_EQ(why_signature(forged), Code::kSignatureInvalid) << bit;
  }
}

TEST_F(Forgery, RC_T_PACK_RefusesSignaturesOfAnotherLength) {
  Bytes longer = signature();
  longer.push_back(std::byte{0});
  EXPECT_EQ(why_signature(longer), Code::kSignatureInvalid);
  EXPECT_EQ(why_signature(Bytes(signature().begin(), signature().end() - 1)), Code::kSignatureInvalid);
  EXPECT_EQ(why_signature(Bytes(signature().begin(), signature().begin() + 32)), Code::kSignatureInvalid);
  EXPECT_EQ(why_signature(Bytes(64)), Code::kSignatureInvalid) << "all zero";
  EXPECT_EQ(why_signature({}), Code::kMalformed) << "none is no signature";
}

TEST_F(Forgery, RC_T_PACK_RefusesRAndSExchanged) {
  Bytes forged(signature().begin() + 32, signature().end());
  forged.insert(forged.end(), signature().begin(), signature().begin() + 32);
  EXPECT_EQ(why_signature(forged), Code::kSignatureInvalid);
}

// With A = R = the neutral element and S = 0 the equation holds for every message. Cofactored verifiers take the
// other small-order points as R as well.
TEST_F(Forgery, RC_S_PACK_RefusesEveryKeyOfSmallOrder) {
  for (const std::string_view point : kSmallOrder) {
    for (const std::string_view r : kSmallOrder) {
      Bytes forged = base::from_hex(r).value();
      forged.resize(64);
      EXPECT_EQ(why_key(base::from_hex(point).value(), forged), Code::kKeyUnsafe) << point << " " << r;
    }
  }
}

// y + p names the same point under another key id; x = 0 with the sign bit set is no encoding at all.
TEST_F(Forgery, RC_S_PACK_RefusesEveryNonCanonicalKey) {
  for (unsigned low = 0xED; low <= 0xFF; ++low) {
    for (const unsigned high : {0x7FU, 0xFFU}) {
      Bytes point(32, std::byte{0xFF});
      point.front() = static_cast<std::byte>(low);
      point.back() = static_cast<std::byte>(high);
      EXPECT_EQ(why_key(point, signature()), Code::kKeyUnsafe) << low << " " << high;
    }
  }
  EXPECT_EQ(
      why_key(base::from_hex("0100000000000000000000000000000000000000000000000000000000000080").value(), signature()),
      Code::kKeyUnsafe);
}

// R = the neutral element, S = 0 under a good key: [0]B = R + [k]A would need k = 0.
TEST_F(Forgery, RC_T_PACK_RefusesSmallOrderRUnderAGoodKey) {
  for (const std::string_view r : kSmallOrder) {
    Bytes forged = base::from_hex(r).value();
    forged.resize(64);
    EXPECT_EQ(why_signature(forged), Code::kSignatureInvalid) << r;
    std::ranges::copy(signature().begin() + 32, signature().end(), forged.begin() + 32);
    EXPECT_EQ(why_signature(forged), Code::kSignatureInvalid) << r;
  }
}

TEST_F(Forgery, RC_S_PACK_RefusesKeysInAnotherWrapping) {
  const auto with_spki = [&](Bytes spki) {
    std::vector<SignatureEntry> entries = container_.signatures;
    entries.front().key_id = base::KeyId(crypto::sha384(spki).hex());
    entries.front().spki = std::move(spki);
    return why_refused(with(entries));
  };
  const Bytes good = container_.signatures.front().spki;
  Bytes trailing = good;
  trailing.push_back(std::byte{0});
  EXPECT_EQ(with_spki(trailing), Code::kKeyUnsafe) << "a byte after the key";
  Bytes parameters = base::from_hex("302c300706032b65700500032100").value();  // NULL parameters, as RSA has them
  parameters.insert(parameters.end(), good.end() - 32, good.end());
  EXPECT_EQ(with_spki(parameters), Code::kKeyUnsafe);
  Bytes other_curve = good;
  other_curve[8] = std::byte{0x6E};  // 1.3.101.110: X25519
  EXPECT_EQ(with_spki(other_curve), Code::kKeyUnsafe);
  EXPECT_EQ(with_spki(Bytes(good.end() - 32, good.end())), Code::kKeyUnsafe) << "the bare point";
}

// The order of P-384's base point.
constexpr std::string_view kP384Order =
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";

// One DER INTEGER of the value in `bytes` (big-endian, positive).
Bytes der_integer(Bytes bytes) {
  while (bytes.size() > 1 && bytes.front() == std::byte{0}) bytes.erase(bytes.begin());
  if ((bytes.front() & std::byte{0x80}) != std::byte{0}) bytes.insert(bytes.begin(), std::byte{0});
  bytes.insert(bytes.begin(), {std::byte{0x02}, static_cast<std::byte>(bytes.size())});
  return bytes;
}

// (r, n - s) of a DER signature (r, s): SEQUENCE, INTEGER r, INTEGER s, all with one-byte lengths.
Bytes mirrored(const Bytes& der) {
  const std::size_t r_end = 4 + std::to_integer<std::size_t>(der.at(3));
  Bytes s(der.begin() + static_cast<std::ptrdiff_t>(r_end) + 2, der.end());
  s.insert(s.begin(), 49 - s.size(), std::byte{0});
  Bytes rest = base::from_hex("00" + std::string(kP384Order)).value();
  unsigned borrow = 0;
  for (std::size_t i = rest.size(); i-- > 0;) {
    const unsigned take = std::to_integer<unsigned>(s[i]) + borrow;
    const unsigned from = std::to_integer<unsigned>(rest[i]);
    borrow = from < take ? 1 : 0;
    rest[i] = static_cast<std::byte>((from + 256 - take) & 0xFFU);
  }
  EXPECT_EQ(borrow, 0U) << "s is below n";
  Bytes body(der.begin() + 2, der.begin() + static_cast<std::ptrdiff_t>(r_end));
  const Bytes last = der_integer(std::move(rest));
  body.insert(body.end(), last.begin(), last.end());
  body.insert(body.begin(), {std::byte{0x30}, static_cast<std::byte>(body.size())});
  return body;
}

// (r, n - s) is a second valid signature of the same message to everybody, ECDSA being what it is. It must not look
// like a second signer, and the pack keeps its digest.
TEST_F(Forgery, RC_S_PACK_AMirroredEcdsaSignatureIsNoSecondSigner) {
  const crypto::PrivateKey& key = sample_key(0, crypto::Algorithm::kEcdsaP384Sha384);
  const Bytes pack = sample_pack(rules_sources(), 1, key);
  const Container parsed = *parse(pack);
  const Bytes forged = mirrored(parsed.signatures.front().signature);
  ASSERT_NE(forged, parsed.signatures.front().signature);

  std::vector<SignatureEntry> entries = parsed.signatures;
  entries.push_back(entries.front());
  entries.back().signature = forged;
  EXPECT_EQ(why_refused(assemble(parsed.header_bytes, encode_signatures(entries), parsed.payload), key.public_key()),
            Code::kSignatureDuplicate);
  entries.erase(entries.begin());
  const Bytes alone = assemble(parsed.header_bytes, encode_signatures(entries), parsed.payload);
  EXPECT_EQ(why_refused(alone, key.public_key()), Code::kInternal);
  EXPECT_EQ(parse(alone)->digest, parsed.digest);
}

TEST_F(Forgery, RC_T_PACK_RefusesOtherEncodingsOfAnEcdsaSignature) {
  const crypto::PrivateKey& key = sample_key(0, crypto::Algorithm::kEcdsaP384Sha384);
  const Bytes pack = sample_pack(rules_sources(), 1, key);
  const Container parsed = *parse(pack);
  const Bytes& der = parsed.signatures.front().signature;
  const auto why = [&](Bytes bytes) {
    std::vector<SignatureEntry> entries = parsed.signatures;
    entries.front().signature = std::move(bytes);
    return why_refused(assemble(parsed.header_bytes, encode_signatures(entries), parsed.payload), key.public_key());
  };
  ASSERT_EQ(why(der), Code::kInternal);
  Bytes trailing = der;
  trailing.push_back(std::byte{0});
  EXPECT_EQ(why(trailing), Code::kSignatureInvalid);
  Bytes long_length = der;  // 30 len -> 30 81 len
  long_length.insert(long_length.begin() + 1, std::byte{0x81});
  EXPECT_EQ(why(long_length), Code::kSignatureInvalid);
  EXPECT_EQ(why(base::from_hex("3006020100020100").value()), Code::kSignatureInvalid) << "r = s = 0";
  EXPECT_EQ(why(base::from_hex("3006020101020101").value()), Code::kSignatureInvalid) << "r = s = 1";
}

// Each of the two keys signs for itself: their signatures cannot change places.
TEST_F(Forgery, RC_S_PACK_SignaturesOfTwoKeysCannotBeExchanged) {
  const Bytes two = add_signature(*parse(bytes_), sample_key(1)).value();
  const Container both = *parse(two);
  std::vector<SignatureEntry> entries = both.signatures;
  ASSERT_EQ(entries.size(), 2U);
  std::swap(entries[0].signature, entries[1].signature);
  const crypto::PublicKey keys[] = {sample_key().public_key(), sample_key(1).public_key()};
  ASSERT_TRUE(verify(both, keys));
  const Bytes forged = with(entries);
  EXPECT_EQ(verify(*parse(forged), keys).error().code, Code::kSignatureInvalid);
}

TEST_F(Forgery, SG_T_PACK_TheBlocksOrderIsFixed) {
  const Bytes two = add_signature(*parse(bytes_), sample_key(1)).value();
  json::Value block = *json::parse(encode_signatures(parse(two)->signatures));
  std::swap((*block.array())[0], (*block.array())[1]);
  EXPECT_EQ(why_refused(assemble(container_.header_bytes, json::canonical(block), container_.payload)),
            Code::kMalformed);
}

TEST_F(Forgery, SG_T_PACK_DuplicateKeysInTheBlockAreRefused) {
  std::string block = encode_signatures(container_.signatures);
  block.insert(2, R"("alg":"ed25519",)");
  EXPECT_EQ(why_refused(assemble(container_.header_bytes, block, container_.payload)), Code::kDuplicateKey);
}

// The same bytes that an auditor's checkpoint, an approval or a fingerprint would be: every domain but ours.
TEST_F(Forgery, SG_S_PACK_SignaturesOfOtherDomainsAreRefused) {
  const std::string header = base::to_text(container_.header_bytes);
  for (const char* domain : {"stargraph.pack.v2", "stargraph.pack.digest.v1", "stargraph.approval.v1",
                             "stargraph.audit.checkpoint.v1", "stargraph.pack.v1 ", "stargraph.pack.v"}) {
    EXPECT_EQ(why_refused(raw_pack(header, container_.payload, sample_key(), domain)), Code::kSignatureInvalid)
        << domain;
  }
  // Over the bare header, as "openssl pkeyutl -sign" would have it.
  std::vector<SignatureEntry> entries = container_.signatures;
  entries.front().signature = sample_key().sign_raw(container_.header_bytes).value();
  EXPECT_EQ(why_refused(with(entries)), Code::kSignatureInvalid);
}

}  // namespace
}  // namespace stargraph::pack
