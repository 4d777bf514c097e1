// Policy, revocation and rotation packs: who may sign them, what they change, and what a thief, a stale stick
// or a careless admin cannot do with them.
#include "governance_trust.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

class TrustPolicy : public GovernedTest {};
class TrustRevocation : public GovernedTest {
 protected:
  // The digest of the stored pack of `id`, as a list names it.
  std::string stored(const std::string& id) { return state()->find(base::PackId(id), "1.0.0")->ref.digest.hex(); }
};
class TrustRotation : public GovernedTest {};

TEST_F(TrustPolicy, TakesEffectAtImport) {
  const auto report = import_policy(policy("1.0.0", 1));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->activated);
  EXPECT_EQ(notary_.names().back(), "policy.activated");
  ASSERT_NE(state()->active_policy(), nullptr);
  EXPECT_EQ(state()->active_policy()->ref.version, "1.0.0");
  ASSERT_TRUE(import_policy(policy("1.1.0", 2)));
  EXPECT_EQ(state()->active_policy()->ref.version, "1.1.0");
  const auto packs = active();
  ASSERT_TRUE(packs);
  EXPECT_EQ(packs->size(), 1U) << "one policy at a time";
}

TEST_F(TrustPolicy, RC_E_POLICY_APublisherSignsNoPolicy) {
  import_first();
  EXPECT_EQ(code_of(import_policy(policy("1.0.0", 1, {kPublisherKey}))), Code::kRoleMismatch);
  EXPECT_EQ(code_of(import_policy(policy("1.0.0", 1, {kPublisherKey, kGovernorKey}))), Code::kRoleMismatch)
      << "not beside a governor either";
  EXPECT_EQ(code_of(import_policy(policy("1.0.0", 1, {kApproverKey}))), Code::kRoleMismatch);
  EXPECT_EQ(state()->active_policy(), nullptr);
}

TEST_F(TrustPolicy, RC_S_POLICY_NoImportMakesAGovernor) {
  const base::Bytes bytes = policy("1.0.0", 1, {kStrangerKey});
  EXPECT_EQ(why(bytes), Code::kSignerNotPinned);
  EXPECT_EQ(why(bytes, {{fingerprint(kStrangerKey)}, {}}), Code::kSignerNotPinned);
  EXPECT_EQ(why(policy("1.0.0", 1, {kGovernorKey, kStrangerKey})), Code::kSignerNotPinned);
}

TEST_F(TrustPolicy, RC_E_POLICY_AGovernorSignsNoRules) {
  EXPECT_EQ(why(make("soc.triage", "1.0.0", 1, kGovernorKey), {{fingerprint(kGovernorKey)}, {}}), Code::kRoleMismatch);
}

TEST_F(TrustPolicy, RC_T_POLICY_OnlyGoesForwards) {
  const base::Bytes old = policy("1.0.0", 1);
  ASSERT_TRUE(import_policy(old));
  ASSERT_TRUE(import_policy(policy("2.0.0", 5)));
  EXPECT_EQ(code_of(import_policy(policy("1.5.0", 3))), Code::kPolicyRollback);
  EXPECT_EQ(code_of(import_policy(policy("1.5.0", 6))), Code::kPolicyRollback) << "a lower version under a new epoch";
  EXPECT_EQ(code_of(import_policy(policy("2.0.1", 5))), Code::kEpochReused);
  ASSERT_TRUE(import_policy(old)) << "it is here already";
  EXPECT_EQ(state()->active_policy()->ref.version, "2.0.0") << "and stays out of force";
  ActivateRequest back{base::PackId("site.policy"), "1.0.0", true, "we liked it better", {}};
  EXPECT_EQ(code_of(importer().activate(back, no_content_check())), Code::kPolicyRollback) << "whoever approves";
}

TEST_F(TrustPolicy, RC_T_POLICY_AnOldPolicyOfAnotherIdIsRefused) {
  ASSERT_TRUE(import_policy(policy("1.0.0", 1)));
  EXPECT_EQ(code_of(import_policy(policy("9.0.0", 9, {kGovernorKey}, "site.other"))), Code::kPolicyRollback);
  supersedes_ = state()->active_policy()->ref.digest;
  ASSERT_TRUE(import_policy(policy("9.0.0", 9, {kGovernorKey}, "site.other")));
  EXPECT_EQ(state()->active_policy()->ref.id.str(), "site.other");
}

