// What takes a second person or a second signature: further approvers, approvals by people whom this machine can tell
// apart, packs that were signed again after they came.
#include <algorithm>

#include "governance_trust.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

class SecondPerson : public GovernedTest {
 protected:
  static KeyRequest approver(int key, const std::string& holder) {
    return {{pack::sample_key(key).public_key(), Role::kApprover, holder, {}, {}}, {fingerprint(key)}};
  }
  Code add(const KeyRequest& request) { return code_of(importer().add_key(request, {})); }
};

// The first approver is root's word. From then on root alone makes no second person, nor renames the one there is.
TEST_F(SecondPerson, RC_E_PACK_NobodyMakesASecondApproverAlone) {
  KeyRequest second = approver(kStrangerKey, "Eve");
  const auto [code, requests] = requests_of([&](Importer& desk) { return desk.add_key(second, {}); });
  ASSERT_EQ(code, Code::kApprovalMissing);
  EXPECT_EQ(state()->key(id_of(kStrangerKey)), nullptr);
  second.approvals = {approve_request(requests.at(0), kStrangerKey)};
  EXPECT_EQ(add(second), Code::kApprovalInvalid) << "by herself";
  KeyRequest other = approver(kStrangerKey, "Mallory");
  other.approvals = {approve_request(requests.at(0), kApproverKey)};
  EXPECT_EQ(add(other), Code::kApprovalInvalid) << "of another person";
  second.approvals = {approve_request(requests.at(0), kApproverKey)};
  EXPECT_EQ(add(second), Code::kInternal);
  EXPECT_EQ(state()->key(id_of(kStrangerKey))->role(), Role::kApprover);
}

TEST_F(SecondPerson, RC_E_PACK_NobodyRenamesAnApproverAlone) {
  EXPECT_EQ(add(approver(kApproverKey, "Somebody Else")), Code::kApprovalMissing);
  EXPECT_EQ(add(approver(kApproverKey, "Barbara")), Code::kInternal) << "looked at again, the same person";
}

TEST_F(SecondPerson, WhenNoApproverIsLeftTheNextOneIsTheFirstAgain) {
  ASSERT_EQ(why(revocation(1, {{kApproverKey}, {}, {}})), Code::kInternal);
  EXPECT_EQ(add(approver(kStrangerKey, "Eve")), Code::kInternal);
}

// An act with its receipt that root's own program had recorded without asking.
TEST_F(SecondPerson, RC_E_PACK_NoLoadTakesAnApproverThatNobodyApproved) {
  TrustState now = state().value();
  const Act act{now.acts() + 1, KeyAdded{approver(kStrangerKey, "Eve").key}, {}, admin(), env_.now(), now.last_entry()};
  EXPECT_EQ(code_of(now.apply(act)), Code::kReceiptInvalid);
}

// Whoever acts has no name here, so no approver can be told from them.
TEST_F(SecondPerson, RC_E_PACK_APersonWithoutANameIsApprovedByNobody) {
  import_first();
  ASSERT_TRUE(import(make("soc.triage", "2.0.0", 2), {}, true));
  ActivateRequest back{base::PackId("soc.triage"), "1.0.0", true, "2.0.0 is broken", {}};
  const auto [code, requests] = requests_of([&](Importer& desk) { return desk.activate(back, no_content_check()); });
  ASSERT_EQ(code, Code::kApprovalMissing);
  back.approvals = {approve_request(requests.at(0), kApproverKey)};
  person_known_ = false;
  EXPECT_EQ(code_of(importer().activate(back, no_content_check())), Code::kApprovalInvalid);
  person_known_ = true;
  EXPECT_EQ(code_of(importer().activate(back, no_content_check())), Code::kInternal);
}

// A policy that no reload can take is passed over, and holds up nothing else.
TEST_F(SecondPerson, RC_D_POLICY_AStagedPolicyThatOnlyWarnsDoesNotStopTheOthers) {
  import_first();
  ASSERT_EQ(why(make("soc.triage", "2.0.0", 2)), Code::kInternal);
  ASSERT_TRUE(import_policy(policy("1.0.0", 1), false));
  const auto refuse_policies = [](const pack::Contents& contents, base::BytesView) -> base::Result<Findings> {
    if (pack::kind_of(contents.manifest) != pack::PackKind::kPolicy) return Findings{};
    return base::fail(Code::kPolicyMode, "policy: mode warn");
  };
  const auto done = importer().reload({}, refuse_policies);
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_EQ(done->left_out.size(), 1U);
  EXPECT_EQ(done->left_out.front().why.code, Code::kPolicyMode);
  EXPECT_EQ(state()->active(base::PackId("soc.triage"))->ref.version, "2.0.0");
}

