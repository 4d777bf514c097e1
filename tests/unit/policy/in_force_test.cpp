#include "stargraph/policy/in_force.hpp"

#include <gtest/gtest.h>

#include "stargraph/json/write.hpp"
#include "unit/pack/sample_pack.hpp"
#include "unit/policy/sample_policy.hpp"

namespace stargraph::policy {
namespace {

using base::Code;

// A policy pack as the trust store would load it: built, signed by a governor, imported and made active.
trust::LoadedPack policy_pack(const std::string& id, const json::Value& policy, std::int64_t epoch = 1) {
  const std::vector<pack::SourceFile> sources{
      pack::source("manifest.yaml", "kind: policy\nid: " + id + "\nversion: \"1.0.0\"\n"),
      pack::source("policy.yaml", json::canonical(policy))};
  const base::Bytes bytes = pack::sample_pack(sources, epoch);
  const auto container = pack::parse(bytes);
  const crypto::PublicKey& governor = pack::sample_key().public_key();
  trust::ImportedPack imported;
  imported.ref = {base::PackId(id), "1.0.0", base::Epoch(epoch), pack::PackKind::kPolicy, container->digest};
  imported.signers = {governor.key_id()};
  imported.active = true;
  trust::TrustState state;
  std::int64_t number = 0;
  const auto act = [&](trust::Body body) {
    SG_CHECK(state.apply({++number, std::move(body), {}, {}, {}}).has_value());
  };
  act(trust::KeyAdded{{governor, trust::Role::kGovernor, "", trust::Confirmation::kFingerprint, {}}});
  act(trust::Imported{imported.ref, imported.signers});
  auto loaded = trust::LoadedPack::load(bytes, imported, state);
  SG_CHECK(loaded.has_value());
  return *std::move(loaded);
}

Code why(const std::vector<trust::LoadedPack>& packs, config::Profile profile = config::Profile::kCleared) {
  const auto found = find_policy(packs, profile);
  return found ? Code::kUsage : found.error().code;
}

TEST(PolicyInForce, IsTheActivePolicyPack) {
  const trust::LoadedPack pack = policy_pack("site.policy", sample_policy());
  const auto found = find_policy(std::vector{pack}, config::Profile::kCleared);
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ((*found)->digest(), pack.ref().digest);
  EXPECT_EQ((*found)->bundle, sample_bundle());
}

TEST(PolicyInForce, IsNothingWithoutOne) { EXPECT_EQ(find_policy({}, config::Profile::kCleared).value(), nullptr); }

TEST(PolicyInForce, RC_T_POLICY_TwoAreNone) {
  EXPECT_EQ(why({policy_pack("site.a", sample_policy()), policy_pack("site.b", sample_policy())}), Code::kConflict);
}

TEST(PolicyInForce, RC_E_POLICY_WarnIsImpossibleInCleared) {
  const std::vector<trust::LoadedPack> packs{policy_pack("site.policy", with(sample_policy(), "/mode", "warn"))};
  EXPECT_EQ(why(packs), Code::kPolicyMode);
  EXPECT_EQ(why(packs, config::Profile::kOssDefault), Code::kUsage);
}

TEST(PolicyInForce, RC_T_POLICY_APackWithoutAReadablePolicyIsRefused) {
  EXPECT_EQ(why({policy_pack("site.policy", json::Object{{"format", "stargraph.policy.v1"}})}), Code::kPolicyInvalid);
}

}  // namespace
}  // namespace stargraph::policy