TEST_F(TrustPolicy, RC_T_POLICY_RetiringDoesNotMakeRoomForAnOlderOne) {
  ASSERT_TRUE(import_policy(policy("2.0.0", 5)));
  ASSERT_TRUE(importer().retire(base::PackId("site.policy")));
  EXPECT_EQ(state()->active_policy(), nullptr);
  EXPECT_EQ(code_of(import_policy(policy("1.0.0", 1))), Code::kPolicyRollback);
  EXPECT_EQ(code_of(import_policy(policy("9.0.0", 9, {kGovernorKey}, "site.other"))), Code::kPolicyRollback);
}

TEST_F(TrustPolicy, OneOfTomorrowWaits) {
  ASSERT_TRUE(import_policy(policy("1.0.0", 1)));
  const base::Bytes next = policy("2.0.0", 2);
  ASSERT_TRUE(import_policy(next, false));
  EXPECT_EQ(state()->active_policy()->ref.version, "1.0.0");
  ASSERT_TRUE(importer().reload(
      {}, [](const pack::Contents&, base::BytesView) { return base::Result<Findings>(Findings{PolicyView{}}); }));
  EXPECT_EQ(state()->active_policy()->ref.version, "1.0.0");
  const auto counts = [](const pack::Contents&, base::BytesView) {
    return base::Result<Findings>(Findings{PolicyView{true, {}}});
  };
  const auto reloaded = importer().reload({}, counts);
  ASSERT_TRUE(reloaded) << reloaded.error().message;
  EXPECT_EQ(reloaded->steps.size(), 1U);
  EXPECT_EQ(state()->active_policy()->ref.version, "2.0.0");
}

TEST_F(TrustPolicy, RC_E_POLICY_AQuorumOfGovernorsIsCounted) {
  EXPECT_EQ(code_of(importer().set_threshold({std::string(kGovernorsScope), 2, "", {}})), Code::kNumberRange);
  add_key(kOtherGovernorKey, Role::kGovernor, "Katherine");
  ASSERT_TRUE(importer().set_threshold({std::string(kGovernorsScope), 2, "", {}}));
  EXPECT_EQ(state()->governor_threshold(), 2);
  EXPECT_EQ(code_of(import_policy(policy("1.0.0", 1))), Code::kThresholdNotMet);
  EXPECT_TRUE(import_policy(policy("1.0.0", 1, {kGovernorKey, kOtherGovernorKey})));
}

// --- revocation ---

TEST_F(TrustRevocation, RC_S_PACK_ARevokedKeySignsNothingMore) {
  import_first();
  const base::Bytes next = make("soc.triage", "1.1.0", 2);
  ASSERT_EQ(why(revocation(1, {{kPublisherKey}, {}, {}})), Code::kInternal);
  EXPECT_EQ(notary_.names().back(), "trust.revoked");
  EXPECT_EQ(state()->revocation_number(), 1);
  EXPECT_EQ(why(next), Code::kSignerRevoked);
  EXPECT_EQ(notary_.names().back(), "pack.refused");
  EXPECT_EQ(state()->active(base::PackId("soc.triage")), nullptr) << "and what it signed is in force no more";
  EXPECT_TRUE(active()->empty()) << "the rest still loads";
  EXPECT_EQ(why(make("soc.triage", "1.0.0", 1)), Code::kSignerRevoked) << "also what is here already";
}

TEST_F(TrustRevocation, RC_S_PACK_ARevokedSignerSpoilsThePackOfOthers) {
  import_first();
  add_key(kOtherPublisherKey, Role::kPublisher, "Hedy");
  ASSERT_EQ(why(revocation(1, {{kOtherPublisherKey}, {}, {}})), Code::kInternal);
  const base::Bytes two =
      pack::add_signature(*pack::parse(make("soc.triage", "1.1.0", 2)), pack::sample_key(kOtherPublisherKey)).value();
  EXPECT_EQ(why(two), Code::kSignerRevoked);
  EXPECT_EQ(why(make("soc.triage", "1.1.0", 2)), Code::kInternal);
}

TEST_F(TrustRevocation, RC_T_PACK_ARevokedDigestIsRefusedAtImportAndAtLoad) {
  import_first();
  const base::Bytes coming = make("soc.triage", "1.1.0", 2);
  ASSERT_EQ(why(revocation(1, {{}, {digest_of(coming), stored("soc.triage")}, {}})), Code::kInternal);
  EXPECT_EQ(why(coming), Code::kDigestRevoked);
  const auto now = state();
  const ImportedPack* const kept = now->find(base::PackId("soc.triage"), "1.0.0");
  auto connection = database_->reader();
  const auto loaded = LoadedPack::load(get_pack(*connection, kept->ref.digest).value(), *kept, *now);
  EXPECT_EQ(code_of(loaded), Code::kPackRevoked) << "a run of before may not go on with it";
  EXPECT_EQ(code_of(activate("1.0.0")), Code::kPackRevoked);
}

