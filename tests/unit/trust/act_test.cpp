#include "stargraph/trust/act.hpp"

#include <gtest/gtest.h>

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

std::vector<Act> sample_acts() {
  const crypto::PublicKey& key = pack::sample_key().public_key();
  return {{1, KeyAdded{{key, std::string(kPublisherRole)}}},
          {2, Pinned{{"soc.*", key.key_id()}}},
          {3, Imported{sample_ref(), {key.key_id()}}},
          {4, Activated{sample_ref()}},
          {5, Retired{sample_ref()}}};
}

TEST(TrustAct, EveryKindRoundTrips) {
  for (const Act& act : sample_acts()) {
    const json::Object data = encode_act(act);
    const auto back = decode_act(act.kind(), data);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(encode_act(*back), data);
    EXPECT_EQ(back->kind(), act.kind());
    EXPECT_EQ(act_of(event_of(act.kind())), act.kind());
  }
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
  data.set("key_id", pack::sample_key(1).public_key().key_id().str());
  EXPECT_EQ(decode_act(ActKind::kKeyAdded, data).error().code, Code::kKeyIdMismatch);
}

TEST(TrustAct, RefusalIsNoAct) { EXPECT_EQ(act_of(audit::EventName::kPackRefused), std::nullopt); }

}  // namespace
}  // namespace stargraph::trust
