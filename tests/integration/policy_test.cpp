// Profile `cleared` with the real daemon and audit writer: what a policy pack grants, what happens when it is missing,
// stale, revoked or exchanged, and what a reload or a revocation does to runs under way.
#include <gtest/gtest.h>

#include "integration/answer.hpp"
#include "integration/site.hpp"
#include "stargraph/crypto/fips.hpp"

namespace stargraph::test {
namespace {

using base::Code;

class ClearedDaemon : public ::testing::Test {
 protected:
  explicit ClearedDaemon(const std::string& side_effects = "deny") : site_("cleared", side_effects) {}
  static void SetUpTestSuite() { SG_CHECK(crypto::initialise(crypto::FipsMode::kOff).has_value()); }
  void TearDown() override {
    if (HasFailure() && box().daemon_pid() > 0) std::fputs(box().daemon_log().c_str(), stderr);
  }
  Appliance& box() { return site_.box(); }
  // A policy and two packs of graphs, and the daemon that obeys them.
  void govern() {
    const base::Bytes policy = site_.policy_pack(Site::policy(), 1);
    digest_ = Site::digest(policy);
    ASSERT_EQ(site_.import_error(policy), "");
    ask_ = site_.graphs("soc.ask", kAskGraph, 1);
    ASSERT_EQ(site_.import_error(ask_), "");
    box().start_daemon();
  }
  CommandResult start(const std::string& who, const std::string& graph) {
    return box().post(who, "/v1/runs", R"({"graph_id":")" + graph + R"(","params":{}})");
  }
  std::string view(const std::string& run) { return box().curl("operator", {"/v1/runs/" + run}).out; }
  // The run's view once it is in that state; the last one seen when it never is.
  std::string wait_state(const std::string& run, const std::string& state) {
    std::string seen;
    for (int i = 0; i < 400 && member(seen, "state") != state; ++i) seen = view(run);
    return seen;
  }
  // Until the log holds it; false when it never does.
  bool logged(const std::string& part) {
    for (int i = 0; i < 400; ++i) {
      if (has(box().audit_log(), part)) return true;
      ::usleep(10'000);
    }
    return false;
  }
  // The exit code of a start that must fail, and the last line it wrote.
  int refused_start() {
    box().spawn_daemon();
    if (box().wait_notified("READY=1")) return -1000;
    return box().daemon().wait();
  }
  std::string last_words() {
    const std::string log = box().daemon_log();
    return log.substr(log.rfind("<2>"));
  }
  std::string asking_run() {
    const CommandResult started = start("operator", "ask");
    EXPECT_EQ(status_of(started), "202") << started.out << started.err;
    const std::string run = member(started.out, "run_id");
    EXPECT_EQ(member(wait_state(run, "waiting"), "state"), "waiting");
    return run;
  }
  CommandResult answer(const std::string& run) {
    const std::string question = member(view(run), "interrupt_id");
    return box().post("operator", "/v1/runs/" + run + "/respond",
                      R"({"interrupt_id":")" + question + R"(","response":{"answer":"yes"}})");
  }

  Site site_;
  base::Bytes ask_;
  std::string digest_;  // of the first policy
};

TEST_F(ClearedDaemon, RC_S_POLICY_GrantsComeFromTheSignedPolicyAlone) {
  govern();
  const CommandResult started = start("operator", "line");
  EXPECT_EQ(status_of(started), "202") << started.out;
  EXPECT_EQ(member(wait_state(member(started.out, "run_id"), "done"), "state"), "done");
  // A viewer looks and does not act; who is assigned nothing does not even look, in its own tenant either.
  EXPECT_EQ(status_of(box().curl("viewer", {"/v1/runs"})), "200");
  EXPECT_EQ(member(start("viewer", "line").out, "code"), "capability-denied");
  for (const char* route : {"/v1/runs", "/v1/graphs", "/v1/packs", "/metrics"}) {
    EXPECT_EQ(status_of(box().curl("neighbour", {route})), "403") << route;
  }
  EXPECT_EQ(status_of(box().curl("neighbour", {"/health"})), "200");
  EXPECT_EQ(box().stop(), 0);
  // The policy's digest stands in the start, in each request and in the run it let start.
  const std::string log = box().audit_log();
  std::istringstream lines(log);
  int requests = 0;
  int created = 0;
  for (std::string line; std::getline(lines, line);) {
    const bool request = has(line, "\"event\":\"request\"");
    const bool run = has(line, "\"event\":\"run.created\"");
    requests += request ? 1 : 0;
    created += run ? 1 : 0;
    if (request || run || has(line, "\"event\":\"daemon.started\"")) {
      EXPECT_TRUE(has(line, "\"policy\":\"" + digest_ + "\"")) << line;
    }
  }
  EXPECT_GE(requests, 8);
  EXPECT_EQ(created, 1);
  EXPECT_TRUE(has(log, "\"event\":\"policy.activated\""));
}

TEST_F(ClearedDaemon, RC_E_POLICY_WithoutAPolicyItDoesNotStart) {
  EXPECT_EQ(refused_start(), 7);
  EXPECT_TRUE(has(last_words(), "policy-missing")) << last_words();
}

TEST_F(ClearedDaemon, RC_E_POLICY_AGrantThatOnlyTheConfigurationGivesIsRefusedAtStart) {
  ASSERT_EQ(site_.import_error(site_.policy_pack(Site::policy(), 1)), "");
  Appliance::Options widened = Site::options("cleared");
  widened.roles = "  operator: [\"audit:site\"]\n";
  box().replace_config(widened);
  EXPECT_EQ(refused_start(), 7);
  EXPECT_TRUE(has(last_words(), "/roles")) << last_words();
  Appliance::Options unused = Site::options("cleared");
  unused.roles = "  spare: [\"runs:read\"]\n";
  box().replace_config(unused);
  EXPECT_EQ(refused_start(), 7);
}

TEST_F(ClearedDaemon, RC_E_POLICY_WarnIsRefused) {
  policy::Bundle warn = Site::policy();
  warn.mode = policy::Mode::kWarn;
  ASSERT_EQ(site_.import_error(site_.policy_pack(warn, 1)), "");
  EXPECT_EQ(refused_start(), 5);
  EXPECT_TRUE(has(last_words(), "policy-mode")) << last_words();
}

TEST_F(ClearedDaemon, RC_S_POLICY_APolicyThatAPublisherSignedIsNotImported) {
  const base::Bytes forged =
      Site::signed_pack("policy", "site.policy", 1, "policy.yaml",
                        json::canonical(policy::encode_bundle(Site::policy())), site_.publisher());
  EXPECT_EQ(site_.import_error(forged), "role-mismatch");
  EXPECT_EQ(refused_start(), 7);
}

TEST_F(ClearedDaemon, RC_T_POLICY_AnOlderPolicyDoesNotComeBack) {
  const base::Bytes first = site_.policy_pack(Site::policy(), 1);
  ASSERT_EQ(site_.import_error(first), "");
  ASSERT_EQ(site_.import_error(site_.policy_pack(Site::policy(), 2)), "");
  EXPECT_EQ(site_.activate_error("site.policy", "1.0.0", false), "epoch-below-floor");
  EXPECT_EQ(site_.activate_error("site.policy", "1.0.0", true), "policy-rollback");  // no approver can help
  // Nor under another name, which has floors of its own.
  EXPECT_EQ(site_.import_error(site_.policy_pack(Site::policy(), 1, "site.other"), true), "policy-rollback");
  policy::Bundle follows = Site::policy();
  follows.supersedes = crypto::Digest::from_hex(Site::digest(first)).value();  // not the last one
  EXPECT_EQ(site_.import_error(site_.policy_pack(follows, 2, "site.other"), true), "policy-rollback");
}

// The policy ends while the daemon runs; nobody reloads or restarts anything.
TEST_F(ClearedDaemon, RC_T_POLICY_AStalePolicyDeniesEverythingWithoutARestart) {
  ASSERT_EQ(site_.import_error(site_.policy_pack(Site::policy(std::chrono::seconds(6)), 1)), "");
  box().start_daemon();
  EXPECT_EQ(status_of(start("operator", "line")), "202");
  CommandResult last = start("operator", "line");
  for (int i = 0; i < 2000 && status_of(last) != "403"; ++i) last = box().curl("operator", {"/v1/runs"});
  EXPECT_EQ(member(last.out, "code"), "policy-expired") << last.out;
  EXPECT_EQ(member(start("operator", "line").out, "code"), "policy-expired");
  EXPECT_EQ(status_of(box().curl("operator", {"/health"})), "200");
  EXPECT_TRUE(logged("\"event\":\"policy.lapsed\""));
  EXPECT_EQ(box().stop(), 0);
  EXPECT_EQ(refused_start(), 5);
  EXPECT_TRUE(has(last_words(), "policy-expired")) << last_words();
}

TEST_F(ClearedDaemon, RC_E_POLICY_TheOrgPolicyJudgesWhatStarts) {
  govern();
  const base::Bytes pack =
      site_.graphs("soc.more", "ir_version: \"1.0.0\"\nid: more\nnodes: [{id: a, kind: halt}]\ntools: [{id: shell}]\n",
                   1, "declared_permissions: [\"sys:exec\"]\n");
  ASSERT_EQ(site_.import_error(pack), "");
  EXPECT_EQ(site_.reload().reason, std::nullopt);
  EXPECT_EQ(member(start("operator", "more").out, "code"), "policy-denied");
  EXPECT_TRUE(logged("\"reasons\":[\"undeclared_tool\",\"permission_scope_exceeds_policy\"]"));
}

TEST_F(ClearedDaemon, RC_T_REPLAY_AReloadChangesWhatStartsAndNotWhatRuns) {
  govern();
  const std::string run = asking_run();
  const std::string basis = member(view(run), "basis_hash");
  policy::Bundle wider = Site::policy();
  wider.assignments["viewer"] = {"operator"};
  const base::Bytes next = site_.policy_pack(wider, 2);
  ASSERT_EQ(site_.import_error(next), "");
  EXPECT_EQ(status_of(start("viewer", "line")), "403");  // imported, and not taken up yet
  const trust::ReloadVerdict verdict = site_.reload();
  EXPECT_EQ(verdict.reason, std::nullopt) << verdict.message;
  EXPECT_EQ(status_of(start("viewer", "line")), "202");
  EXPECT_FALSE(has(box().curl("operator", {"/v1/graphs"}).out, basis));
  EXPECT_EQ(status_of(answer(run)), "200");
  const std::string done = wait_state(run, "done");
  EXPECT_EQ(member(done, "state"), "done");
  EXPECT_EQ(member(done, "basis_hash"), basis);
  EXPECT_TRUE(logged("\"event\":\"packs.reloaded\""));
  EXPECT_TRUE(logged("\"digest\":\"" + Site::digest(next) + "\""));
  EXPECT_EQ(box().stop(), 0);
}

class ClearedWorker : public ClearedDaemon {
 protected:
  ClearedWorker() : ClearedDaemon("allow") {}
};

// It held the task when the policy gave the kind to somebody else.
TEST_F(ClearedWorker, RC_E_POLICY_AWorkerThatLostAKindFinishesNoTaskOfIt) {
  policy::Bundle bundle = Site::policy();
  bundle.roles["worker"] = {{policy::Capability::kWork, "demo.*"}};
  bundle.assignments["worker"] = {"worker"};
  ASSERT_EQ(site_.import_error(site_.policy_pack(bundle, 1)), "");
  ASSERT_EQ(site_.import_error(site_.graphs(
                "soc.work", "ir_version: \"1.0.0\"\nid: work\nnodes: [{id: a, kind: demo.a}, {id: z, kind: halt}]\n", 1,
                "workers: [demo.a]\n")),
            "");
  box().start_daemon();
  const CommandResult started = start("operator", "work");
  ASSERT_EQ(status_of(started), "202") << started.out;
  const std::string run = member(started.out, "run_id");
  ASSERT_EQ(member(wait_state(run, "working"), "state"), "working") << view(run);
  const CommandResult leased = box().post("worker", "/v1/work/lease", R"({"kinds":["demo.a"],"wait_ms":10000})");
  const std::string task = member(leased.out, "task_id");
  ASSERT_NE(task, "") << leased.out;
  const std::string lease = R"({"lease":")" + member(leased.out, "lease") + "\"";
  EXPECT_EQ(status_of(box().post("worker", "/v1/work/" + task + "/heartbeat", lease + "}")), "200");
  bundle.roles["worker"] = {{policy::Capability::kWork, "other.*"}};
  ASSERT_EQ(site_.import_error(site_.policy_pack(bundle, 2)), "");
  EXPECT_EQ(site_.reload().reason, std::nullopt);
  for (const auto& [act, body] :
       std::vector<std::pair<std::string, std::string>>{{"heartbeat", lease + "}"},
                                                        {"complete", lease + R"(,"output":{"v":"x"}})"},
                                                        {"fail", lease + R"(,"message":"m","retryable":false})"}}) {
    const CommandResult refused = box().post("worker", "/v1/work/" + task + "/" + act, body);
    EXPECT_EQ(status_of(refused), "403") << act << refused.out;
    EXPECT_EQ(member(refused.out, "code"), "capability-denied") << act;
  }
  EXPECT_EQ(member(view(run), "state"), "working");
  EXPECT_EQ(box().stop(), 0);
}

TEST_F(ClearedDaemon, SG_T_PACK_AReloadTakesUpAllOrNothing) {
  govern();
  const std::string before = box().curl("operator", {"/v1/graphs"}).out;
  // A good pack, and one whose graph has the id of another's.
  ASSERT_EQ(
      site_.import_error(site_.graphs("soc.new", "ir_version: \"1.0.0\"\nid: new\nnodes: [{id: a, kind: halt}]\n", 1)),
      "");
  ASSERT_EQ(site_.import_error(site_.graphs("soc.twin", kLineGraph, 1)), "");
  const trust::ReloadVerdict refused = site_.reload();
  EXPECT_EQ(refused.reason, Code::kConflict);
  EXPECT_TRUE(has(refused.message, "soc.twin")) << refused.message;
  EXPECT_EQ(box().curl("operator", {"/v1/graphs"}).out, before);
  EXPECT_EQ(status_of(start("operator", "line")), "202");
  EXPECT_TRUE(logged("\"reason\":\"conflict\""));
  ASSERT_EQ(site_.retire_error("soc.twin"), "");
  EXPECT_EQ(site_.reload().reason, std::nullopt);
  EXPECT_TRUE(has(box().curl("operator", {"/v1/graphs"}).out, "\"new\""));
}

// Import is enough: no signal, no restart.
TEST_F(ClearedDaemon, SG_S_PACK_ARevocationStopsRunsWithinASecond) {
  govern();
  const std::string run = asking_run();
  const std::string list = "digests: [{digest: " + Site::digest(ask_) + ", reason: bad, date: \"2026-01-01\"}]\n";
  ASSERT_EQ(site_.import_error(site_.revocation_pack(list, 1)), "");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(member(wait_state(run, "paused"), "state"), "paused");
  const auto took = std::chrono::steady_clock::now() - began;
  RecordProperty("milliseconds", static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  EXPECT_EQ(member(answer(run).out, "code"), "pack-revoked");
  EXPECT_EQ(member(box().curl("operator", {"-X", "POST", "/v1/runs/" + run + "/resume"}).out, "code"), "pack-revoked");
  EXPECT_EQ(status_of(start("operator", "ask")), "404");
  EXPECT_FALSE(has(box().curl("operator", {"/v1/packs"}).out, "soc.ask"));
  EXPECT_EQ(status_of(start("operator", "line")), "202");  // the rest goes on
  EXPECT_TRUE(logged("\"reason\":\"pack-revoked\""));
  EXPECT_EQ(box().stop(), 0);
  box().start_daemon();  // and stays so
  EXPECT_EQ(member(answer(run).out, "code"), "pack-revoked");
  EXPECT_EQ(status_of(start("operator", "ask")), "404");
}

TEST_F(ClearedDaemon, RC_T_POLICY_ARevokedPolicyDeniesEverythingAtOnce) {
  govern();
  const std::string run = asking_run();
  const std::string list = "digests: [{digest: " + digest_ + ", reason: bad, date: \"2026-01-01\"}]\n";
  ASSERT_EQ(site_.import_error(site_.revocation_pack(list, 1)), "");
  CommandResult last;
  for (int i = 0; i < 400 && status_of(last) != "403"; ++i) last = box().curl("operator", {"/v1/runs"});
  EXPECT_EQ(member(last.out, "code"), "policy-revoked") << last.out;
  EXPECT_TRUE(logged("\"reason\":\"policy-revoked\""));
  EXPECT_TRUE(logged("\"reason\":\"pack-revoked\""));  // the run that it let start
  // A newer one brings the gate back; the run it did not let start stays where it is.
  ASSERT_EQ(site_.import_error(site_.policy_pack(Site::policy(), 2)), "");
  EXPECT_EQ(site_.reload().reason, std::nullopt);
  EXPECT_EQ(status_of(start("operator", "line")), "202");
  EXPECT_EQ(member(answer(run).out, "code"), "pack-revoked");
}

// A newer policy waits for its reload when the one that the daemon still obeys is revoked.
TEST_F(ClearedDaemon, RC_T_POLICY_WhatIsObeyedIsRevokedWhateverIsImportedBesides) {
  govern();
  ASSERT_EQ(site_.import_error(site_.policy_pack(Site::policy(), 2)), "");
  EXPECT_EQ(status_of(start("operator", "line")), "202");
  const std::string list = "digests: [{digest: " + digest_ + ", reason: bad, date: \"2026-01-01\"}]\n";
  ASSERT_EQ(site_.import_error(site_.revocation_pack(list, 1)), "");
  CommandResult last;
  for (int i = 0; i < 400 && status_of(last) != "403"; ++i) last = box().curl("operator", {"/v1/runs"});
  EXPECT_EQ(member(last.out, "code"), "policy-revoked") << last.out;
  EXPECT_EQ(site_.reload().reason, std::nullopt);
  EXPECT_EQ(status_of(start("operator", "line")), "202");
}

TEST_F(ClearedDaemon, RC_T_POLICY_ARevokedPolicyKeepsTheDaemonFromStarting) {
  const base::Bytes policy = site_.policy_pack(Site::policy(), 1);
  ASSERT_EQ(site_.import_error(policy), "");
  const std::string list = "digests: [{digest: " + Site::digest(policy) + ", reason: bad, date: \"2026-01-01\"}]\n";
  ASSERT_EQ(site_.import_error(site_.revocation_pack(list, 1)), "");
  EXPECT_EQ(refused_start(), 3);
  EXPECT_TRUE(has(last_words(), "policy-revoked")) << last_words();
}

// The daemon's own user can write the database; it cannot make trust.
TEST_F(ClearedDaemon, SG_E_PACK_AnActWithoutAReceiptEndsTheDaemon) {
  govern();
  {
    const auto database = site_.open_database();
    auto writer = database->writer().value();
    ASSERT_TRUE(writer.execute("INSERT INTO trust_acts (number, receipt) SELECT max(number) + 1, '' FROM trust_acts"));
  }
  EXPECT_EQ(box().daemon().wait(), 3);
  EXPECT_TRUE(has(last_words(), "receipt-missing")) << last_words();
}

TEST_F(ClearedDaemon, RC_E_POLICY_ARetiredPolicyDeniesEverythingAfterTheReload) {
  govern();
  ASSERT_EQ(site_.retire_error("site.policy"), "");
  EXPECT_EQ(site_.reload().reason, std::nullopt);
  EXPECT_EQ(member(start("operator", "line").out, "code"), "policy-missing");
  EXPECT_TRUE(logged("\"event\":\"policy.lapsed\""));
}

}  // namespace
}  // namespace stargraph::test
