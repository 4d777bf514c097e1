#include "stargraph/trust/act.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/pack/sample_pack.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

TEST(TrustScope, IsAnIdOrWholePartsWithAStar) {
  for (const char* scope : {"soc", "soc.*", "soc.triage.*", "soc-1.x_y"}) EXPECT_TRUE(check_scope(scope)) << scope;
}

TEST(TrustScope, RC_E_PACK_RefusesEverythingElse) {
  for (const char* scope : {"*", ".*", "", "soc*", "soc.t*", "*.soc", "soc..*", "soc.**", "SOC.*", "soc.* ", "soc.?"}) {
    EXPECT_EQ(check_scope(scope).has_value(), false) << scope;
  }
}

TEST(TrustScope, CoversWholePartsOnly) {
  EXPECT_TRUE(covers("soc.*", base::PackId("soc.triage")));
  EXPECT_TRUE(covers("soc.*", base::PackId("soc.triage.eu")));
  EXPECT_FALSE(covers("soc.*", base::PackId("soc")));
  EXPECT_FALSE(covers("soc.*", base::PackId("soc.")));
  EXPECT_FALSE(covers("soc.*", base::PackId("socx.triage")));
  EXPECT_FALSE(covers("soc.triage", base::PackId("soc.triage.eu")));
}

TEST(TrustScope, OverlapGoesBothWays) {
  EXPECT_TRUE(overlap("soc.*", "soc.triage"));
  EXPECT_TRUE(overlap("soc.triage", "soc.*"));
  EXPECT_TRUE(overlap("soc.*", "soc.triage.*"));
  EXPECT_TRUE(overlap("soc.triage.*", "soc.*"));
  EXPECT_FALSE(overlap("soc.*", "socx.*"));
  EXPECT_FALSE(overlap("soc.a", "soc.b"));
  EXPECT_FALSE(overlap("soc.*", "soc"));
}

PackRef sample_ref() {
  return {base::PackId("soc.triage"), "1.0.0", base::Epoch(3), pack::PackKind::kRules,
          crypto::sha384(std::string_view("x"))};
}

base::KeyId key_id(int key = 0) { return pack::sample_key(key).public_key().key_id(); }

Approval sample_approval() {
  ApprovalRequest request{std::string(kApproveActivation),
                          {{"digest", "x"}},
                          std::string(32, 'a'),
                          pack::sample_time(),
                          pack::sample_time() + kApprovalLifetime};
  return approve(request, pack::sample_key()).value();
}

// Each kind, with the members that stand in every one of them.
std::vector<Act> sample_acts() {
  const crypto::PublicKey& key = pack::sample_key().public_key();
  Revocations list;
  list.number = 4;
  list.keys.insert(key_id());
  list.digests.insert(sample_ref().digest);
  list.ranges.insert({base::PackId("soc.triage"), base::Epoch(1), base::Epoch(9)});
  return {{1, KeyAdded{{key, Role::kPublisher, "", {}, {}}}},
          {2, Pinned{{"soc.*", {key_id()}, 1}}},
          {3, Imported{sample_ref(), {key_id()}}},
          {4, Activated{sample_ref(), false, "", {}, {}}},
          {5, Retired{sample_ref()}},
          {6, Repinned{{"soc.*", {key_id()}, 1}, "lost", {}}},
          {7, ThresholdSet{"soc.*", 1, "", {}}},
          {8, Rotated{"soc.*", key_id(0), key_id(1), sample_ref().digest}},
          {9, Revoked{list, sample_ref().digest}},
          {10, Approved{sample_approval()}}};
}

// With everything that may stand in them.
std::vector<Act> full_acts() {
  const crypto::PublicKey& key = pack::sample_key().public_key();
  const crypto::Digest digest = sample_ref().digest;
  std::vector<base::KeyId> two{key_id(0), key_id(1)};
  std::ranges::sort(two);
  return {{1, KeyAdded{{key, Role::kApprover, "Ada Lovelace", Confirmation::kGovernors, pack::sample_time()}}},
          {2, Pinned{{"soc.*", two, 2}}},
          {3, Activated{sample_ref(), true, "bad release", digest, digest}},
          {4, Repinned{{"soc.*", two, 2}, "lost", digest}},
          {5, ThresholdSet{std::string(kGovernorsScope), 1, "one left", digest}}};
}

