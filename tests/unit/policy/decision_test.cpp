#include "stargraph/policy/decision.hpp"

#include <gtest/gtest.h>

#include "stargraph/json/write.hpp"
#include "unit/policy/sample_policy.hpp"

namespace stargraph::policy {
namespace {

ExecutionInput fine() {
  ExecutionInput input;
  input.pack_id = "soc.graphs";
  input.pack_version = "1.0.0";
  input.pack_digest = std::string(96, 'a');
  input.is_signed = true;
  input.deterministic = true;
  input.declared_tools = {"lookup", "echo"};
  input.declared_permissions = {"soc:lookup", "net:none"};
  input.model_requirements = {{"tier", "small"}};
  input.requested_tools = {"lookup"};
  input.requested_permissions = {"soc:lookup"};
  return input;
}

std::vector<DenyReason> reasons(const Bundle& bundle, const ExecutionInput& input) {
  return decide(bundle, digest_named("policy"), input).reasons;
}

TEST(OrgPolicy, AllowsWhatItHasNothingAgainst) {
  const Decision decision = decide(sample_bundle(), digest_named("policy"), fine());
  EXPECT_TRUE(decision.allowed);
  EXPECT_TRUE(decision.reasons.empty());
}

TEST(OrgPolicy, HasOneClosedListOfReasons) {
  std::vector<std::string_view> names;
  for (const DenyReason reason : deny_reasons()) names.push_back(deny_reason_name(reason));
  EXPECT_EQ(names,
            (std::vector<std::string_view>{"invalid_signature", "undeclared_tool", "permission_scope_exceeds_policy",
                                           "model_requirement_not_allowed", "determinism_required", "NOT_DETERMINISTIC",
                                           "TOO_MANY_EXTERNAL_DEPENDENCIES"}));
}

// Every combination of conditions: each reason once, in the order of the list, and allowed without any.
TEST(OrgPolicy, RC_E_POLICY_CollectsEveryReasonOnceInOrder) {
  const auto all = deny_reasons();
  for (unsigned bits = 0; bits < (1U << all.size()); ++bits) {
    const auto on = [&](DenyReason reason) { return (bits >> static_cast<unsigned>(reason) & 1U) != 0; };
    Bundle bundle = sample_bundle();
    ExecutionInput input = fine();
    // Each twice over, so that a reason that were collected per item would stand twice.
    input.is_signed = !on(DenyReason::kInvalidSignature);
    if (on(DenyReason::kUndeclaredTool)) input.requested_tools.insert(input.requested_tools.end(), {"shell", "exec"});
    if (on(DenyReason::kPermissionScopeExceedsPolicy)) {
      input.requested_permissions.insert(input.requested_permissions.end(), {"sys:admin", "sys:exec"});
    }
    if (on(DenyReason::kModelRequirementNotAllowed)) {
      bundle.org.allowed_models["region"] = {"eu"};
      input.model_requirements = {{"region", "us"}, {"tier", "large"}};
    }
    bundle.org.require_deterministic = on(DenyReason::kDeterminismRequired);
    bundle.governance.require_deterministic = on(DenyReason::kNotDeterministic);
    input.deterministic = !on(DenyReason::kDeterminismRequired) && !on(DenyReason::kNotDeterministic);
    bundle.governance.max_external_dependencies = 2;
    input.workers = {"a", "b"};
    if (on(DenyReason::kTooManyExternalDependencies)) input.workers.emplace_back("c");
    std::vector<DenyReason> expected;
    for (const DenyReason reason : all) {
      if (on(reason)) expected.push_back(reason);
    }
    const Decision decision = decide(bundle, digest_named("policy"), input);
    EXPECT_EQ(decision.reasons, expected) << bits;
    EXPECT_EQ(decision.allowed, expected.empty()) << bits;
  }
}

TEST(OrgPolicy, RC_E_POLICY_APermissionMustBeDeclaredAndAllowed) {
  const std::vector<DenyReason> exceeds{DenyReason::kPermissionScopeExceedsPolicy};
  ExecutionInput input = fine();
  input.declared_permissions = {"soc:lookup", "sys:admin"};
  input.requested_permissions = {"net:none"};  // allowed, not declared
  EXPECT_EQ(reasons(sample_bundle(), input), exceeds);
  input.requested_permissions = {"sys:admin"};  // declared, not allowed
  EXPECT_EQ(reasons(sample_bundle(), input), exceeds);
  // No wildcard on any side.
  Bundle bundle = sample_bundle();
  bundle.org.allowed_permissions = {"*", "soc:*"};
  input = fine();
  EXPECT_EQ(reasons(bundle, input), exceeds);
  bundle.org.allowed_permissions = {"soc:lookup"};
  input.declared_permissions = {"*", "soc:*"};
  EXPECT_EQ(reasons(bundle, input), exceeds);
}

TEST(OrgPolicy, NothingRequestedIsAllowedAndAnEmptyModelListAllowsAny) {
  ExecutionInput input = fine();
  input.requested_tools.clear();
  input.requested_permissions.clear();
  input.declared_tools.clear();
  input.declared_permissions.clear();
  input.model_requirements = {{"any", "whatever"}, {"unnamed", "whatever"}};
  EXPECT_TRUE(decide(sample_bundle(), digest_named("policy"), input).allowed);
}

// The original remembered decisions under a key that left most of the input out. Here nothing is remembered; each of
// its four wrong answers is asked for.
TEST(OrgPolicy, RC_T_POLICY_NoEarlierAnswerIsGivenToAnotherQuestion) {
  Bundle bundle = sample_bundle();
  const crypto::Digest policy = digest_named("policy");
  EXPECT_TRUE(decide(bundle, policy, fine()).allowed);
  ExecutionInput clone = fine();  // the same pack by name and digest, not signed
  clone.is_signed = false;
  EXPECT_FALSE(decide(bundle, policy, clone).allowed);
  bundle.org.allowed_permissions = {"net:none"};  // taken away
  EXPECT_FALSE(decide(bundle, policy, fine()).allowed);
  EXPECT_TRUE(decide(sample_bundle(), policy, fine()).allowed);
  // "a,b" is another list than "a" and "b".
  ExecutionInput joined = fine();
  joined.requested_tools = {"lookup,echo"};
  EXPECT_FALSE(decide(sample_bundle(), policy, joined).allowed);
  ExecutionInput split = fine();
  split.requested_tools = {"lookup", "echo"};
  EXPECT_TRUE(decide(sample_bundle(), policy, split).allowed);
  EXPECT_NE(decide(sample_bundle(), policy, joined).input, decide(sample_bundle(), policy, split).input);
}

// The digests of docs/formats/policy.md, computed there with sha384sum and here before with Python.
TEST(OrgPolicy, RC_R_POLICY_DigestsAreThoseOfTheDocument) {
  const Decision allowed = decide(sample_bundle(), digest_named("policy"), fine());
  EXPECT_EQ(allowed.input.hex(),
            "2db069c5b0b36ec4c044167ab25e9725ed7489755303fccd2b8db86b2c86a4cab39b7a60c8b49c04ced135a7c9500fdc");
  EXPECT_EQ(allowed.decision.hex(),
            "8443d78f5ebe9f3dc7f3842aace8401955ea5dfb25293c5fa1b920c5bd3dc2a3c8d836c0f1ba0c79d0ccf4ce2e20f20c");
  ExecutionInput input = fine();
  input.is_signed = false;
  input.requested_tools = {"shell"};
  const Decision denied = decide(sample_bundle(), digest_named("policy"), input);
  EXPECT_EQ(denied.input.hex(),
            "d7b5cc2b087248abc5c89097ccae56cf555f750b687cecf68bf35abe91b954032fa23084577b9d41cd78d0365d6d1f15");
  EXPECT_EQ(denied.decision.hex(),
            "d126e0dc10866ff129bb14d3fb26793abb3b953bd2eae782b3ed42667e5f248c0164fff7f38cd776ad5bbb5a152d3796");
}

// Replay of a decision: the stored input under the policy of that digest gives the identical digest, and nothing else
// does.
TEST(OrgPolicy, RC_R_POLICY_ADecisionNamesPolicyInputAndOutcome) {
  const Decision decision = decide(sample_bundle(), digest_named("policy"), fine());
  EXPECT_EQ(decide(sample_bundle(), digest_named("policy"), fine()).decision, decision.decision);
  EXPECT_NE(decide(sample_bundle(), digest_named("another"), fine()).decision, decision.decision);
  std::vector<ExecutionInput> others(9, fine());
  others[0].pack_id = "soc.graph";
  others[1].pack_version = "1.0.1";
  others[2].pack_digest = std::string(96, 'b');
  others[3].graph_hash = "1";
  others[4].deterministic = false;
  others[5].declared_tools.emplace_back("more");
  others[6].workers.emplace_back("more");
  others[7].model_requirements["more"] = "1";
  others[8].requested_permissions.clear();
  for (const ExecutionInput& other : others) {
    EXPECT_NE(decide(sample_bundle(), digest_named("policy"), other).decision, decision.decision);
  }
}

}  // namespace
}  // namespace stargraph::policy
