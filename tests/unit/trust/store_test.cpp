// What somebody who owns the daemon's user, its database and its key can write there, and what a load
// says to it.
#include "sample_trust.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

audit::Event event_of_act(const Act& act) {
  audit::Event event;
  event.name = event_of(act);
  event.actor = admin();
  event.tenant = audit::site_tenant();
  event.data = encode_act(act);
  return event;
}

const crypto::PrivateKey& attacker() { return pack::sample_key(7); }

// As it would follow the acts of one import: all that is wrong with it is what each test says.
Act forged_key(std::int64_t number) {
  Act act{number, KeyAdded{{attacker().public_key(), Role::kPublisher, "", {}, {}}}};
  act.previous = audit::SourceSeq(number - 1);
  return act;
}

class TrustStore : public TrustTest {
 protected:
  Code why_not_loaded() {
    const auto packs = active();
    return packs ? Code::kInternal : packs.error().code;
  }
  void import_sample() { ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}})); }
};

TEST_F(TrustStore, RC_S_PACK_ARowWithoutAReceiptIsRefused) {
  import_sample();
  insert_act(5, "");
  EXPECT_EQ(why_not_loaded(), Code::kReceiptMissing);
}

TEST_F(TrustStore, RC_S_PACK_AForgedPinIsRefused) {
  import_sample();
  // A perfect act and receipt, but signed by a key the attacker has.
  insert_act(5, audit::encode_receipt(receipt_of(event_of_act(forged_key(5)), 5, audit::Source::kTrust, attacker())));
  EXPECT_EQ(why_not_loaded(), Code::kReceiptInvalid);
}

TEST_F(TrustStore, RC_E_PACK_AReceiptThatTheDaemonGotIsNoTrust) {
  import_sample();
  audit::Event event = event_of_act(forged_key(5));
  event.name = audit::EventName::kRequest;
  insert_act(5, audit::encode_receipt(receipt_of(event, 5, audit::Source::kDaemon)));
  EXPECT_EQ(why_not_loaded(), Code::kReceiptInvalid);
}

TEST_F(TrustStore, RC_E_PACK_TheSourceOfAReceiptCounts) {
  import_sample();
  insert_act(5, audit::encode_receipt(receipt_of(event_of_act(forged_key(5)), 5, audit::Source::kDaemon)));
  EXPECT_EQ(why_not_loaded(), Code::kReceiptInvalid);
}

TEST_F(TrustStore, RC_S_PACK_AReceiptOfARefusalIsNoTrust) {
  import_sample();
  audit::Event event = event_of_act(forged_key(5));
  event.outcome = audit::Outcome::kDenied;
  insert_act(5, audit::encode_receipt(receipt_of(event, 5)));
  EXPECT_EQ(why_not_loaded(), Code::kReceiptInvalid);
}

TEST_F(TrustStore, SG_T_PACK_AChangedReceiptIsRefused) {
  import_sample();
  Image image = take_image();
  std::string& receipt = image.acts.at(1).second;
  receipt.replace(receipt.find("soc.triage"), 10, "soc.triagf");
  put_image(image);
  EXPECT_EQ(why_not_loaded(), Code::kReceiptInvalid);
}

TEST_F(TrustStore, RC_T_PACK_ARemovedActIsMissed) {
  import_sample();
  Image image = take_image();
  image.acts.erase(image.acts.begin() + 1);
  put_image(image);
  EXPECT_EQ(why_not_loaded(), Code::kChainBroken);
}

TEST_F(TrustStore, RC_T_PACK_ARenumberedActIsRefused) {
  import_sample();
  Image image = take_image();
  image.acts.at(3).first = 9;
  put_image(image);
  EXPECT_EQ(why_not_loaded(), Code::kChainBroken);
}

TEST_F(TrustStore, RC_T_PACK_AnActRepeatedUnderAnotherNumberIsRefused) {
  import_sample();
  insert_act(5, take_image().acts.at(3).second);
  EXPECT_EQ(why_not_loaded(), Code::kChainBroken);
}

TEST_F(TrustStore, RC_T_PACK_ActsThatTheseRulesNeverMakeAreRefused) {
  import_sample();
  // Genuine receipts, so the audit key itself was misused: still no pin of a key nobody confirmed.
  Act pin{5, Pinned{{"soc.*", {attacker().public_key().key_id()}, 1}}};
  pin.previous = audit::SourceSeq(4);
  insert_act(5, audit::encode_receipt(receipt_of(event_of_act(pin), 5)));
  EXPECT_EQ(why_not_loaded(), Code::kReceiptInvalid);
}

