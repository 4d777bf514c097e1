// Acts that give more than there was: what an approver signs, and what nobody gets by without one.
#include "governance_trust.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

// Rules with the capabilities given.
base::Bytes wanting(const std::string& version, std::int64_t epoch, const std::string& capabilities,
                    const std::string& more = "") {
  const std::string manifest = "kind: rules\nid: soc.triage\nversion: \"" + version +
                               "\"\nrequires: {stargraph_facts_version: \"1.0\", api_version: \"1\", facts: [triage]}\n"
                               "capabilities: [" +
                               capabilities + "]\n" + more;
  return pack::sample_pack({pack::source("manifest.yaml", manifest), pack::source("rules.clp", pack::kSampleRules)},
                           epoch, pack::sample_key(kPublisherKey));
}

class TrustApproval : public GovernedTest {
 protected:
  void SetUp() override {
    GovernedTest::SetUp();
    ASSERT_TRUE(import(wanting("1.0.0", 1, "\"runs:respond\""), {{fingerprint()}, {}}));
  }
  void stage(const base::Bytes& bytes) { ASSERT_EQ(why(bytes), Code::kInternal); }
  base::Result<ReloadReport> reload(const std::vector<Approval>& approvals = {}) {
    return importer().reload(approvals, no_content_check());
  }
  // The one request that a reload has now.
  std::string reload_request() {
    const auto [code, requests] = requests_of([](Importer& desk) { return desk.reload({}, no_content_check()); });
    EXPECT_EQ(code, Code::kApprovalMissing);
    EXPECT_EQ(requests.size(), 1U);
    return requests.empty() ? "" : requests.front();
  }
  ActivateRequest older(const std::string& version, const std::string& reason = "2.0.0 is broken") {
    return {base::PackId("soc.triage"), version, true, reason, {}};
  }
  std::string active_version() { return state()->active(base::PackId("soc.triage"))->ref.version; }
};

TEST_F(TrustApproval, AVersionThatAsksForNoMoreNeedsNone) {
  stage(wanting("1.1.0", 2, "\"runs:respond\""));
  stage(wanting("1.2.0", 3, ""));
  const auto done = reload();
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_EQ(done->steps.size(), 1U) << "the newest only";
  EXPECT_EQ(active_version(), "1.2.0");
  EXPECT_EQ(done->acts, state()->acts());
  EXPECT_TRUE(reload()->steps.empty()) << "nothing is staged any more";
}

TEST_F(TrustApproval, RC_E_PACK_OneCapabilityMoreWaitsForAnApprover) {
  stage(wanting("1.1.0", 2, "\"runs:respond\", \"runs:cancel\""));
  const std::string request = reload_request();
  EXPECT_EQ(active_version(), "1.0.0");
  const auto asked = decode_request(request);
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_EQ(json::canonical(*asked->subject.find("grows")), R"({"capabilities":["runs:cancel"]})");
  EXPECT_EQ(*asked->subject.find("actor")->string(), "admin");
  const auto done = reload({approve_request(request, kApproverKey)});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(active_version(), "1.1.0");
  const std::vector<std::string> names = notary_.names();
  EXPECT_EQ(std::vector(names.end() - 2, names.end()), (std::vector<std::string>{"approval.given", "pack.activated"}));
}

TEST_F(TrustApproval, RC_E_PACK_NoWayAroundTheApprover) {
  stage(wanting("1.1.0", 2, "\"runs:respond\", \"runs:cancel\""));
  EXPECT_EQ(code_of(activate("1.1.0")), Code::kApprovalMissing);
  EXPECT_EQ(why(wanting("1.2.0", 3, "\"runs:cancel\""), {}, true), Code::kApprovalMissing) << "import --activate";
  ASSERT_TRUE(importer().retire(base::PackId("soc.triage")));
  EXPECT_EQ(code_of(activate("1.1.0")), Code::kApprovalMissing) << "retired first: the one before still counts";
}

TEST_F(TrustApproval, EachWayToAskForMoreWaits) {
  for (const char* more : {"provides: [\"bosun.violation\"]\n", "limits: {max_bytes: 100000000}\n"}) {
    const base::Bytes bytes = wanting("1.1.0", 2, "\"runs:respond\"", more);
    EXPECT_EQ(why(bytes, {}, true), Code::kApprovalMissing) << more;
  }
  EXPECT_EQ(why(wanting("1.1.0", 2, "\"runs:respond\"", "limits: {max_facts: 10}\n"), {}, true), Code::kInternal);
  EXPECT_EQ(why(wanting("1.2.0", 3, "\"runs:respond\"", "limits: {max_facts: 11}\n"), {}, true),
            Code::kApprovalMissing);
}