// --- signatures that come later ---

class Countersigned : public GovernedTest {
 protected:
  void SetUp() override {
    GovernedTest::SetUp();
    import_first();
    add_key(kOtherPublisherKey, Role::kPublisher, "Olga");
    ASSERT_EQ(why(once_), Code::kInternal);
    const RepinRequest both{
        "soc.triage", {id_of(kPublisherKey), id_of(kOtherPublisherKey)}, 2, "two pairs of eyes", {}};
    ASSERT_TRUE(importer().repin(both));
    ASSERT_EQ(code_of(activate("2.0.0")), Code::kThresholdNotMet);
  }
  static base::Bytes sign_too(const base::Bytes& bytes, int key) {
    return pack::add_signature(*pack::parse(bytes), pack::sample_key(key)).value();
  }
  const base::Bytes once_ = make("soc.triage", "2.0.0", 2);
};

TEST_F(Countersigned, TheSamePackWithMoreSignaturesReachesTheThreshold) {
  const auto again = import(sign_too(once_, kOtherPublisherKey));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->already_there && again->countersigned);
  EXPECT_EQ(notary_.names().back(), "pack.imported") << "by an act with its receipt";
  EXPECT_EQ(state()->find(base::PackId("soc.triage"), "2.0.0")->signers.size(), 2U);
  ASSERT_TRUE(activate("2.0.0"));
  ASSERT_TRUE(active()) << "from the bytes with both signatures";
  open();
  EXPECT_TRUE(active());
  const std::size_t said = notary_.events.size();
  EXPECT_EQ(why(once_), Code::kThresholdNotMet) << "the file of before";
  EXPECT_EQ(why(sign_too(once_, kOtherPublisherKey)), Code::kInternal);
  EXPECT_EQ(notary_.events.size(), said + 1) << "a refusal, and no act for what is known";
}

TEST_F(Countersigned, RC_S_PACK_AStrangersSignatureIsNone) {
  EXPECT_EQ(why(sign_too(once_, kStrangerKey)), Code::kThresholdNotMet);
  EXPECT_EQ(why(sign_too(sign_too(once_, kOtherPublisherKey), kStrangerKey)), Code::kSignerNotPinned);
  EXPECT_EQ(code_of(activate("2.0.0")), Code::kThresholdNotMet);
}

// The database's owner swaps the file of one signature in for that of two: other signers than on record.
TEST_F(Countersigned, RC_T_PACK_TheFileWithFewerSignaturesIsRefusedAtLoad) {
  ASSERT_TRUE(import(sign_too(once_, kOtherPublisherKey)));
  const TrustState now = state().value();
  const ImportedPack& known = *now.find(base::PackId("soc.triage"), "2.0.0");
  EXPECT_EQ(code_of(LoadedPack::load(once_, known, now)), Code::kSignerMismatch);
  EXPECT_TRUE(LoadedPack::load(sign_too(once_, kOtherPublisherKey), known, now));
}

TEST_F(Countersigned, RC_T_PACK_NoLoadTakesAnImportThatAddsNothing) {
  TrustState now = state().value();
  const ImportedPack known = *now.find(base::PackId("soc.triage"), "2.0.0");
  const auto next = [&](std::vector<base::KeyId> signers) {
    TrustState copy = now;
    const Act act{copy.acts() + 1, Imported{known.ref, std::move(signers)}, {}, admin(), env_.now(), copy.last_entry()};
    return code_of(copy.apply(act));
  };
  EXPECT_EQ(next(known.signers), Code::kReceiptInvalid);
  EXPECT_EQ(next({id_of(kOtherPublisherKey)}), Code::kReceiptInvalid) << "in place of the first";
  EXPECT_EQ(next({id_of(kPublisherKey), id_of(kOtherPublisherKey)}), Code::kInternal);
}

}  // namespace
}  // namespace stargraph::trust
