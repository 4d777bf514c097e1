#include "stargraph/policy/bundle.hpp"

#include <gtest/gtest.h>

#include "stargraph/json/write.hpp"
#include "unit/policy/sample_policy.hpp"

namespace stargraph::policy {
namespace {

using base::Code;
using json::Array;
using json::Object;
using json::Value;

// The message of a refusal; empty when it is none, or has another code.
std::string why(const Value& policy) {
  const auto bundle = decode_bundle(policy);
  return bundle || bundle.error().code != Code::kPolicyInvalid ? "" : bundle.error().message;
}

TEST(Bundle, ReadsWhatAPolicySays) {
  const Bundle bundle = sample_bundle();
  EXPECT_EQ(bundle.label, "2026-01");
  EXPECT_EQ(bundle.mode, Mode::kEnforce);
  EXPECT_EQ(bundle.not_after, time_of("2027-01-01T00:00:00Z"));
  EXPECT_FALSE(bundle.supersedes.has_value());
  EXPECT_EQ(bundle.org.allowed_permissions, (std::vector<std::string>{"net:none", "soc:lookup"}));
  EXPECT_TRUE(bundle.org.allowed_models.at("any").empty());
  EXPECT_EQ(bundle.roles.at("worker"), (std::vector<Grant>{{Capability::kWork, "soc.*"}}));
  EXPECT_EQ(bundle.assignments.at("alice"), std::vector<std::string>{"operator"});
}

TEST(Bundle, IsWrittenAsItWasRead) {
  Bundle bundle = sample_bundle();
  bundle.mode = Mode::kWarn;
  bundle.supersedes = digest_named("before");
  bundle.governance.max_external_dependencies = 3;
  bundle.org.require_deterministic = true;
  EXPECT_EQ(decode_bundle(encode_bundle(bundle)).value(), bundle);
  EXPECT_EQ(parse_bundle(json::canonical(encode_bundle(bundle))).value(), bundle);
}

TEST(Bundle, RC_T_POLICY_EveryMemberIsNeeded) {
  for (const char* pointer :
       {"/format", "/label", "/mode", "/not_before", "/not_after", "/supersedes", "/org_policy", "/governance",
        "/roles", "/assignments", "/org_policy/version", "/org_policy/allowed_permissions",
        "/org_policy/allowed_models", "/org_policy/allow_legacy_unsigned", "/org_policy/require_deterministic",
        "/governance/version", "/governance/require_deterministic", "/governance/max_external_dependencies"}) {
    EXPECT_NE(why(with(sample_policy(), pointer, std::nullopt)).find(pointer), std::string::npos) << pointer;
  }
}

TEST(Bundle, RC_E_POLICY_UnknownMembersAreRefusedWhereverTheyStand) {
  for (const char* pointer : {"/comment", "/org_policy/allowed_tools", "/governance/max_cost", "/org_policy/Version"}) {
    EXPECT_NE(why(with(sample_policy(), pointer, Value(true))).find(pointer), std::string::npos) << pointer;
  }
}

TEST(Bundle, RC_E_POLICY_UnknownCapabilitiesAreRefusedWithTheirPlace) {
  for (const char* grant : {"runs:*", "*", "root", "runs:sart", "work", "runs:start:", "", "role:operator", "runs",
                            "RUNS:START", " runs:start", "runs:start \"x\""}) {
    const std::string message = why(with(sample_policy(), "/roles/operator", Array{"runs:read", grant}));
    EXPECT_NE(message.find("/roles/operator/1"), std::string::npos) << grant << ": " << message;
  }
  EXPECT_NE(why(with(sample_policy(), "/roles/operator", Array{"runs:read", "runs:read"})).find("twice"),
            std::string::npos);
  EXPECT_NE(why(with(sample_policy(), "/roles/operator", Value("runs:read"))), "");
}

// A role is a name and nothing else: it matches itself only, and cannot stand for others.
TEST(Bundle, RC_E_POLICY_NamesOfRolesAndPrincipalsAreNoPatterns) {
  for (const char* name : {"*", "op*", "alice ", "Alice", "a/b", "", "../alice", ".alice", "-alice",
                           "al\xC3\xAD"
                           "ce"}) {
    EXPECT_NE(why(with(sample_policy(), "/roles", Object{{name, Array{"runs:read"}}})), "") << name;
    EXPECT_NE(why(with(sample_policy(), "/assignments", Object{{name, Array{"operator"}}})), "") << name;
  }
  for (const char* role : {"*", "oper*", "admin", "Operator", ""}) {
    EXPECT_NE(why(with(sample_policy(), "/assignments/alice", Array{role})).find("/assignments/alice"),
              std::string::npos)
        << role;
  }
  EXPECT_NE(why(with(sample_policy(), "/assignments/alice", Array{"operator", "operator"})).find("twice"),
            std::string::npos);
}

// What this box would not enforce may not be asked for, and what it never does may not be allowed.
TEST(Bundle, RC_E_POLICY_KeysThatNothingHereActsOnAreRefused) {
  EXPECT_NE(why(with(sample_policy(), "/org_policy/allow_legacy_unsigned", true)), "");
  EXPECT_NE(why(with(sample_policy(), "/governance/require_signed", false)), "");
  EXPECT_NE(why(with(sample_policy(), "/governance/require_plugin_pinned", false)), "");
  EXPECT_NE(why(with(sample_policy(), "/governance/forbid_chaos_on_main", true)), "");
  EXPECT_NE(why(with(sample_policy(), "/governance/min_reproducibility_rate", 95)), "");
  EXPECT_NE(why(with(sample_policy(), "/governance/version", 2)), "");
  Value harmless = with(sample_policy(), "/governance/require_signed", true);
  harmless = with(std::move(harmless), "/governance/require_plugin_pinned", true);
  harmless = with(std::move(harmless), "/governance/forbid_chaos_on_main", false);
  harmless = with(std::move(harmless), "/governance/min_reproducibility_rate", 0);
  EXPECT_TRUE(decode_bundle(harmless).has_value());
}

TEST(Bundle, RC_T_POLICY_WrongFormsAreRefused) {
  EXPECT_NE(why(Value()), "");
  EXPECT_NE(why(Array{}), "");
  EXPECT_NE(why(with(sample_policy(), "/format", "stargraph.policy.v2")), "");
  for (const char* mode : {"", "ENFORCE", "off", "enforce "}) {
    EXPECT_NE(why(with(sample_policy(), "/mode", mode)), "") << mode;
  }
  for (const char* time : {"2026-01-01", "tomorrow", "2026-13-01T00:00:00Z", ""}) {
    EXPECT_NE(why(with(sample_policy(), "/not_before", time)), "") << time;
  }
  EXPECT_NE(why(with(sample_policy(), "/not_after", "2026-01-01T00:00:00Z")), "");  // never counts
  EXPECT_NE(why(with(sample_policy(), "/supersedes", "abc")), "");
  EXPECT_NE(why(with(sample_policy(), "/supersedes", 1)), "");
  EXPECT_NE(why(with(sample_policy(), "/org_policy/allowed_permissions", Array{"a", "a"})), "");
  EXPECT_NE(why(with(sample_policy(), "/org_policy/allowed_models", Object{{"tier", "small"}})), "");
  EXPECT_NE(why(with(sample_policy(), "/governance/max_external_dependencies", -1)), "");
  EXPECT_NE(why(with(sample_policy(), "/governance/max_external_dependencies", 1.5)), "");
}

TEST(Bundle, RC_T_POLICY_BytesAreReadStrictly) {
  const std::string text(kSamplePolicy);
  EXPECT_TRUE(parse_bundle(text).has_value());
  std::string twice = text;
  twice.insert(1, "\"mode\": \"warn\",");
  for (const std::string& bad :
       {twice, text + "{}", text.substr(0, text.size() / 2), std::string(), "\xEF\xBB\xBF" + text}) {
    EXPECT_EQ(parse_bundle(bad).error().code, Code::kPolicyInvalid);
  }
}

TEST(Bundle, RC_T_POLICY_CountsFromItsFirstToItsLastMomentOnly) {
  const Bundle bundle = sample_bundle();
  const base::Duration tick(1);
  EXPECT_EQ(check_time(bundle, bundle.not_before - tick).error().code, Code::kPolicyNotYet);
  EXPECT_TRUE(check_time(bundle, bundle.not_before).has_value());
  EXPECT_TRUE(check_time(bundle, bundle.not_after - tick).has_value());
  EXPECT_EQ(check_time(bundle, bundle.not_after).error().code, Code::kPolicyExpired);
}

}  // namespace
}  // namespace stargraph::policy