TEST_F(TrustApproval, RC_E_PACK_AllStagedPacksOrNone) {
  ASSERT_TRUE(import(make("soc.other", "1.0.0", 1), {{fingerprint()}, {}}));
  stage(make("soc.other", "1.1.0", 2));
  stage(wanting("1.1.0", 2, "\"runs:cancel\""));
  EXPECT_EQ(code_of(reload()), Code::kApprovalMissing);
  EXPECT_EQ(state()->active(base::PackId("soc.other"))->ref.version, "1.0.0");
  const auto plan = importer().plan_reload(no_content_check());
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->steps.size(), 2U);
  EXPECT_EQ(plan->steps.at(0).request.empty(), plan->steps.at(0).pack.id.str() == "soc.other");
}

TEST_F(TrustApproval, RC_S_PACK_OnlyAnApproversKeyApproves) {
  stage(wanting("1.1.0", 2, "\"runs:cancel\""));
  const std::string request = reload_request();
  for (const int key : {kPublisherKey, kGovernorKey, kStrangerKey}) {
    EXPECT_EQ(code_of(reload({approve_request(request, key)})), Code::kApprovalInvalid) << key;
  }
  Approval borrowed = approve_request(request, kStrangerKey);
  borrowed.key_id = id_of(kApproverKey);
  EXPECT_EQ(code_of(reload({borrowed})), Code::kApprovalInvalid) << "another's name on it";
  Approval bent = approve_request(request, kApproverKey);
  bent.signature.front() ^= std::byte{1};
  EXPECT_EQ(code_of(reload({bent})), Code::kApprovalInvalid);
  EXPECT_EQ(active_version(), "1.0.0");
}

TEST_F(TrustApproval, RC_E_PACK_NobodyApprovesTheirOwnAct) {
  KeyRequest ada{{pack::sample_key(kStrangerKey).public_key(), Role::kApprover, "ada", {}, {}},  // the admin is Ada
                 {fingerprint(kStrangerKey)}};
  const auto requests = requests_of([&](Importer& desk) { return desk.add_key(ada, {}); }).second;
  ada.approvals = {approve_request(requests.at(0), kApproverKey)};
  ASSERT_TRUE(importer().add_key(ada, {}));
  stage(wanting("1.1.0", 2, "\"runs:cancel\""));
  const std::string request = reload_request();
  EXPECT_EQ(code_of(reload({approve_request(request, kStrangerKey)})), Code::kApprovalInvalid);
  EXPECT_EQ(code_of(reload({approve_request(request, kApproverKey)})), Code::kInternal);
}

TEST_F(TrustApproval, RC_R_PACK_ATokenCountsOnce) {
  stage(wanting("1.1.0", 2, "\"runs:cancel\""));
  const Approval token = approve_request(reload_request(), kApproverKey);
  ASSERT_TRUE(reload({token}));
  EXPECT_TRUE(state()->approval_used(token.digest()));
  // The same growth once more: back to before, and the old token for the second try.
  stage(wanting("1.2.0", 3, ""));
  ASSERT_TRUE(reload());
  EXPECT_EQ(code_of(reload({token})), Code::kInternal) << "nothing to do";
  stage(wanting("1.3.0", 4, "\"runs:cancel\""));
  EXPECT_EQ(code_of(reload({token})), Code::kApprovalInvalid) << "it names another version";
  ActivateRequest back = older("1.1.0");
  back.approvals = {token};
  EXPECT_EQ(code_of(importer().activate(back, no_content_check())), Code::kApprovalInvalid) << "nor for a step back";
}

TEST_F(TrustApproval, RC_R_PACK_AUsedTokenIsRefusedForTheVerySameAct) {
  ASSERT_TRUE(import(wanting("1.1.0", 2, "\"runs:respond\""), {}, true));
  const auto [code, requests] =
      requests_of([&](Importer& desk) { return desk.activate(older("1.0.0"), no_content_check()); });
  ASSERT_EQ(code, Code::kApprovalMissing);
  ActivateRequest back = older("1.0.0");
  back.approvals = {approve_request(requests.at(0), kApproverKey)};
  ASSERT_TRUE(importer().activate(back, no_content_check()));
  EXPECT_EQ(active_version(), "1.0.0");
  ASSERT_TRUE(activate("1.1.0"));
  EXPECT_EQ(code_of(importer().activate(back, no_content_check())), Code::kApprovalUsed);
  EXPECT_EQ(active_version(), "1.1.0");
}

TEST_F(TrustApproval, RC_R_PACK_ATokenEndsAfterAWeek) {
  stage(wanting("1.1.0", 2, "\"runs:cancel\""));
  const Approval token = approve_request(reload_request(), kApproverKey);
  env_.advance(kApprovalLifetime);
  EXPECT_EQ(code_of(reload({token})), Code::kApprovalExpired);
  ApprovalRequest longer = decode_request(reload_request()).value();
  longer.expires += std::chrono::hours(1);
  EXPECT_EQ(code_of(approve(longer, pack::sample_key(kApproverKey))), Code::kApprovalInvalid);
}

