// Lists of acts with genuine receipts that these rules would never have made: what somebody who can talk to the audit
// writer as root, with a program of their own, still cannot make the daemon believe.
#include <algorithm>

#include "governance_trust.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

class TrustFold : public GovernedTest {
 protected:
  void SetUp() override {
    GovernedTest::SetUp();
    import_first();
    base_ = state().value();
  }
  // Whether the list goes on with these acts, each with its receipt.
  bool goes_on(const std::vector<Body>& acts, std::optional<base::Timestamp> time = {}) {
    TrustState now = base_;
    for (const Body& body : acts) {
      const Act act{now.acts() + 1, body, {}, admin(), time.value_or(env_.now()), now.last_entry()};
      if (!now.apply(act)) return false;
    }
    return true;
  }
  PackRef ref(const std::string& id, std::int64_t epoch, pack::PackKind kind = pack::PackKind::kRules) {
    const std::string name = id + std::to_string(epoch);
    return {base::PackId(id), std::to_string(epoch) + ".0.0", base::Epoch(epoch), kind, crypto::sha384(name)};
  }
  static KeyAdded key(int index, Role role) {
    return KeyAdded{{pack::sample_key(index).public_key(), role, "Eve", {}, {}}};
  }
  Approved approval(std::string_view act, json::Object subject, int key = kApproverKey) {
    return Approved{approve(make_request(env_, act, std::move(subject)), pack::sample_key(key)).value()};
  }
  // What an approver of this activation was shown.
  static json::Object subject_of(const PackRef& pack, const std::optional<PackRef>& before, bool below_floor,
                                 const std::string& reason) {
    return {{"actor", "alice"},
            {"before", before ? json::Value(before->digest.hex()) : json::Value(nullptr)},
            {"below_floor", below_floor},
            {"digest", pack.digest.hex()},
            {"epoch", pack.epoch.value()},
            {"grows", json::Object()},
            {"pack", pack.id.str()},
            {"reason", reason},
            {"version", pack.version}};
  }
  static Activated active(const PackRef& pack) { return Activated{pack, false, "", {}, {}}; }

  TrustState base_;
};

TEST_F(TrustFold, RC_E_PACK_NoSecondRoleForAKey) {
  EXPECT_TRUE(goes_on({key(kStrangerKey, Role::kGovernor)}));
  EXPECT_FALSE(goes_on({key(kPublisherKey, Role::kGovernor)}));
  EXPECT_FALSE(goes_on({key(kGovernorKey, Role::kApprover)}));
}

TEST_F(TrustFold, RC_E_PACK_PinsArePublishersOnly) {
  EXPECT_FALSE(goes_on({Pinned{{"net.flow", {id_of(kGovernorKey)}, 1}}}));
  EXPECT_FALSE(goes_on({Pinned{{"net.flow", {id_of(kStrangerKey)}, 1}}})) << "nobody confirmed it";
  EXPECT_FALSE(goes_on({Repinned{{"net.flow", {id_of(kPublisherKey)}, 1}, "r", {}}})) << "a scope nobody had";
  EXPECT_FALSE(goes_on({key(kStrangerKey, Role::kPublisher), Pinned{{"soc.*", {id_of(kStrangerKey)}, 1}}}));
  EXPECT_TRUE(goes_on({Pinned{{"net.*", {id_of(kPublisherKey)}, 1}}}));
  EXPECT_FALSE(goes_on({Pinned{{"net.*", {id_of(kPublisherKey)}, 1}}, Pinned{{"net.flow", {id_of(kPublisherKey)}, 1}}}))
      << "inside another, where the threshold may be higher";
}

TEST_F(TrustFold, RC_E_PACK_ImportsHaveTheSignersOfTheirKind) {
  const auto imported = [&](const PackRef& pack, int signer) { return goes_on({Imported{pack, {id_of(signer)}}}); };
  EXPECT_TRUE(imported(ref("soc.triage", 2), kPublisherKey));
  EXPECT_FALSE(imported(ref("soc.triage", 2), kGovernorKey));
  EXPECT_FALSE(imported(ref("net.flow", 1), kPublisherKey)) << "no pin";
  EXPECT_TRUE(imported(ref("site.policy", 1, pack::PackKind::kPolicy), kGovernorKey));
  EXPECT_FALSE(imported(ref("site.policy", 1, pack::PackKind::kPolicy), kPublisherKey));
  EXPECT_FALSE(imported(ref("site.policy", 1, pack::PackKind::kPolicy), kApproverKey));
  EXPECT_FALSE(goes_on({Imported{ref("site.policy", 1, pack::PackKind::kPolicy), {}}})) << "nobody";
  EXPECT_FALSE(imported(ref("soc.triage", 2, pack::PackKind::kExecution), kPublisherKey)) << "another kind of the id";
}

