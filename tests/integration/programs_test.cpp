// stargraph and stargraph-worker against a daemon that is overloaded, broken or has much to tell: a stand-in where the
// real one would have to be brought there, the real one where it gets there by itself.
#include <gtest/gtest.h>

#include <algorithm>

#include "integration/answer.hpp"
#include "integration/stand_in.hpp"

namespace stargraph::test {
namespace {

// --- stargraph-worker: what was done is given back, however long the daemon cannot take it

constexpr const char* kTask =
    R"("POST /v1/work/lease": [[200, {"task": {"task_id": "t1", "lease": "l1", "kind": "demo.a", "run_id": "r1",
       "lease_until": "2026-01-01T00:01:00Z", "deadline": "2026-01-01T00:05:00Z", "config": {}, "state": {}}}],
      [200, {"task": null}]],
   "POST /v1/work/t1/heartbeat": [[200, {"lease_until": "2026-01-01T00:02:00Z"}]],)";

// One task, by a command that leaves a line for each time it ran.
CommandResult work(const StandIn& daemon) {
  return daemon.run("stargraph-worker", "worker",
                    {"--kind", "demo.a", "--wait-ms", "0", "--max-tasks", "1", "--exec", "/bin/sh", "-c",
                     "cat >/dev/null; echo ran >> " + daemon.path("ran") + "; echo '{}'"});
}

TEST(Worker, SG_D_HTTP_AnOutputNobodyCouldTakeIsOfferedAgainAndNotDoneAgain) {
  const StandIn daemon(std::string("{") + kTask + R"("POST /v1/work/t1/complete": [
      [429, {"code": "rate-limited", "detail": "too many requests"}],
      [503, {"code": "audit-lag", "detail": "the audit log is behind"}],
      [200, {"status": "completed"}]]})");
  const CommandResult worked = work(daemon);
  EXPECT_TRUE(worked.ok()) << worked.err;
  EXPECT_EQ(daemon.text("ran"), "ran\n");
  EXPECT_EQ(daemon.asked(),
            "POST /v1/work/lease\nPOST /v1/work/t1/complete\nPOST /v1/work/t1/heartbeat\nPOST /v1/work/t1/complete\n"
            "POST /v1/work/t1/complete\n");
  EXPECT_TRUE(has(worked.err, "complete: not taken yet (rate-limited), offered again")) << worked.err;
  EXPECT_TRUE(has(worked.err, "done")) << worked.err;
}

TEST(Worker, SG_D_HTTP_AnOutputWhoseLeaseIsLostIsDropped) {
  const StandIn daemon(std::string("{") + kTask + R"("POST /v1/work/t1/complete": [
      [503, {"code": "busy", "detail": "too much is going on"}],
      [409, {"code": "lease-lost", "detail": "the lease is no longer held"}]],
      "POST /v1/work/t1/fail": [[409, {"code": "lease-lost", "detail": "the lease is no longer held"}]]})");
  const CommandResult worked = work(daemon);
  EXPECT_TRUE(worked.ok()) << worked.err;
  EXPECT_EQ(daemon.text("ran"), "ran\n");
  EXPECT_TRUE(has(worked.err, "lease lost")) << worked.err;
}

