#include "stargraph/config/config.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "stargraph/base/memory_env.hpp"

namespace stargraph::config {
namespace {

using base::Code;

constexpr const char* kWhole = R"(profile: oss-default
fips: off
side_effects: deny
tls:
  certificate: /etc/stargraph/server.pem
  key_credential: tls-key
  key_file: /etc/stargraph/server.key.pem
  client_ca: /etc/stargraph/clients.pem
state:
  directory: /srv/state
  key_file: /srv/state.key
audit:
  entries_socket: /run/x/entries.sock
  reads: strict
  entries_uid: 991
graphs_dir: /srv/graphs
roles:
  operator: ["runs:start", "runs:read"]
principals:
  - name: alice
    tenant: soc
    match: {san_uri: "urn:site:alice"}
    roles: [operator]
limits:
  run_steps: 77
)";

TEST(Config, ReadsAWholeFile) {
  const Config config = parse(kWhole).value();
  EXPECT_EQ(config.profile, Profile::kOssDefault);
  EXPECT_EQ(config.side_effects, false);
  EXPECT_EQ(config.state.database(), "/srv/state/stargraph.db");
  EXPECT_EQ(config.audit.reads, AuditReads::kStrict);
  EXPECT_EQ(config.audit.entries_uid, 991U);
  EXPECT_EQ(config.audit.trust_uid, 0U);
  EXPECT_EQ(config.principals.at(0).tenant.str(), "soc");
  EXPECT_EQ(config.limits.run_steps, 77);
}

TEST(Config, AnEmptyFileIsTheClearedProfileWithNothingChosen) {
  const Config config = parse("").value();
  EXPECT_EQ(config.profile, Profile::kCleared);
  EXPECT_FALSE(config.side_effects.has_value());
  EXPECT_EQ(config.audit.on_failure, AuditFailure::kStop);
  EXPECT_EQ(config.audit.reads, AuditReads::kStrict);
}

std::string refusal(std::string_view yaml) {
  const auto config = parse(yaml);
  if (config) return "accepted";
  EXPECT_EQ(config.error().code, Code::kConfigInvalid) << yaml;
  return config.error().message;
}

TEST(Config, SG_E_STATE_RefusesUnknownKeysWithTheirLine) {
  EXPECT_NE(refusal("profile: cleared\nsate: {}\n").find("line 2"), std::string::npos);
  EXPECT_NE(refusal("audit:\n  reads: strict\n  raeds: strict\n").find("line 3"), std::string::npos);
  EXPECT_NE(refusal("limits: {run_stepz: 3}").find("run_stepz"), std::string::npos);
}

TEST(Config, RefusesWhatIsNotOfItsType) {
  for (const char* bad : {"profile: strict",
                          "fips: yes",
                          "side_effects: maybe",
                          "- list",
                          "graphs_dir: relative",
                          "state: {directory: var/lib}",
                          "state: [a]",
                          "audit: {entries_uid: -1}",
                          "audit: {entries_uid: root}",
                          "limits: {run_steps: 0}",
                          "limits: {run_steps: 1.5}",
                          "tls: {key_credential: ../key}",
                          "roles: {a: runs:start}",
                          "roles: {A: []}",
                          "roles: {a: [7]}",
                          "profile: cleared\nprofile: cleared",
                          "principals: [{name: a, tenant: t, roles: []}]",
                          "principals: [{name: a, tenant: t, match: {}, roles: []}]",
                          "principals: [{name: a, tenant: t, match: {issuer: x}, roles: []}]",
                          "principals: [{name: a, tenant: t, match: {san_uri: x, fingerprint: y}, roles: []}]",
                          "principals: [{name: a, tenant: t, match: {san_uri: x}, roles: [nobody]}]",
                          "principals: [{name: 'a b', tenant: t, match: {san_uri: x}, roles: []}]",
                          "principals: [{name: a, tenant: '-', match: {san_uri: x}, roles: []}]",
                          "principals: [{name: a, tenant: t, match: {san_uri: x}, roles: []}, {name: a, tenant: t, "
                          "match: {san_uri: y}, roles: []}]"}) {
    EXPECT_NE(refusal(bad), "accepted") << bad;
  }
}

TEST(Config, SG_E_IR_ClearedTakesNoGraphsFromADirectory) {
  EXPECT_NE(refusal("profile: cleared\ngraphs_dir: /srv/graphs\n"), "accepted");
  EXPECT_NE(refusal("profile: cleared\naudit: {on_failure: refuse}\n"), "accepted");
}

TEST(Limits, EveryRowKeepsItsBounds) {
  for (const LimitRow& row : limit_table()) {
    const auto with = [&](std::int64_t value) {
      return parse("limits: {" + std::string(row.name) + ": " + std::to_string(value) + "}");
    };
    EXPECT_EQ(with(row.least).value().limits.*row.member, row.least) << row.name;
    EXPECT_EQ(with(row.most).value().limits.*row.member, row.most) << row.name;
    EXPECT_FALSE(with(row.least - 1).has_value()) << row.name;
    EXPECT_FALSE(with(row.most + 1).has_value()) << row.name;
    EXPECT_GE(Limits{}.*row.member, row.least) << row.name;
    EXPECT_LE(Limits{}.*row.member, row.most) << row.name;
  }
}

TEST(Load, SG_T_STATE_RefusesAFileOthersMayWrite) {
  base::MemoryEnv env;
  for (const std::uint32_t mode : {0660U, 0602U, 0644U, 0666U, 0700U}) {
    ASSERT_TRUE(env.write_file("/c.yaml", base::as_bytes(kWhole), mode).has_value());
    EXPECT_EQ(load(env, "/c.yaml").error().code, Code::kModeTooWide) << std::oct << mode;
  }
  ASSERT_TRUE(env.write_file("/c.yaml", base::as_bytes(kWhole), 0640).has_value());
  EXPECT_TRUE(load(env, "/c.yaml").has_value());
  EXPECT_EQ(load(env, "/absent.yaml").error().code, Code::kConfigMissing);
}

TEST(SecretSource, PrefersTheCredentialAndFallsBackToTheFile) {
  SecretSource source{"tls-key", "/etc/key.pem"};
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(source.locate().value(), "/etc/key.pem");
  EXPECT_EQ(SecretSource({"tls-key", ""}).locate().error().code, Code::kConfigMissing);
  ::setenv("CREDENTIALS_DIRECTORY", "/proc/self", 1);
  EXPECT_EQ(SecretSource({"status", "/etc/key.pem"}).locate().value(), "/proc/self/status");
  EXPECT_EQ(source.locate().value(), "/etc/key.pem");
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

}  // namespace
}  // namespace stargraph::config
