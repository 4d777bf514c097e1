#include <gtest/gtest.h>

#include "stargraph/base/memory_env.hpp"
#include "stargraph/policy/principal.hpp"
#include "stargraph/policy/rate.hpp"
#include "unit/policy/sample_policy.hpp"

namespace stargraph::policy {
namespace {

using base::Code;

config::Principal entry(const std::string& name, config::Match match, std::vector<std::string> roles) {
  config::Principal principal;
  principal.name = base::ActorName(name);
  principal.tenant = base::TenantId("soc");
  principal.match = std::move(match);
  principal.roles = std::move(roles);
  return principal;
}

config::Match by_uri(const std::string& uri) {
  config::Match match;
  match.san_uri = uri;
  return match;
}

crypto::CertificateNames certificate(const std::string& uri) {
  crypto::CertificateNames names;
  names.san_uris = {uri};
  names.subject = "CN=alice,O=Site";
  names.issuer = "CN=Site CA";
  return names;
}

config::Config two_people(config::Profile profile) {
  config::Config config;
  config.profile = profile;
  config.roles["operator"] = {"runs:start", "runs:read", "runs:cancel"};
  config.roles["worker"] = {"work:soc.*"};
  config.principals = {entry("alice", by_uri("urn:site:alice"), {"operator"}),
                       entry("enricher", by_uri("urn:site:enricher"), {"worker"})};
  return config;
}

// Cleared, with the sample policy, which grants what the configuration of two_people() would, in the middle of its
// time.
struct Cleared {
  explicit Cleared(const Bundle& bundle = sample_bundle(),
                   const config::Config& config = two_people(config::Profile::kCleared))
      : gate(Gate::obeying(config, in_force(bundle), clock)) {
    at("2026-06-01T00:00:00Z");
  }
  void at(std::string_view time) { env.advance(time_of(time) - env.now()); }
  const Principal& who(const std::string& name) { return *gate.identify(certificate("urn:site:" + name)).value(); }
  base::MemoryEnv env;
  Clock clock{env};
  Gate gate;
};

TEST(Gate, NamesThePrincipalOfACertificate) {
  const Gate gate = Gate::make(two_people(config::Profile::kCleared)).value();
  EXPECT_EQ(gate.identify(certificate("urn:site:alice")).value()->name.str(), "alice");
}

TEST(Gate, SG_S_HTTP_RefusesACertificateNobodyMapped) {
  const Gate gate = Gate::make(two_people(config::Profile::kCleared)).value();
  EXPECT_EQ(gate.identify(certificate("urn:site:mallory")).error().code, Code::kUnauthenticated);
  // A URI that only contains, prefixes or extends a mapped one is another name.
  for (const char* uri : {"urn:site:alice2", "urn:site:alic", " urn:site:alice", "URN:SITE:ALICE", ""}) {
    EXPECT_EQ(gate.identify(certificate(uri)).error().code, Code::kUnauthenticated) << uri;
  }
}

TEST(Gate, SG_S_HTTP_RefusesACertificateThatFitsTwoPrincipals) {
  config::Config config = two_people(config::Profile::kCleared);
  config::Match pair;
  pair.issuer = "CN=Site CA";
  pair.subject = "CN=alice,O=Site";
  config.principals.push_back(entry("also-alice", pair, {"operator"}));
  const Gate gate = Gate::make(config).value();
  EXPECT_EQ(gate.identify(certificate("urn:site:alice")).error().code, Code::kAmbiguousPrincipal);
}

TEST(Gate, SG_S_HTTP_TheSameSubjectFromAnotherIssuerIsAnotherPerson) {
  config::Config config;
  config.roles["operator"] = {"runs:start"};
  config::Match pair;
  pair.issuer = "CN=Other CA";
  pair.subject = "CN=alice,O=Site";
  config.principals = {entry("alice", pair, {"operator"})};
  const Gate gate = Gate::make(config).value();
  EXPECT_EQ(gate.identify(certificate("urn:x")).error().code, Code::kUnauthenticated);
}

TEST(Gate, SG_E_HTTP_DeniesEveryCapabilityThatIsNotGranted) {
  const Cleared cleared;
  const Gate& gate = cleared.gate;
  const Principal& alice = *gate.identify(certificate("urn:site:alice")).value();
  for (const CapabilityRow& row : capability_table()) {
    const bool granted = row.name == "runs:start" || row.name == "runs:read" || row.name == "runs:cancel";
    EXPECT_EQ(gate.check(alice, row.capability).has_value(), granted) << row.name;
  }
}

TEST(Gate, SG_I_HTTP_ClearedDeniesReadsTooAndOssDefaultOnlyChanges) {
  const Cleared policy;
  const Gate& cleared = policy.gate;
  const Gate open = Gate::make(two_people(config::Profile::kOssDefault)).value();
  const Principal& in_cleared = *cleared.identify(certificate("urn:site:enricher")).value();
  const Principal& in_open = *open.identify(certificate("urn:site:enricher")).value();
  for (const CapabilityRow& row : capability_table()) {
    EXPECT_FALSE(cleared.check(in_cleared, row.capability).has_value()) << row.name;
    EXPECT_EQ(open.check(in_open, row.capability).has_value(), row.read) << row.name;
  }
}

TEST(Gate, SG_E_HTTP_AScopedGrantNeverAnswersAnUnscopedRequest) {
  const Cleared cleared;
  const Gate& gate = cleared.gate;
  const Principal& worker = *gate.identify(certificate("urn:site:enricher")).value();
  EXPECT_TRUE(gate.check(worker, Capability::kWork, "soc.enrich").has_value());
  EXPECT_FALSE(gate.check(worker, Capability::kWork, "SOC.enrich").has_value());
  EXPECT_FALSE(gate.check(worker, Capability::kWork, "std.shell").has_value());
  EXPECT_FALSE(gate.check(worker, Capability::kWork).has_value());
}

TEST(Gate, SG_E_PACK_ACapabilityNameFromAPackIsDeniedUnlessKnownAndGranted) {
  const Cleared cleared;
  const Gate& gate = cleared.gate;
  const Principal& alice = *gate.identify(certificate("urn:site:alice")).value();
  EXPECT_TRUE(gate.check_named(alice, "runs:cancel").has_value());
  for (const char* name : {"", "runs:respond", "root", "runs:*", "*", "runs:start:", "work"}) {
    EXPECT_EQ(gate.check_named(alice, name).error().code, Code::kCapabilityDenied) << name;
  }
}

TEST(Gate, RefusesRolesWithUnknownCapabilitiesEvenUnused) {
  config::Config config = two_people(config::Profile::kCleared);
  config.roles["spare"] = {"runs:sart"};
  EXPECT_EQ(Gate::make(config).error().code, Code::kConfigInvalid);
}

// --- what a policy grants, in `cleared` ---

TEST(ClearedGate, RC_E_POLICY_TheConfigurationGrantsNothing) {
  config::Config config = two_people(config::Profile::kCleared);
  const Gate without = Gate::make(config).value();
  const Principal& alice = *without.identify(certificate("urn:site:alice")).value();
  EXPECT_TRUE(alice.grants.empty());
  for (const CapabilityRow& row : capability_table()) {
    EXPECT_EQ(without.check(alice, row.capability, "x").error().code, Code::kPolicyMissing) << row.name;
  }
  // A role that the configuration makes wider, or a principal that gives itself one, changes nothing.
  config.roles["operator"] = {"runs:start", "runs:respond", "audit:site"};
  config.roles["god"] = {"audit:site"};
  config.principals[1].roles = {"god", "operator"};
  Cleared cleared(sample_bundle(), config);
  EXPECT_TRUE(cleared.gate.check(cleared.who("alice"), Capability::kRunsStart).has_value());
  EXPECT_FALSE(cleared.gate.check(cleared.who("alice"), Capability::kRunsRespond).has_value());
  EXPECT_FALSE(cleared.gate.check(cleared.who("enricher"), Capability::kRunsStart).has_value());
  EXPECT_FALSE(cleared.gate.check(cleared.who("enricher"), Capability::kAuditSite).has_value());
}

TEST(ClearedGate, RC_E_POLICY_OnePrincipalsRolesAreNotAnothers) {
  Bundle bundle = sample_bundle();
  bundle.roles["a"] = {{Capability::kRunsPause, std::nullopt}};
  bundle.roles["alice"] = {{Capability::kAuditSite, std::nullopt}};  // a role named as the principal is not hers
  bundle.roles["op"] = {{Capability::kMetricsRead, std::nullopt}};   // nor is one whose name hers begins with
  bundle.assignments["alic"] = {"a"};
  bundle.assignments["alice2"] = {"a"};
  bundle.assignments["operator"] = {"a"};  // a principal named as a role gives nothing to those who have it
  Cleared cleared(bundle);
  const Principal& alice = cleared.who("alice");
  EXPECT_EQ(alice.grants, bundle.roles.at("operator"));
  for (const Capability denied : {Capability::kRunsPause, Capability::kAuditSite, Capability::kMetricsRead}) {
    EXPECT_EQ(cleared.gate.check(alice, denied).error().code, Code::kCapabilityDenied);
  }
  EXPECT_EQ(cleared.who("enricher").grants, bundle.roles.at("worker"));
}

TEST(ClearedGate, APrincipalWithoutAssignmentMayNothing) {
  Bundle bundle = sample_bundle();
  bundle.assignments.erase("alice");
  Cleared cleared(bundle);
  EXPECT_TRUE(cleared.who("alice").grants.empty());
  EXPECT_FALSE(cleared.gate.check(cleared.who("alice"), Capability::kRunsRead).has_value());
}

// The moment passes while the daemon runs: nobody has to do anything for the gate to close.
TEST(ClearedGate, RC_T_POLICY_AStalePolicyDeniesEverythingByItself) {
  Cleared cleared;
  const Principal& alice = cleared.who("alice");
  const auto code = [&] {
    const auto may = cleared.gate.check(alice, Capability::kRunsStart);
    return may ? Code::kUsage : may.error().code;
  };
  EXPECT_EQ(code(), Code::kUsage);
  cleared.at("2026-12-31T23:59:59Z");
  EXPECT_EQ(code(), Code::kUsage);
  cleared.at("2027-01-01T00:00:00Z");
  EXPECT_EQ(code(), Code::kPolicyExpired);
  EXPECT_EQ(cleared.gate.check_named(alice, "runs:start").error().code, Code::kPolicyExpired);
  EXPECT_EQ(cleared.gate.check_open().error().code, Code::kPolicyExpired);
}

TEST(ClearedGate, RC_T_POLICY_AClockThatIsSetBackMakesNoPolicyLastLonger) {
  Cleared cleared;
  const Principal& alice = cleared.who("alice");
  cleared.env.set_now(time_of("2026-01-02T00:00:00Z"));
  EXPECT_TRUE(cleared.gate.check(alice, Capability::kRunsStart).has_value());
  cleared.env.advance(std::chrono::hours(24 * 214));  // the last half of the year, by any clock that was not touched
  EXPECT_EQ(cleared.gate.check(alice, Capability::kRunsStart).error().code, Code::kPolicyExpired);
  // One that was ahead by mistake is believed again when it is right again.
  Cleared another;
  another.env.set_now(time_of("2030-01-01T00:00:00Z"));
  EXPECT_FALSE(another.gate.check(another.who("alice"), Capability::kRunsStart).has_value());
  another.env.set_now(time_of("2026-06-01T00:00:00Z"));
  EXPECT_TRUE(another.gate.check(another.who("alice"), Capability::kRunsStart).has_value());
}

TEST(ClearedGate, RC_T_POLICY_APolicyOfTomorrowDeniesEverythingToday) {
  Bundle bundle = sample_bundle();
  bundle.not_before = time_of("2026-06-02T00:00:00Z");
  Cleared cleared(bundle);
  EXPECT_EQ(cleared.gate.check(cleared.who("alice"), Capability::kRunsStart).error().code, Code::kPolicyNotYet);
}

TEST(ClearedGate, RC_E_POLICY_AClosedGateStillKnowsWhoAsks) {
  const Gate gate =
      Gate::closed(two_people(config::Profile::kOssDefault), Code::kPolicyRevoked, in_force(sample_bundle()));
  const Principal& alice = *gate.identify(certificate("urn:site:alice")).value();
  EXPECT_EQ(alice.name.str(), "alice");
  for (const CapabilityRow& row : capability_table()) {  // reads too, which oss-default leaves open otherwise
    EXPECT_EQ(gate.check(alice, row.capability, "x").error().code, Code::kPolicyRevoked) << row.name;
  }
  EXPECT_EQ(gate.policy()->digest(), in_force(sample_bundle())->digest());
}

// A request that began under one gate ends under it; the next one has the new.
TEST(ClearedGate, IsExchangedAsAWhole) {
  base::MemoryEnv env;
  const config::Config config = two_people(config::Profile::kCleared);
  CurrentGate current(Gate::closed(config, Code::kPolicyMissing));
  const std::shared_ptr<const Gate> before = current.get();
  const Principal* const alice = before->find(base::ActorName("alice"));
  const Clock clock(env);
  current.set(Gate::obeying(config, in_force(sample_bundle()), clock));
  EXPECT_EQ(before->check(*alice, Capability::kRunsStart).error().code, Code::kPolicyMissing);
  EXPECT_NE(current.get(), before);
  EXPECT_EQ(current.get()->find(base::ActorName("alice"))->grants.size(), 3U);
  EXPECT_EQ(current.get()->find(base::ActorName("mallory")), nullptr);
}

TEST(Glob, StarsStandForAnyRunAndNothingElseIsSpecial) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("soc.*", "soc."));
  EXPECT_TRUE(glob_matches("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(glob_matches("a*b*c", "a-c-b"));
  EXPECT_FALSE(glob_matches("soc.*", "socx"));
  EXPECT_FALSE(glob_matches("a?c", "abc"));
  EXPECT_TRUE(glob_matches("a?c", "a?c"));
  // A pattern that makes naive matchers take exponential time.
  EXPECT_FALSE(glob_matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(10'000, 'a')));
}

TEST(RateLimiter, SG_D_HTTP_GivesTheBurstThenTheRate) {
  base::MemoryEnv env;
  RateLimiter limiter(env, 3, 2);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.take("alice").allowed);
  const auto refused = limiter.take("alice");
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, 1);
  EXPECT_TRUE(limiter.take("bob").allowed);
  env.advance(std::chrono::milliseconds(499));
  EXPECT_FALSE(limiter.take("alice").allowed);
  env.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(limiter.take("alice").allowed);
  EXPECT_FALSE(limiter.take("alice").allowed);
  env.advance(std::chrono::hours(1000));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.take("alice").allowed);
  EXPECT_FALSE(limiter.take("alice").allowed);
}

TEST(RateLimiter, SG_D_HTTP_ForgetsPrincipalsThatAreFullAgain) {
  base::MemoryEnv env;
  RateLimiter limiter(env, 10, 10);
  for (int i = 0; i < 100'000; ++i) {
    env.advance(std::chrono::milliseconds(1));
    EXPECT_TRUE(limiter.take("key-" + std::to_string(i)).allowed);
  }
  EXPECT_LT(limiter.buckets(), 4096U);
}

}  // namespace
}  // namespace stargraph::policy
