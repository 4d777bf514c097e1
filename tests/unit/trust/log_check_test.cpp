// What somebody who owns the database and its key can cut off its end, and an importer that dies between
// receipt and commit: the same to the log.
#include "stargraph/trust/log_check.hpp"

#include "governance_trust.hpp"
#include "stargraph/audit/chain.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

class LogCheck : public GovernedTest {
 protected:
  void SetUp() override { TrustTest::SetUp(); }  // a box without governors
  // What the audit writer would say after all it was asked to record.
  audit::Head head() const {
    audit::Chain chain;
    chain.begin("an-install", audit_private_key().public_key().key_id());
    std::int64_t number = 0;
    for (const audit::Event& event : notary_.events) {
      audit::Entry entry;
      entry.event = event;
      entry.source = audit::Source::kTrust;
      entry.source_seq = audit::SourceSeq(++number);
      chain.place(entry, base::from_micros(1'767'225'600'000'000));
      EXPECT_TRUE(audit::encode_entry(entry));
      chain.take(entry);
    }
    audit::Head head;
    head.trust_act = chain.trust_act();
    head.trust_acts = chain.trust_acts();
    head.floors = chain.floors();
    head.revocation_number = chain.revocation_number();
    return head;
  }
  // The reason, or kInternal ("they agree").
  Code verdict() {
    const auto now = state();
    EXPECT_TRUE(now) << now.error().message;
    const auto checked = check_against_log(*now, head());
    return checked ? Code::kInternal : checked.error().code;
  }
  void cut_to(std::size_t acts) {
    Image image = take_image();
    ASSERT_LT(acts, image.acts.size());
    image.acts.resize(acts);
    put_image(image);
  }
  void import_two_versions() {
    ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
    ASSERT_TRUE(import(make("soc.triage", "2.0.0", 2), {}, true));
  }
};

TEST_F(LogCheck, AnEmptyBoxAgrees) { EXPECT_EQ(verdict(), Code::kInternal); }

TEST_F(LogCheck, AgreesAfterImportsRefusalsAndRetirement) {
  import_two_versions();
  EXPECT_EQ(verdict(), Code::kInternal);
  EXPECT_EQ(why(make("soc.triage", "0.9.0", 1), {}), Code::kEpochReused);
  EXPECT_EQ(notary_.names().back(), "pack.refused") << "on trust.sock too, but no act";
  EXPECT_EQ(verdict(), Code::kInternal);
  ASSERT_TRUE(importer().retire(base::PackId("soc.triage")));
  EXPECT_EQ(verdict(), Code::kInternal);
}

// The log follows floors by itself; what lowers an epoch or activates a policy must mean the same to both.
TEST_F(LogCheck, AgreesAfterAPolicyAndAnApprovedStepBack) {
  import_two_versions();
  add_key(kGovernorKey, Role::kGovernor, "Grace");
  add_key(kApproverKey, Role::kApprover, "Barbara");
  ASSERT_TRUE(import_policy(policy("1.0.0", 3)));
  EXPECT_EQ(verdict(), Code::kInternal);
  ActivateRequest back{base::PackId("soc.triage"), "1.0.0", true, "2.0.0 is broken", {}};
  const auto [code, requests] = requests_of([&](Importer& desk) { return desk.activate(back, no_content_check()); });
  ASSERT_EQ(code, Code::kApprovalMissing);
  back.approvals = {approve_request(requests.at(0), kApproverKey)};
  ASSERT_TRUE(importer().activate(back, no_content_check()));
  EXPECT_EQ(verdict(), Code::kInternal);
}

// Each cut loads by itself: numbers and receipts are those of an earlier day.
TEST_F(LogCheck, RC_T_PACK_ActsCutOffTheEndAreMissed) {
  import_two_versions();
  ASSERT_TRUE(importer().retire(base::PackId("soc.triage")));
  for (std::size_t keep = take_image().acts.size(); keep-- > 0;) {
    cut_to(keep);
    ASSERT_TRUE(state());
    EXPECT_EQ(verdict(), Code::kAuditFork) << keep;
  }
}

// Cut, then hidden behind an honest new act that takes the freed number.
TEST_F(LogCheck, RC_T_PACK_AFloorCutOffIsMissedBehindLaterActs) {
  import_two_versions();
  cut_to(4);  // version 2 was never imported, says the database
  ASSERT_TRUE(import(make("soc.other", "1.0.0", 1), {{fingerprint()}, {}}));
  EXPECT_EQ(state()->floor(base::PackId("soc.triage")), base::Epoch(1));
  EXPECT_EQ(verdict(), Code::kAuditFork);
}

TEST_F(LogCheck, RC_R_PACK_ARevocationCutOffIsMissedBehindLaterActs) {
  import_two_versions();
  add_key(kGovernorKey, Role::kGovernor, "Grace");
  const base::Bytes list = revocation(1, {{kStrangerKey}, {}, {}});
  ASSERT_EQ(why(list), Code::kInternal);
  ASSERT_EQ(verdict(), Code::kInternal);
  cut_to(7);
  ASSERT_TRUE(import(make("soc.other", "1.0.0", 1), {{fingerprint()}, {}}));
  EXPECT_FALSE(state()->is_revoked(id_of(kStrangerKey)));
  EXPECT_EQ(verdict(), Code::kAuditFork);
  ASSERT_EQ(why(list), Code::kInternal) << "imported again";
  EXPECT_EQ(verdict(), Code::kInternal);
}

TEST_F(LogCheck, RC_T_AUDIT_AnOlderLogPutBackIsFound) {
  import_two_versions();
  notary_.events.pop_back();
  EXPECT_EQ(verdict(), Code::kAuditFork);
}

// A crash at any point of an import: the daemon waits until the import was repeated, and no longer.
TEST_F(LogCheck, RC_D_PACK_AnInterruptedImportIsHealedByRepeatingIt) {
  const base::Bytes bytes = make("soc.triage", "1.0.0", 1);
  for (const int recorded : {1, 2, 3}) {
    notary_.fail_after = recorded;
    EXPECT_EQ(why(bytes, {{fingerprint()}, {}}), Code::kAuditUnavailable);
    EXPECT_EQ(state()->acts(), 0);
    EXPECT_EQ(verdict(), Code::kAuditFork) << recorded;
  }
  notary_.fail_after.reset();
  ASSERT_TRUE(import(bytes, {{fingerprint()}, {}}));
  EXPECT_EQ(verdict(), Code::kInternal);
}

// Receipts for all of it, the commit lost, other acts since: the floor stands in the log alone.
TEST_F(LogCheck, RC_D_PACK_ALostActivationIsHealedByTheSameOrALaterEpoch) {
  import_two_versions();
  ASSERT_TRUE(import(make("soc.triage", "3.0.0", 3), {}, true));
  cut_to(6);
  ASSERT_TRUE(importer().retire(base::PackId("soc.triage")));
  EXPECT_EQ(verdict(), Code::kAuditFork);
  ASSERT_TRUE(import(make("soc.triage", "4.0.0", 4), {}, true));
  EXPECT_EQ(verdict(), Code::kInternal);
}

}  // namespace
}  // namespace stargraph::trust
