// What somebody who owns the database and its key can cut off its end, and an importer that dies between
// receipt and commit: the same to the log.
#include "stargraph/trust/log_check.hpp"

#include "governance_trust.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

class LogCheck : public GovernedTest {
 protected:
  void SetUp() override { TrustTest::SetUp(); }  // a box without governors
  // The reason, or kInternal ("they agree").
  Code verdict() {
    const auto now = state();
    EXPECT_TRUE(now) << now.error().message;
    const auto checked = check_against_log(*now, notary_.head().value());
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

TEST_F(LogCheck, RC_T_AUDIT_AnOlderLogPutBackIsFound) {
  import_two_versions();
  notary_.events.pop_back();
  EXPECT_EQ(verdict(), Code::kAuditFork);
}

// The second look: whatever the numbers of the acts say, no floor and no revocation of the log is missing.
TEST_F(LogCheck, RC_T_PACK_AFloorOrARevocationThatTheStoreLacksIsMissed) {
  import_two_versions();
  audit::Head head = notary_.head().value();
  head.floors = crypto::sha384("other floors");
  EXPECT_EQ(check_against_log(*state(), head).error().code, Code::kAuditFork);
  head = notary_.head().value();
  head.revocation_number = 1;
  EXPECT_EQ(check_against_log(*state(), head).error().code, Code::kAuditFork);
}

}  // namespace
}  // namespace stargraph::trust