TEST_F(TrustFold, RC_T_PACK_BelowTheFloorTakesAnApprovalThatWasGivenForIt) {
  const PackRef old = base_.packs().front().ref;
  const PackRef next = ref("soc.triage", 5);
  const std::vector<Body> raised{Imported{next, {id_of(kPublisherKey)}}, active(next)};
  const auto with = [&](std::vector<Body> more) {
    std::vector<Body> all = raised;
    for (Body& body : more) all.push_back(std::move(body));
    return goes_on(all);
  };
  ASSERT_TRUE(with({}));
  EXPECT_FALSE(with({active(old)}));
  EXPECT_FALSE(with({Activated{old, true, "r", {}, {}}}));
  const json::Object subject = subject_of(old, next, true, "r");
  const Approved given = approval(kApproveActivation, subject);
  const crypto::Digest digest = given.approval.digest();
  EXPECT_TRUE(with({given, Activated{old, true, "r", digest, {}}}));
  EXPECT_FALSE(with({given, Activated{old, true, "", digest, {}}})) << "no reason";
  EXPECT_FALSE(with({given, Activated{old, false, "r", digest, {}}})) << "not said to be below";
  EXPECT_FALSE(with({Activated{old, true, "r", digest, {}}, given})) << "approved afterwards";
  EXPECT_FALSE(with({given, Activated{old, true, "another", digest, {}}})) << "for another reason";
  for (const auto& [member, value] : subject) {
    json::Object another = subject;
    another.set(member, "something else");
    const Approved other = approval(kApproveActivation, another);
    const bool told_by_the_act = member != "actor" && member != "grows";
    EXPECT_EQ(with({other, Activated{old, true, "r", other.approval.digest(), {}}}), !told_by_the_act) << member;
  }
  const Approved act = approval(kApproveRepin, subject);
  EXPECT_FALSE(with({act, Activated{old, true, "r", act.approval.digest(), {}}})) << "of another act";
  EXPECT_FALSE(
      with({given, Activated{old, true, "r", digest, {}}, active(next), Activated{old, true, "r", digest, {}}}))
      << "used twice";
  EXPECT_FALSE(with({given, given})) << "given twice";
}

TEST_F(TrustFold, RC_S_PACK_ApprovalsAreSignedByApprovers) {
  const json::Object subject{{"digest", "x"}};
  EXPECT_TRUE(goes_on({approval(kApproveActivation, subject)}));
  for (const int key : {kPublisherKey, kGovernorKey, kStrangerKey}) {
    EXPECT_FALSE(goes_on({approval(kApproveActivation, subject, key)})) << key;
  }
  Approved forged = approval(kApproveActivation, subject, kStrangerKey);
  forged.approval.key_id = id_of(kApproverKey);
  EXPECT_FALSE(goes_on({forged}));
  const Approved late = approval(kApproveActivation, subject);
  EXPECT_TRUE(goes_on({late}, env_.now() + kApprovalLifetime - base::Duration(1)));
  EXPECT_FALSE(goes_on({late}, env_.now() + kApprovalLifetime));
  EXPECT_FALSE(goes_on({late}, env_.now() - base::Duration(1))) << "before it was asked for";
}

TEST_F(TrustFold, RC_E_PACK_ThresholdsFallWithApprovalOnly) {
  std::vector<base::KeyId> two{id_of(kPublisherKey), id_of(kStrangerKey)};
  std::ranges::sort(two);
  const std::vector<Body> raised{key(kStrangerKey, Role::kPublisher), Repinned{{"soc.triage", two, 2}, "r", {}}};
  const auto with = [&](std::vector<Body> more) {
    std::vector<Body> all = raised;
    for (Body& body : more) all.push_back(std::move(body));
    return goes_on(all);
  };
  ASSERT_TRUE(with({}));
  EXPECT_FALSE(with({ThresholdSet{"soc.triage", 1, "r", {}}}));
  EXPECT_FALSE(with({ThresholdSet{"soc.triage", 3, "r", {}}})) << "more than there are keys";
  EXPECT_FALSE(with({Repinned{{"soc.triage", {id_of(kStrangerKey)}, 1}, "r", {}}}));
  const Approved given =
      approval(kApproveThreshold, {{"from", 2}, {"reason", "r"}, {"scope", "soc.triage"}, {"threshold", 1}});
  EXPECT_TRUE(with({given, ThresholdSet{"soc.triage", 1, "r", given.approval.digest()}}));
  EXPECT_FALSE(with({given, ThresholdSet{"soc.triage", 1, "another", given.approval.digest()}}));
  const Approved nothing = approval(kApproveThreshold, {{"scope", "soc.triage"}});
  EXPECT_FALSE(with({nothing, ThresholdSet{"soc.triage", 1, "r", nothing.approval.digest()}}));
  const Approved further =
      approval(kApproveThreshold, {{"from", 3}, {"reason", "r"}, {"scope", "soc.triage"}, {"threshold", 2}});
  EXPECT_FALSE(with({further, ThresholdSet{"soc.triage", 1, "r", further.approval.digest()}})) << "3 to 2, not 2 to 1";
  const auto repin = [&](int key, int from, int threshold) {
    return approval(kApproveRepin, {{"from", from},
                                    {"keys", encode_key_ids(std::array{id_of(key)})},
                                    {"reason", "r"},
                                    {"scope", "soc.triage"},
                                    {"threshold", threshold}});
  };
  const auto repinned = [&](const Approved& approved) {
    return with({approved, Repinned{{"soc.triage", {id_of(kStrangerKey)}, 1}, "r", approved.approval.digest()}});
  };
  EXPECT_TRUE(repinned(repin(kStrangerKey, 2, 1)));
  EXPECT_FALSE(repinned(repin(kPublisherKey, 2, 1))) << "of other keys";
  EXPECT_FALSE(repinned(repin(kStrangerKey, 3, 1))) << "from another threshold";
  EXPECT_FALSE(repinned(repin(kStrangerKey, 2, 2))) << "to another threshold";
  EXPECT_FALSE(with({given, Repinned{{"soc.triage", {id_of(kStrangerKey)}, 1}, "r", given.approval.digest()}}));
  EXPECT_FALSE(goes_on({ThresholdSet{"net.flow", 1, "r", {}}})) << "no such pin";
}