TEST_F(TrustRevocation, RC_T_PACK_ARangeOfEpochsIsRefused) {
  import_first();
  ASSERT_TRUE(import(make("soc.triage", "1.4.0", 4), {}, true));
  ASSERT_EQ(why(revocation(1, {{}, {}, {{base::PackId("soc.triage"), base::Epoch(2), base::Epoch(5)}}})),
            Code::kInternal);
  EXPECT_EQ(state()->active(base::PackId("soc.triage")), nullptr);
  EXPECT_EQ(why(make("soc.triage", "1.5.0", 5)), Code::kPackRevoked);
  EXPECT_EQ(why(make("soc.triage", "1.6.0", 6)), Code::kInternal) << "just after it";
  EXPECT_EQ(state()->is_revoked(state()->find(base::PackId("soc.triage"), "1.0.0")->ref, {}), std::nullopt)
      << "just before it";
}

TEST_F(TrustRevocation, RC_R_PACK_AnOlderListIsRefused) {
  const base::Bytes old = revocation(3, {{kStrangerKey}, {}, {}});
  ASSERT_EQ(why(revocation(7, {{kOtherPublisherKey}, {}, {}})), Code::kInternal);
  EXPECT_EQ(why(old), Code::kRevocationRollback);
  const base::Bytes same = governed(pack::PackKind::kRevocation, "site.revocations", "8.0.0", 8,
                                    list_of(7, {{kStrangerKey}, {}, {}}), {kGovernorKey});
  EXPECT_EQ(why(same), Code::kRevocationRollback) << "the same number says something new";
  EXPECT_FALSE(state()->is_revoked(id_of(kStrangerKey)));
}

TEST_F(TrustRevocation, RC_R_PACK_NothingIsEverTakenBack) {
  ASSERT_EQ(why(revocation(1, {{kStrangerKey}, {}, {}})), Code::kInternal);
  ASSERT_EQ(why(revocation(2, {{kOtherPublisherKey}, {}, {}})), Code::kInternal);
  EXPECT_TRUE(state()->is_revoked(id_of(kStrangerKey))) << "left out of the later list";
  EXPECT_TRUE(state()->is_revoked(id_of(kOtherPublisherKey)));
  EXPECT_EQ(state()->revocation_number(), 2);
}

TEST_F(TrustRevocation, RC_E_PACK_APublisherRevokesNothing) {
  import_first();
  EXPECT_EQ(why(revocation(1, {{kGovernorKey}, {}, {}}, {kPublisherKey})), Code::kRoleMismatch);
  EXPECT_EQ(state()->revocation_number(), 0);
}

TEST_F(TrustRevocation, RC_E_POLICY_ARevokedGovernorsPolicyEndsAndNoneTakesItsPlace) {
  ASSERT_TRUE(import_policy(policy("1.0.0", 1)));
  add_key(kOtherGovernorKey, Role::kGovernor, "Katherine");
  ASSERT_EQ(why(revocation(1, {{kGovernorKey}, {}, {}}, {kOtherGovernorKey})), Code::kInternal);
  EXPECT_EQ(state()->active_policy(), nullptr);
  EXPECT_EQ(code_of(import_policy(policy("2.0.0", 2))), Code::kSignerRevoked);
  EXPECT_TRUE(import_policy(policy("2.0.0", 2, {kOtherGovernorKey})));
}

TEST_F(TrustRevocation, RC_S_PACK_ARevokedKeyIsNotConfirmedAgain) {
  ASSERT_EQ(why(revocation(1, {{kStrangerKey}, {}, {}})), Code::kInternal);
  const KeyRequest request{{pack::sample_key(kStrangerKey).public_key(), Role::kPublisher, "Eve", {}, {}},
                           {fingerprint(kStrangerKey)}};
  EXPECT_EQ(code_of(importer().add_key(request, {})), Code::kSignerRevoked);
  EXPECT_EQ(why(make("soc.triage", "1.0.0", 1, kStrangerKey), {{fingerprint(kStrangerKey)}, {}}), Code::kSignerRevoked);
}

TEST_F(TrustRevocation, TheLargestListFits) {
  Takes takes;
  for (std::size_t i = 0; i < kMaxRevocations; ++i) {
    takes.digests.push_back(crypto::sha384("pack " + std::to_string(i)).hex());
  }
  ASSERT_EQ(why(revocation(1, takes)), Code::kInternal);
  EXPECT_EQ(state()->revocations().size(), kMaxRevocations);
  takes.digests.push_back(crypto::sha384(std::string_view("one more")).hex());
  EXPECT_EQ(why(revocation(2, takes)), Code::kTooLarge);
}