// Who asks twice has unchanged rows checked once, and everything else again.
TEST_F(TrustStore, RC_T_PACK_WhatChangedSinceTheLastLookIsCheckedAgain) {
  import_sample();
  auto connection = database_->reader();
  const std::vector<ActRow> rows = read_acts(*connection).value();
  Fold fold(audit_private_key().public_key());
  ASSERT_EQ(fold.of(rows)->acts(), 4);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::vector<ActRow> changed = rows;
    changed[row].receipt[changed[row].receipt.size() / 2] ^= 1;
    EXPECT_EQ(code_of(fold.of(changed)), Code::kReceiptInvalid) << row;
    changed = rows;
    changed[row].number = 9;
    EXPECT_EQ(code_of(fold.of(changed)), Code::kChainBroken) << row;
    ASSERT_TRUE(fold.of(rows));
  }
  EXPECT_EQ(fold.of({rows.begin(), rows.begin() + 2})->acts(), 2) << "an older database";
  EXPECT_EQ(fold.of(rows)->acts(), 4);
  std::vector<ActRow> more = rows;
  more.push_back(
      {5, audit::encode_receipt(receipt_of(event_of_act(forged_key(5)), 5, audit::Source::kTrust, attacker()))});
  EXPECT_EQ(code_of(fold.of(more)), Code::kReceiptInvalid);
}

TEST_F(TrustStore, SG_T_PACK_ChangedBytesAreRefused) {
  import_sample();
  Image image = take_image();
  image.packs.front().second.back() ^= std::byte{1};
  put_image(image);
  EXPECT_EQ(why_not_loaded(), Code::kDigestMismatch);
}

TEST_F(TrustStore, SG_T_PACK_AnotherPacksBytesAreRefused) {
  import_sample();
  Image image = take_image();
  image.packs.front().second = make("soc.triage", "9.0.0", 9);
  put_image(image);
  EXPECT_EQ(why_not_loaded(), Code::kDigestMismatch);
}

TEST_F(TrustStore, HoldsTheLargestPackThereMayBe) {
  const base::Bytes bytes(pack::kMaxPackBytes, std::byte{7});
  auto connection = database_->writer();
  ASSERT_TRUE(connection);
  const crypto::Digest digest = crypto::sha384(bytes);
  const auto put = put_pack(*connection, digest, bytes);
  ASSERT_TRUE(put) << put.error().message;
  const auto got = get_pack(*connection, digest);
  ASSERT_TRUE(got);
  EXPECT_TRUE(*got == bytes);
}

TEST_F(TrustStore, RC_D_PACK_MissingBytesAreTold) {
  import_sample();
  Image image = take_image();
  image.packs.clear();
  put_image(image);
  EXPECT_EQ(why_not_loaded(), Code::kPackUnknown);
}

TEST_F(TrustStore, SG_T_PACK_ASignatureAddedToStoredBytesIsRefused) {
  import_sample();
  Image image = take_image();
  base::Bytes& bytes = image.packs.front().second;
  bytes = pack::add_signature(*pack::parse(bytes), attacker()).value();
  put_image(image);
  EXPECT_EQ(why_not_loaded(), Code::kSignerMismatch);
}

TEST_F(TrustStore, AnUnchangedImageLoads) {
  import_sample();
  put_image(take_image());
  EXPECT_EQ(why_not_loaded(), Code::kInternal) << "the copies above are refused for what was changed in them";
}

TEST_F(TrustStore, RC_R_PACK_RowsAreAppendOnly) {
  import_sample();
  auto connection = database_->writer();
  ASSERT_TRUE(connection);
  EXPECT_FALSE(connection->execute("DELETE FROM trust_acts"));
  EXPECT_FALSE(connection->execute("UPDATE trust_acts SET number = 7 WHERE number = 1"));
  EXPECT_FALSE(connection->execute("UPDATE trust_packs SET bytes = X''"));
}

TEST_F(TrustStore, AnotherAuditKeyAcceptsNothing) {
  import_sample();
  auto connection = database_->reader();
  ASSERT_TRUE(connection);
  EXPECT_EQ(load_active(*connection, attacker().public_key()).error().code, Code::kReceiptInvalid);
}

TEST_F(TrustStore, TwoImportersDoNotBothTakeAnEpoch) {
  import_sample();
  // The second one checked before the first one committed: its act is decided again under the lock.
  const base::Bytes first = make("soc.triage", "1.1.0", 2);
  const base::Bytes second = make("soc.triage", "1.2.0", 2);
  ImportRequest request;
  request.file = second;
  const auto interleave = [&](const pack::Contents&, base::BytesView) -> base::Result<Findings> {
    EXPECT_TRUE(import(first));
    return Findings{};
  };
  EXPECT_EQ(importer().import(request, interleave, {}).error().code, Code::kEpochReused);
  EXPECT_EQ(state()->packs().size(), 2U);
}

}  // namespace
}  // namespace stargraph::trust