TEST_F(TrustFold, RC_S_PACK_RotationsNeedTheOldKeysPack) {
  const PackRef pack = ref("site.rotation", 1, pack::PackKind::kRotation);
  const Rotated act{"soc.triage", id_of(kPublisherKey), id_of(kStrangerKey), pack.digest};
  const Imported by_old{pack, {id_of(kPublisherKey)}};
  const Imported by_governor{pack, {id_of(kGovernorKey)}};
  const KeyAdded next = key(kStrangerKey, Role::kPublisher);
  EXPECT_TRUE(goes_on({by_old, next, act}));
  EXPECT_FALSE(goes_on({next, act})) << "no pack";
  EXPECT_FALSE(goes_on({by_governor, next, act})) << "not the old key's";
  EXPECT_FALSE(goes_on({by_old, act})) << "a key nobody confirmed";
  EXPECT_FALSE(goes_on({by_old, key(kStrangerKey, Role::kApprover), act}));
}

TEST_F(TrustFold, RC_R_PACK_RevocationsHaveTheirPackAndRise) {
  const PackRef pack = ref("site.revocations", 1, pack::PackKind::kRevocation);
  Revocations list;
  list.number = 1;
  list.keys.insert(id_of(kStrangerKey));
  const Imported imported{pack, {id_of(kGovernorKey)}};
  EXPECT_TRUE(goes_on({imported, Revoked{list, pack.digest}}));
  EXPECT_FALSE(goes_on({Revoked{list, pack.digest}}));
  EXPECT_FALSE(goes_on({imported, Revoked{list, pack.digest}, Revoked{list, pack.digest}})) << "the same number again";
  EXPECT_FALSE(goes_on({imported, Revoked{list, pack.digest}, key(kStrangerKey, Role::kPublisher)}))
      << "a revoked key confirmed";
}

TEST_F(TrustFold, RC_T_POLICY_PoliciesFollowEachOther) {
  const PackRef one = ref("site.policy", 1, pack::PackKind::kPolicy);
  const PackRef two = ref("site.policy", 2, pack::PackKind::kPolicy);
  const PackRef other = ref("site.other", 9, pack::PackKind::kPolicy);
  const auto imported = [&](const PackRef& pack) { return Imported{pack, {id_of(kGovernorKey)}}; };
  EXPECT_TRUE(goes_on({imported(one), active(one), imported(two), active(two)}));
  EXPECT_FALSE(goes_on({imported(one), imported(two), active(two), active(one)}));
  EXPECT_FALSE(goes_on({imported(one), active(one), imported(other), active(other)}));
  Activated follows = active(other);
  follows.supersedes = one.digest;
  EXPECT_TRUE(goes_on({imported(one), active(one), imported(other), follows}));
  const Approved given = approval(kApproveActivation, subject_of(one, two, true, "r"));
  EXPECT_FALSE(goes_on(
      {imported(one), imported(two), active(two), given, Activated{one, true, "r", given.approval.digest(), {}}}))
      << "not even with an approval";
  EXPECT_FALSE(goes_on({Imported{ref("site.r", 1, pack::PackKind::kRotation), {id_of(kPublisherKey)}},
                        active(ref("site.r", 1, pack::PackKind::kRotation))}))
      << "a rotation is never active";
}

}  // namespace
}  // namespace stargraph::trust
