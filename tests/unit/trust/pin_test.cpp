// Keys with roles, pins with several keys and thresholds, and taking over a scope.
#include "governance_trust.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

class TrustPins : public GovernedTest {
 protected:
  static base::Bytes both(const std::string& version, std::int64_t epoch) {
    return pack::add_signature(*pack::parse(make("soc.triage", version, epoch)), pack::sample_key(kOtherPublisherKey))
        .value();
  }
  base::Result<Pin> repin(const std::string& scope, const std::vector<int>& keys, const std::string& reason = "moved") {
    RepinRequest request{scope, {}, {}, reason, {}};
    for (const int key : keys) request.keys.push_back(id_of(key));
    return importer().repin(request);
  }
};

TEST_F(TrustPins, AThresholdGivenAtTheFirstImportPinsAllWhoseFingerprintsCame) {
  Offer offer{{fingerprint(kPublisherKey), fingerprint(kOtherPublisherKey)}, {}, 2};
  EXPECT_EQ(why(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}, 2}), Code::kThresholdNotMet);
  ASSERT_EQ(why(both("1.0.0", 1), offer), Code::kInternal);
  EXPECT_EQ(state()->pin_of("soc.triage")->keys.size(), 2U);
  EXPECT_EQ(why(make("soc.triage", "1.1.0", 2)), Code::kThresholdNotMet);
  EXPECT_EQ(why(make("soc.triage", "1.1.0", 2, kOtherPublisherKey)), Code::kThresholdNotMet);
  EXPECT_EQ(why(both("1.1.0", 2)), Code::kInternal);
}

TEST_F(TrustPins, RC_S_PACK_AStrangerBesideGoodSignersIsRefused) {
  import_first();
  EXPECT_EQ(why(both("1.1.0", 2)), Code::kSignerNotPinned);
}

TEST_F(TrustPins, RC_E_PACK_AKeyHasOneRoleForEver) {
  const auto add = [&](int key, Role role) {
    return code_of(
        importer().add_key({{pack::sample_key(key).public_key(), role, "Eve", {}, {}}, {fingerprint(key)}}, {}));
  };
  EXPECT_EQ(add(kGovernorKey, Role::kPublisher), Code::kRoleMismatch);
  EXPECT_EQ(add(kApproverKey, Role::kGovernor), Code::kRoleMismatch);
  import_first();
  EXPECT_EQ(add(kPublisherKey, Role::kApprover), Code::kRoleMismatch);
}

TEST_F(TrustPins, RC_S_PACK_NoKeyIsAddedWithoutItsFingerprint) {
  KeyRequest request{{pack::sample_key(kStrangerKey).public_key(), Role::kGovernor, "Eve", {}, {}}, {}};
  EXPECT_EQ(code_of(importer().add_key(request, {})), Code::kFingerprintMissing);
  request.fingerprints = {fingerprint(kGovernorKey)};
  EXPECT_EQ(code_of(importer().add_key(request, {})), Code::kFingerprintMismatch);
  int asked = 0;
  const auto guess = [&](int) {
    ++asked;
    return std::optional<std::string>("nothing like it");
  };
  request.fingerprints.clear();
  EXPECT_EQ(code_of(importer().add_key(request, guess)), Code::kFingerprintMismatch);
  EXPECT_EQ(asked, kMaxFingerprintTries);
  EXPECT_EQ(state()->key(id_of(kStrangerKey)), nullptr);
}

TEST_F(TrustPins, GovernorsAndApproversArePersons) {
  const KeyRequest request{{pack::sample_key(kStrangerKey).public_key(), Role::kApprover, "", {}, {}},
                           {fingerprint(kStrangerKey)}};
  EXPECT_EQ(code_of(importer().add_key(request, {})), Code::kUsage);
}