// Five tasks at the rate of one change a second: leases and completions had one bucket, and a completion that found it
// empty was dropped with its output.
TEST(Worker, SG_D_HTTP_AWorkerAtItsRateDoesEachTaskOnce) {
  constexpr std::size_t kTasks = 5;
  Appliance::Options options;
  options.start = false;
  options.limits = "  changes_burst: 1\n  changes_per_second: 1\n";
  Appliance box(STARGRAPH_PROGRAMS, options);
  box.add_graph("work.yaml",
                "ir_version: \"1.0.0\"\nid: \"graph:work\"\nnodes:\n  - {id: a, kind: demo.a}\n  - {id: b, kind: "
                "demo.a}\n  - {id: c, kind: demo.a}\n  - {id: d, kind: demo.a}\n  - {id: e, kind: demo.a}\n"
                "  - {id: last, kind: halt}\n");
  box.start_auditd();
  box.start_daemon();
  const CommandResult started = box.post("operator", "/v1/runs", R"({"graph_id":"graph:work"})");
  ASSERT_EQ(status_of(started), "202") << started.out;
  const CommandResult worked =
      run_command({std::string(STARGRAPH_PROGRAMS) + "/stargraph-worker", "--url", box.url(""), "--cert",
                   box.path("worker.pem"), "--key", box.path("worker.key"), "--ca", box.path("ca.pem"), "--kind",
                   "demo.a", "--max-tasks", std::to_string(kTasks), "--exec", "/bin/sh", "-c",
                   "cat >/dev/null; echo ran >> " + box.path("ran") + "; echo '{}'"});
  EXPECT_TRUE(worked.ok()) << worked.err;
  std::ifstream in(box.path("ran"));
  const std::string ran{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_EQ(std::ranges::count(ran, '\n'), static_cast<std::ptrdiff_t>(kTasks)) << worked.err;
  const std::string run = "/v1/runs/" + member(started.out, "run_id");
  std::string view;
  for (int i = 0; i < 200 && member(view, "status") != "done"; ++i) view = box.curl("operator", {run}).out;
  EXPECT_EQ(member(view, "status"), "done") << view;
}

// --- stargraph run steps: a page may end before its limit

TEST(Steps, PagesAreFollowedToTheEnd) {
  const StandIn daemon(R"({"GET /v1/runs/r1/steps": [
      [200, {"items": [{"number": 0, "node": "a", "record": {}}, {"number": 1, "node": "b", "record": {}}], "next": 2}],
      [200, {"items": [{"number": 2, "node": "c", "record": {}}], "next": null}]]})");
  const CommandResult shown = daemon.run("stargraph", "operator", {"run", "steps", "r1"});
  EXPECT_TRUE(shown.ok()) << shown.err;
  EXPECT_EQ(std::ranges::count(shown.out, '\n'), 3) << shown.out;
  EXPECT_EQ(daemon.asked(), "GET /v1/runs/r1/steps?limit=100&from=0\nGET /v1/runs/r1/steps?limit=100&from=2\n");
}

// --- stargraph status

constexpr const char* kUnhealthy =
    R"("GET /health": [[503, {"status": "unhealthy", "components": {
      "audit": {"status": "error", "detail": "audit writer"}, "store": {"status": "ok", "detail": "encrypted database"}}}]])";

// It said "reply: status 503 (malformed)" and nothing of what was wrong.
TEST(Status, AnUnhealthyAppliancesComponentsAreShown) {
  const StandIn daemon(std::string("{") + kUnhealthy +
                       R"(, "GET /v1/packs": [[503, {"code": "audit-lag", "detail": "the audit log is behind"}]]})");
  const CommandResult shown = daemon.run("stargraph", "operator", {"status"});
  EXPECT_EQ(shown.exit_code, 6) << shown.err;
  EXPECT_EQ(shown.out,
            "status: unhealthy\ncomponent: audit: error (audit writer)\ncomponent: store: ok (encrypted database)\n"
            "packs: the audit log is behind\n");
  const CommandResult document = daemon.run("stargraph", "operator", {"--json", "status"});
  EXPECT_EQ(document.exit_code, 6);
  EXPECT_TRUE(has(document.out, "\"components\"")) << document.out;
  EXPECT_TRUE(has(document.out, "\"packs\": null")) << document.out;
}

TEST(Status, PacksAreShownWhereTheyAreTold) {
  const StandIn daemon(
      std::string("{") + kUnhealthy +
      R"(, "GET /v1/packs": [[200, {"items": [{"id": "soc", "version": "1.0.0", "kind": "rules", "epoch": 3}]}]]})");
  const CommandResult shown = daemon.run("stargraph", "operator", {"status"});
  EXPECT_EQ(shown.exit_code, 6) << shown.err;
  EXPECT_TRUE(has(shown.out, "pack: soc 1.0.0 (rules, epoch 3)\n")) << shown.out;
}

TEST(Status, ARefusalWithAReasonIsNoHealth) {
  const StandIn busy(R"({"GET /health": [[503, {"code": "busy", "detail": "too much is going on"}]]})");
  const CommandResult shown = busy.run("stargraph", "operator", {"status"});
  EXPECT_EQ(shown.exit_code, 6);
  EXPECT_EQ(shown.out, "");
  EXPECT_TRUE(has(shown.err, "busy")) << shown.err;
  const StandIn stranger(R"({"GET /health": [[401, {"code": "unauthenticated", "components": {}}]]})");
  EXPECT_EQ(stranger.run("stargraph", "operator", {"status"}).exit_code, 5);
}

}  // namespace
}  // namespace stargraph::test