TEST_F(TrustRevocation, SurvivesRestart) {
  ASSERT_EQ(why(revocation(5, {{kStrangerKey}, {}, {}})), Code::kInternal);
  open();
  EXPECT_TRUE(state()->is_revoked(id_of(kStrangerKey)));
  EXPECT_EQ(state()->revocation_number(), 5);
}

// --- rotation ---

TEST_F(TrustRotation, RC_S_PACK_AStolenOldKeyAloneRotatesNothing) {
  import_first();
  const base::Bytes bytes = rotation("soc.triage", kPublisherKey, kStrangerKey, {kPublisherKey});
  EXPECT_EQ(why(bytes), Code::kFingerprintMissing);
  EXPECT_EQ(why(bytes, {{fingerprint(kPublisherKey)}, {}}), Code::kFingerprintMismatch) << "the old one's does not do";
  EXPECT_EQ(state()->pin_of("soc.triage")->keys, std::vector{id_of(kPublisherKey)});
}

TEST_F(TrustRotation, TheNewKeysFingerprintBroughtAlongIsEnough) {
  import_first();
  const base::Bytes old_next = make("soc.triage", "1.1.0", 2, kPublisherKey);
  const auto done = import(rotation("soc.triage", kPublisherKey, kNextPublisherKey, {kPublisherKey}),
                           {{fingerprint(kNextPublisherKey)}, {}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(notary_.names().back(), "trust.key_rotated");
  EXPECT_EQ(state()->key(id_of(kNextPublisherKey))->confirmed.how, Confirmation::kFingerprint);
  EXPECT_EQ(why(old_next), Code::kSignerMismatch) << "the old key is out";
  EXPECT_EQ(why(make("soc.triage", "1.1.0", 2, kNextPublisherKey)), Code::kInternal);
  EXPECT_EQ(active()->size(), 1U) << "what the old key signed before stays in force";
}

TEST_F(TrustRotation, GovernorsConfirmItToo) {
  import_first();
  const auto done = import(rotation("soc.triage", kPublisherKey, kNextPublisherKey, {kPublisherKey, kGovernorKey}));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(state()->key(id_of(kNextPublisherKey))->confirmed.how, Confirmation::kGovernors);
  EXPECT_EQ(state()->pin_of("soc.triage")->keys, std::vector{id_of(kNextPublisherKey)});
}

TEST_F(TrustRotation, RC_S_PACK_GovernorsAloneRotateNothing) {
  import_first();
  EXPECT_EQ(why(rotation("soc.triage", kPublisherKey, kNextPublisherKey, {kGovernorKey})), Code::kSignerMismatch);
}

TEST_F(TrustRotation, RC_E_PACK_ANeighboursKeyDoesNotRotateThisScope) {
  import_first();
  import_first("net.flow", kOtherPublisherKey);
  EXPECT_EQ(why(rotation("soc.triage", kPublisherKey, kNextPublisherKey, {kOtherPublisherKey}),
                {{fingerprint(kNextPublisherKey)}, {}}),
            Code::kSignerMismatch);
  EXPECT_EQ(why(rotation("soc.triage", kOtherPublisherKey, kNextPublisherKey, {kOtherPublisherKey}),
                {{fingerprint(kNextPublisherKey)}, {}}),
            Code::kSignerMismatch);
  EXPECT_EQ(
      why(rotation("soc.*", kPublisherKey, kNextPublisherKey, {kPublisherKey}), {{fingerprint(kNextPublisherKey)}, {}}),
      Code::kScopeInvalid)
      << "nor one that is wider than its pin";
}

TEST_F(TrustRotation, RC_E_PACK_AGovernorsKeyBecomesNoPublishers) {
  import_first();
  EXPECT_EQ(
      why(rotation("soc.triage", kPublisherKey, kGovernorKey, {kPublisherKey}), {{fingerprint(kGovernorKey)}, {}}),
      Code::kRoleMismatch);
}

TEST_F(TrustRotation, RC_T_PACK_AnOldRotationIsNotPlayedAgain) {
  import_first();
  const base::Bytes first = rotation("soc.triage", kPublisherKey, kNextPublisherKey, {kPublisherKey, kGovernorKey}, 1);
  ASSERT_EQ(why(first), Code::kInternal);
  const base::Bytes back =
      rotation("soc.triage", kNextPublisherKey, kOtherPublisherKey, {kNextPublisherKey, kGovernorKey}, 2);
  ASSERT_EQ(why(back), Code::kInternal);
  const auto again = import(first);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->already_there);
  EXPECT_EQ(state()->pin_of("soc.triage")->keys, std::vector{id_of(kOtherPublisherKey)});
}

TEST_F(TrustRotation, RC_S_PACK_AStagedPackOfTheOldKeyIsNotActivatedAfterwards) {
  import_first();
  ASSERT_EQ(why(make("soc.triage", "1.1.0", 2)), Code::kInternal);
  ASSERT_EQ(why(rotation("soc.triage", kPublisherKey, kNextPublisherKey, {kPublisherKey, kGovernorKey})),
            Code::kInternal);
  EXPECT_EQ(code_of(activate("1.1.0")), Code::kSignerMismatch);
  const auto reloaded = importer().reload({}, no_content_check());
  ASSERT_TRUE(reloaded) << reloaded.error().message;
  EXPECT_TRUE(reloaded->steps.empty());
  ASSERT_EQ(reloaded->left_out.size(), 1U) << "told, and no hindrance to the others";
  EXPECT_EQ(reloaded->left_out.front().why.code, Code::kSignerMismatch);
  EXPECT_EQ(active()->front().ref().version, "1.0.0");
}

TEST_F(TrustRotation, APersonAtTheTerminalBringsTheFingerprint) {
  import_first();
  const base::Bytes bytes = rotation("soc.triage", kPublisherKey, kNextPublisherKey, {kPublisherKey});
  ImportRequest request;
  request.file = bytes;
  int asked = 0;
  const auto wrong = [&](int) {
    ++asked;
    return std::optional<std::string>(fingerprint(kStrangerKey).hex());
  };
  EXPECT_EQ(code_of(importer().import(request, no_content_check(), wrong)), Code::kFingerprintMismatch);
  EXPECT_EQ(asked, kMaxFingerprintTries);
  const auto right = [](int) { return std::optional<std::string>(fingerprint(kNextPublisherKey).hex()); };
  EXPECT_TRUE(importer().import(request, no_content_check(), right));
}

// One id is one kind for ever: floors and versions are kept by id.
TEST_F(TrustPolicy, RC_T_PACK_AnIdKeepsItsKind) {
  import_first();
  EXPECT_EQ(code_of(import_policy(policy("2.0.0", 2, {kGovernorKey}, "soc.triage"))), Code::kConflict);
}

// What takes the place of a revoked version is the next one, although nothing of the id is active.
TEST_F(TrustRevocation, AReloadTakesUpTheVersionThatMendsIt) {
  import_first();
  ASSERT_TRUE(import(revocation(1, {{}, {digest_of(make("soc.triage", "1.0.0", 1))}, {}})));
  ASSERT_EQ(state()->active(base::PackId("soc.triage")), nullptr);
  ASSERT_TRUE(import(make("soc.triage", "1.0.1", 2)));
  const auto done = importer().reload({}, no_content_check());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->steps.size(), 1U);
  EXPECT_EQ(state()->active(base::PackId("soc.triage"))->ref.version, "1.0.1");
}