TEST(TrustAct, EveryKindRoundTrips) {
  std::vector<Act> acts = sample_acts();
  for (Act& act : full_acts()) acts.push_back(std::move(act));
  for (const Act& act : acts) {
    const json::Object data = encode_act(act);
    const auto back = decode_act(act.kind(), data);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(encode_act(*back), data);
    EXPECT_EQ(back->kind(), act.kind());
    EXPECT_EQ(act_of(event_of(act)), act.kind());
  }
}

TEST(TrustAct, APolicyTakesEffectUnderItsOwnName) {
  PackRef ref = sample_ref();
  ref.kind = pack::PackKind::kPolicy;
  const Act act{1, Activated{ref, false, "", {}, {}}};
  EXPECT_EQ(event_of(act), audit::EventName::kPolicyActivated);
  EXPECT_EQ(act_of(event_of(act)), ActKind::kActivated);
}

TEST(TrustAct, RC_T_PACK_RefusesUnknownAndMissingMembers) {
  for (const Act& act : sample_acts()) {
    json::Object data = encode_act(act);
    data.set("note", "x");
    EXPECT_EQ(decode_act(act.kind(), data).error().code, Code::kUnknownField);
    for (const auto& [name, value] : encode_act(act)) {
      json::Object without = encode_act(act);
      without.erase(name);
      EXPECT_FALSE(decode_act(act.kind(), without)) << name;
    }
  }
}

TEST(TrustAct, RC_S_PACK_RefusesAKeyUnderAnothersName) {
  json::Object data = encode_act(sample_acts().front());
  data.set("key_id", key_id(1).str());
  EXPECT_EQ(decode_act(ActKind::kKeyAdded, data).error().code, Code::kKeyIdMismatch);
}

TEST(TrustAct, RC_E_PACK_RefusesPinsThatAreNone) {
  std::vector<std::string> two{key_id(0).str(), key_id(1).str()};
  std::ranges::sort(two);
  const auto pin = [](json::Array keys, int threshold, const char* scope = "soc.*") {
    const json::Object data{
        {"act", 1}, {"keys", std::move(keys)}, {"previous", 0}, {"scope", scope}, {"threshold", threshold}};
    return decode_act(ActKind::kPinned, data).has_value();
  };
  EXPECT_TRUE(pin({two[0], two[1]}, 2));
  EXPECT_FALSE(pin({two[1], two[0]}, 2)) << "one form only";
  EXPECT_FALSE(pin({two[0], two[0]}, 1)) << "a key counts once";
  EXPECT_FALSE(pin({two[0]}, 2)) << "a threshold nobody can reach";
  EXPECT_FALSE(pin({two[0]}, 0)) << "a threshold everybody reaches";
  EXPECT_FALSE(pin({}, 1));
  EXPECT_FALSE(pin({two[0]}, 1, "*"));
  EXPECT_FALSE(pin({two[0]}, 1, "@governors"));
}

TEST(TrustAct, RC_T_PACK_RefusesAnApprovalUnderAnothersDigest) {
  json::Object data = encode_act(sample_acts().back());
  data.set("digest", sample_ref().digest.hex());
  EXPECT_EQ(decode_act(ActKind::kApproved, data).error().code, Code::kMalformed);
}

TEST(TrustAct, RC_T_PACK_RefusesAListUnderAnothersNumber) {
  json::Object data = encode_act(sample_acts().at(8));
  data.set("number", 5);
  EXPECT_EQ(decode_act(ActKind::kRevoked, data).error().code, Code::kMalformed);
}

TEST(TrustAct, RefusalIsNoAct) { EXPECT_EQ(act_of(audit::EventName::kPackRefused), std::nullopt); }

TEST(TrustKey, EachKindHasItsSigners) {
  using pack::PackKind;
  for (const PackKind kind : {PackKind::kRules, PackKind::kExecution}) {
    EXPECT_TRUE(may_sign(Role::kPublisher, kind));
    EXPECT_FALSE(may_sign(Role::kGovernor, kind));
  }
  for (const PackKind kind : {PackKind::kPolicy, PackKind::kRevocation}) {
    EXPECT_FALSE(may_sign(Role::kPublisher, kind));
    EXPECT_TRUE(may_sign(Role::kGovernor, kind));
  }
  for (int kind = 0; kind < 5; ++kind) EXPECT_FALSE(may_sign(Role::kApprover, static_cast<PackKind>(kind)));
  for (const Role role : {Role::kPublisher, Role::kGovernor, Role::kApprover}) {
    EXPECT_EQ(role_from_name(role_name(role)), role);
  }
  EXPECT_EQ(role_from_name("root"), std::nullopt);
}

}  // namespace
}  // namespace stargraph::trust