TEST_F(TrustPins, KeysRememberWhoConfirmedThemAndWhenToLookAgain) {
  env_.set_now(pack::sample_time() + std::chrono::hours(5));
  const base::Timestamp due = pack::sample_time() + std::chrono::hours(24 * 365);
  ASSERT_TRUE(importer().add_key(
      {{pack::sample_key(kStrangerKey).public_key(), Role::kPublisher, "Hedy", {}, due}, {fingerprint(kStrangerKey)}},
      {}));
  const auto now = state();
  const KnownKey* const key = now->key(id_of(kStrangerKey));
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->confirmed.holder, "Hedy");
  EXPECT_EQ(key->confirmed_by, admin());
  EXPECT_EQ(key->confirmed_at, pack::sample_time() + std::chrono::hours(5));
  EXPECT_TRUE(now->review_due(due - base::Duration(1)).empty());
  ASSERT_EQ(now->review_due(due).size(), 1U);
  EXPECT_EQ(now->review_due(due).front()->key().key_id(), id_of(kStrangerKey));
  // Looked at: confirmed again, with a later date.
  ASSERT_TRUE(importer().add_key(
      {{pack::sample_key(kStrangerKey).public_key(), Role::kPublisher, "Hedy", {}, due + std::chrono::hours(1)},
       {fingerprint(kStrangerKey)}},
      {}));
  EXPECT_TRUE(state()->review_due(due).empty());
}

TEST_F(TrustPins, RepinReplacesTheKeysOfAScope) {
  import_first();
  EXPECT_EQ(code_of(repin("soc.triage", {kOtherPublisherKey})), Code::kSignerNotPinned) << "not confirmed yet";
  add_key(kOtherPublisherKey, Role::kPublisher, "Hedy");
  EXPECT_EQ(code_of(repin("soc.triage", {kOtherPublisherKey}, "")), Code::kUsage);
  ASSERT_TRUE(repin("soc.triage", {kOtherPublisherKey}));
  EXPECT_EQ(notary_.names().back(), "trust.repinned");
  EXPECT_EQ(why(make("soc.triage", "1.1.0", 2)), Code::kSignerMismatch);
  EXPECT_EQ(why(make("soc.triage", "1.1.0", 2, kOtherPublisherKey)), Code::kInternal);
  EXPECT_EQ(active()->size(), 1U) << "what was accepted before stays";
}

TEST_F(TrustPins, ANarrowerScopeInsideAnothersIsTakenOverByRepinOnly) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, "soc.*"}));
  add_key(kOtherPublisherKey, Role::kPublisher, "Hedy");
  const base::Bytes other = make("soc.inner", "1.0.0", 1, kOtherPublisherKey);
  EXPECT_EQ(why(other, {{fingerprint(kOtherPublisherKey)}, {}}), Code::kSignerMismatch);
  ASSERT_TRUE(repin("soc.inner", {kOtherPublisherKey}));
  EXPECT_EQ(why(other), Code::kInternal) << "the longest match decides";
  EXPECT_EQ(why(make("soc.inner", "1.1.0", 2)), Code::kSignerMismatch);
  EXPECT_EQ(why(make("soc.triage", "1.1.0", 2)), Code::kInternal) << "the rest of soc.* is as before";
}

TEST_F(TrustPins, RC_E_PACK_RepinReachesNoFurtherThanAPin) {
  import_first();
  add_key(kOtherPublisherKey, Role::kPublisher, "Hedy");
  for (const char* scope : {"*", "soc.*", "net", "@governors"}) {
    EXPECT_EQ(code_of(repin(scope, {kOtherPublisherKey})), Code::kScopeInvalid) << scope;
  }
  EXPECT_EQ(code_of(repin("soc.triage", {kGovernorKey})), Code::kRoleMismatch);
  EXPECT_EQ(code_of(repin("soc.triage", {kOtherPublisherKey, kOtherPublisherKey})), Code::kUsage);
  EXPECT_EQ(code_of(repin("soc.triage", {})), Code::kUsage);
}

TEST_F(TrustPins, RC_D_PACK_NoThresholdThatNobodyCanReach) {
  import_first();
  EXPECT_EQ(code_of(importer().set_threshold({"soc.triage", 2, "", {}})), Code::kNumberRange);
  EXPECT_EQ(code_of(importer().set_threshold({"soc.triage", 0, "x", {}})), Code::kNumberRange);
  EXPECT_EQ(code_of(importer().set_threshold({"soc.*", 1, "", {}})), Code::kScopeInvalid);
  EXPECT_FALSE(importer().set_threshold({"soc.triage", 1, "", {}}).value()) << "it is so already";
}

}  // namespace
}  // namespace stargraph::trust