// The log must never tell of an act that the store could not read back.
TEST_F(TrustPolicy, SG_R_PACK_NothingIsOnRecordThatNoLoadWouldTake) {
  import_first();
  add_key(kOtherPublisherKey, Role::kPublisher, "Edsger");
  const std::size_t before = notary_.events.size();
  RepinRequest request;
  request.scope = "soc.triage";
  request.keys = {id_of(kOtherPublisherKey)};
  request.reason = std::string(5000, 'x');
  EXPECT_FALSE(importer().repin(request));
  EXPECT_EQ(notary_.events.size(), before);
  EXPECT_TRUE(state());
}

TEST_F(TrustPolicy, SG_D_PACK_WhatDoesNotGoTogetherIsNeitherActivatedNorLeftBehind) {
  import_first();
  bool good = false;
  fits_ = [&](const PackSource&, const TrustState& after) -> base::Result<> {
    if (good || after.active(base::PackId("soc.triage")) != nullptr) return {};
    return base::fail(Code::kIncompatible, "a graph mounts soc.triage");
  };
  const std::size_t before = notary_.events.size();
  const auto retired = importer().retire(base::PackId("soc.triage"));
  ASSERT_FALSE(retired);
  EXPECT_EQ(retired.error().code, Code::kIncompatible);
  EXPECT_EQ(notary_.events.size(), before);
  good = true;
  EXPECT_TRUE(importer().retire(base::PackId("soc.triage")));
  good = false;
  // What is broken already is no reason to refuse what may mend it.
  EXPECT_TRUE(import(make("soc.other", "1.0.0", 1), {{fingerprint()}, {}}));
}

}  // namespace
}  // namespace stargraph::trust
