// fips: required with the real daemon. Without a FIPS module (Debian 12 has none) it refuses to start; with one (Debian
// 13: openssl-provider-fips, and openssl.cnf naming it) it serves, and its first entry says which.
#include <gtest/gtest.h>

#include "integration/answer.hpp"
#include "integration/appliance.hpp"
#include "stargraph/base/reason.hpp"
#include "support/fips_module.hpp"

namespace stargraph::test {
namespace {

Appliance::Options required() {
  Appliance::Options options;
  options.more = "fips: required\n";
  options.start = false;
  return options;
}

TEST(FipsRequired, SG_E_STATE_WithoutAModuleTheDaemonDoesNotStart) {
  if (fips_module_installed()) GTEST_SKIP() << "this machine has a FIPS module";
  Appliance box(STARGRAPH_PROGRAMS, required());
  box.start_auditd();
  box.spawn_daemon();
  EXPECT_EQ(box.daemon().wait(), base::kExitConfig);
  EXPECT_TRUE(has(box.daemon_log(), "fips-unavailable")) << box.daemon_log();
  EXPECT_FALSE(has(box.audit_log(), "daemon.started"));
}

TEST(FipsRequired, SG_E_STATE_WithAModuleTheDaemonServesAndSaysWhich) {
  if (!fips_module_installed()) GTEST_SKIP() << "this machine has no FIPS module";
  Appliance box(STARGRAPH_PROGRAMS, required());
  box.start_auditd();
  box.start_daemon();
  const CommandResult started = box.post("operator", "/v1/runs", R"({"graph_id":"graph:hello","params":{}})");
  EXPECT_EQ(status_of(started), "202") << started.out << started.err << box.daemon_log();
  const std::string run = member(started.out, "run_id");
  std::string view;
  for (int i = 0; i < 200 && member(view, "status") != "done"; ++i)
    view = box.curl("operator", {"/v1/runs/" + run}).out;
  EXPECT_EQ(member(view, "status"), "done") << view;
  EXPECT_EQ(status_of(box.curl("", {"/health"})), "000");
  EXPECT_EQ(box.stop(), 0) << box.daemon_log();
  const std::string log = box.audit_log();
  EXPECT_TRUE(has(log, "\"fips\":true"));
  EXPECT_TRUE(has(log, "\"fips_module\":\"")) << log;
  EXPECT_FALSE(has(log, "\"fips_version\":\"\""));
}

}  // namespace
}  // namespace stargraph::test