TEST_F(TrustApproval, RC_E_PACK_ARevokedApproverApprovesNothing) {
  stage(wanting("1.1.0", 2, "\"runs:cancel\""));
  const Approval token = approve_request(reload_request(), kApproverKey);
  ASSERT_EQ(why(revocation(1, {{kApproverKey}, {}, {}})), Code::kInternal);
  EXPECT_EQ(code_of(reload({token})), Code::kApprovalInvalid);
}

TEST_F(TrustApproval, RC_T_PACK_BelowTheFloorNeedsFlagReasonAndApprover) {
  ASSERT_TRUE(import(wanting("2.0.0", 5, ""), {}, true));
  EXPECT_EQ(code_of(activate("1.0.0")), Code::kEpochBelowFloor);
  EXPECT_EQ(code_of(importer().activate(older("1.0.0", ""), no_content_check())), Code::kUsage);
  const auto [code, requests] =
      requests_of([&](Importer& desk) { return desk.activate(older("1.0.0"), no_content_check()); });
  ASSERT_EQ(code, Code::kApprovalMissing);
  ActivateRequest other_words = older("1.0.0", "no reason");
  other_words.approvals = {approve_request(requests.at(0), kApproverKey)};
  EXPECT_EQ(code_of(importer().activate(other_words, no_content_check())), Code::kApprovalInvalid);
  ActivateRequest back = older("1.0.0");
  back.approvals = other_words.approvals;
  ASSERT_TRUE(importer().activate(back, no_content_check()));
  EXPECT_EQ(active_version(), "1.0.0");
  EXPECT_EQ(state()->floor(base::PackId("soc.triage")), base::Epoch(5)) << "the floor stays";
  open();
  EXPECT_EQ(active()->size(), 1U) << "and the next start takes it";
}

TEST_F(TrustApproval, RC_E_PACK_FewerSignaturesNeedAnApprover) {
  add_key(kOtherPublisherKey, Role::kPublisher, "Hedy");
  RepinRequest both{"soc.triage", {id_of(kPublisherKey), id_of(kOtherPublisherKey)}, 2, "two of us", {}};
  ASSERT_TRUE(importer().repin(both)) << "raising is free";
  EXPECT_EQ(why(wanting("1.1.0", 2, "")), Code::kThresholdNotMet);
  const ThresholdRequest lower{"soc.triage", 1, "one is ill", {}};
  auto [code, requests] = requests_of([&](Importer& desk) { return desk.set_threshold(lower); });
  ASSERT_EQ(code, Code::kApprovalMissing);
  RepinRequest around{"soc.triage", {id_of(kPublisherKey)}, 1, "one is ill", {}};
  EXPECT_EQ(code_of(importer().repin(around)), Code::kApprovalMissing);
  around.approvals = {approve_request(requests.at(0), kApproverKey)};
  EXPECT_EQ(code_of(importer().repin(around)), Code::kApprovalInvalid) << "it was for the threshold";
  RepinRequest inside{"soc.triage", {id_of(kPublisherKey)}, {}, "one is ill", {}};
  EXPECT_EQ(code_of(importer().repin(inside)), Code::kThresholdNotMet) << "the old threshold stays when none is given";
  ThresholdRequest approved = lower;
  approved.approvals = {approve_request(requests.at(0), kApproverKey)};
  ASSERT_TRUE(importer().set_threshold(approved));
  EXPECT_EQ(why(wanting("1.1.0", 2, "")), Code::kInternal);
}

TEST_F(TrustApproval, ATokenIsOneTextThatCanBeTyped) {
  stage(wanting("1.1.0", 2, "\"runs:cancel\""));
  const Approval approval = approve_request(reload_request(), kApproverKey);
  const std::string token = encode_token(approval);
  EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            std::string::npos);
  const auto back = decode_token(token);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->request, approval.request);
  EXPECT_EQ(back->digest(), approval.digest());
  for (const std::string& bad : {std::string(), std::string("x"), token + "=", token.substr(1), token.substr(0, 40)}) {
    EXPECT_EQ(code_of(decode_token(bad)), Code::kApprovalInvalid) << bad;
  }
}

TEST(ApprovalRequest, RC_T_PACK_HasOneForm) {
  const ApprovalRequest request{"pack.activate",
                                {{"digest", "x"}},
                                std::string(32, '0'),
                                pack::sample_time(),
                                pack::sample_time() + kApprovalLifetime};
  const std::string text = encode_request(request);
  ASSERT_TRUE(decode_request(text));
  EXPECT_FALSE(decode_request(text + " "));
  EXPECT_FALSE(decode_request(" " + text));
  std::string spaced = text;
  spaced.insert(1, " ");
  EXPECT_FALSE(decode_request(spaced));
  std::string more = text;
  more.insert(1, "\"z\":1,");
  EXPECT_FALSE(decode_request(more));
}

}  // namespace
}  // namespace stargraph::trust
