// What workers, thieves, crashes and an exchanged disk can do to a whole appliance: leases over HTTP, programs ended
// with SIGKILL between two acts, an older trust store beside a newer log, a clock that was set back.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <thread>

#include "integration/answer.hpp"
#include "integration/appliance.hpp"
#include "stargraph/audit/outbox.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/engine/engine_store.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/serve/serve_store.hpp"
#include "stargraph/trust/trust_store.hpp"

namespace stargraph::test {
namespace {

const std::filesystem::path kPrograms = STARGRAPH_PROGRAMS;

constexpr const char* kWork =
    "ir_version: \"1.0.0\"\nid: \"graph:work\"\nnodes:\n  - {id: first, kind: demo.a}\n  - {id: last, kind: halt}\n";

// Asks again until `good` or a minute is over; the last answer.
std::string until(const std::function<std::string()>& ask, const std::function<bool(const std::string&)>& good) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::string answer = ask();
  while (!good(answer) && std::chrono::steady_clock::now() < deadline) answer = ask();
  return answer;
}

Appliance::Options with_workers() {
  Appliance::Options options;
  options.start = false;
  options.principals = {{"thief", "alpha", "worker"}, {"foreigner", "beta", "worker"}};
  return options;
}

struct Task {
  std::string id;
  std::string lease;
  std::string run;
  [[nodiscard]] std::string route(const std::string& act) const { return "/v1/work/" + id + "/" + act; }
  [[nodiscard]] std::string result(const std::string& value) const {
    return R"({"lease":")" + lease + R"(","output":{"v":")" + value + R"("}})";
  }
};

class Work {
 public:
  explicit Work(const Appliance::Options& options) : box_(kPrograms, options) {
    box_.add_graph("work.yaml", kWork);
    box_.start_auditd();
    box_.start_daemon();
  }
  Appliance& box() { return box_; }
  std::string start() {
    const CommandResult started = box_.post("operator", "/v1/runs", R"({"graph_id":"graph:work"})");
    EXPECT_EQ(status_of(started), "202") << started.out << started.err;
    return member(started.out, "run_id");
  }
  Task lease(const std::string& worker, int wait_ms = 10'000) {
    const CommandResult got =
        box_.post(worker, "/v1/work/lease", R"({"kinds":["demo.a"],"wait_ms":)" + std::to_string(wait_ms) + "}");
    EXPECT_EQ(status_of(got), "200") << got.out << got.err;
    return {member(got.out, "task_id"), member(got.out, "lease"), member(got.out, "run_id")};
  }
  std::string steps(const std::string& run) { return box_.curl("operator", {"/v1/runs/" + run + "/steps"}).out; }
  std::string wait_done(const std::string& run) {
    return member(until([&] { return box_.curl("operator", {"/v1/runs/" + run}).out; },
                        [](const std::string& view) { return member(view, "state") == "done"; }),
                  "state");
  }

 private:
  Appliance box_;
};

// One appliance for the tests about leases.
class Leases : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { work_ = new Work(with_workers()); }
  static void TearDownTestSuite() {
    EXPECT_EQ(work_->box().stop(), 0) << work_->box().daemon_log();
    delete work_;
    work_ = nullptr;
  }
  static Work& work() { return *work_; }

 private:
  static inline Work* work_ = nullptr;
};

TEST_F(Leases, SG_S_HTTP_AStolenLeaseTokenIsLeaseLostAndChangesNothing) {
  const std::string run = work().start();
  const Task task = work().lease("worker");
  ASSERT_EQ(task.run, run);
  const std::string before = work().steps(run);
  for (const auto& [act, body] : std::map<std::string, std::string>{
           {"complete", task.result("stolen")},
           {"heartbeat", R"({"lease":")" + task.lease + "\"}"},
           {"fail", R"({"lease":")" + task.lease + R"(","message":"m","retryable":false})"}}) {
    const CommandResult refused = work().box().post("thief", task.route(act), body);
    EXPECT_EQ(status_of(refused), "409") << act;
    EXPECT_EQ(member(refused.out, "code"), "lease-lost") << act << refused.out;
  }
  EXPECT_EQ(work().steps(run), before);
  EXPECT_EQ(status_of(work().box().post("worker", task.route("complete"), task.result("mine"))), "200");
  EXPECT_EQ(work().wait_done(run), "done");
  EXPECT_TRUE(has(work().steps(run), R"("v":"mine")"));
}

TEST_F(Leases, SG_I_HTTP_AnotherTenantsTaskDoesNotExist) {
  const std::string run = work().start();
  EXPECT_TRUE(work().lease("foreigner", 0).id.empty());
  const Task task = work().lease("worker");
  const CommandResult refused = work().box().post("foreigner", task.route("complete"), task.result("x"));
  EXPECT_EQ(status_of(refused), "404");
  EXPECT_EQ(member(refused.out, "code"), "task-unknown") << refused.out;
  EXPECT_EQ(status_of(work().box().post("worker", task.route("complete"), task.result("x"))), "200");
  EXPECT_EQ(work().wait_done(run), "done");
}

TEST_F(Leases, SG_T_HTTP_ACompletionCountsOnce) {
  const std::string run = work().start();
  const Task task = work().lease("worker");
  EXPECT_EQ(status_of(work().box().post("worker", task.route("complete"), task.result("one"))), "200");
  EXPECT_EQ(work().wait_done(run), "done");
  const std::string once = work().steps(run);
  EXPECT_EQ(status_of(work().box().post("worker", task.route("complete"), task.result("one"))),
            "200");  // a lost answer, sent again
  const CommandResult other = work().box().post("worker", task.route("complete"), task.result("two"));
  EXPECT_EQ(status_of(other), "409");
  EXPECT_EQ(member(other.out, "code"), "conflict");
  EXPECT_EQ(work().steps(run), once);
}

TEST_F(Leases, SG_T_HTTP_TwoWorkersAtOnceGetDifferentTasks) {
  const std::string runs[] = {work().start(), work().start()};
  Task tasks[2];
  std::thread other([&] { tasks[1] = work().lease("thief"); });
  tasks[0] = work().lease("worker");
  other.join();
  ASSERT_FALSE(tasks[0].id.empty());
  ASSERT_FALSE(tasks[1].id.empty());
  EXPECT_NE(tasks[0].id, tasks[1].id);
  EXPECT_NE(tasks[0].lease, tasks[1].lease);
  EXPECT_EQ(status_of(work().box().post("worker", tasks[0].route("complete"), tasks[0].result("a"))), "200");
  EXPECT_EQ(status_of(work().box().post("thief", tasks[1].route("complete"), tasks[1].result("b"))), "200");
  for (const std::string& run : runs) EXPECT_EQ(work().wait_done(run), "done");
}

TEST_F(Leases, ALongPollIsAnsweredByWorkThatComesLater) {
  ASSERT_TRUE(work().lease("worker", 0).id.empty());  // nothing there yet
  Task task;
  std::thread poll([&] { task = work().lease("worker"); });
  until([&] { return work().box().connections() > 0 ? "yes" : ""; },
        [](const std::string& yes) { return !yes.empty(); });
  const std::string run = work().start();
  poll.join();
  ASSERT_FALSE(task.id.empty());
  EXPECT_EQ(task.run, run);
  EXPECT_EQ(status_of(work().box().post("worker", task.route("complete"), task.result("x"))), "200");
}

TEST_F(Leases, SG_S_HTTP_ACertificateOfTwoPrincipalsIsNobody) {
  work().box().issue("twin", "ca", {"-addext", "subjectAltName=URI:stargraph:operator,URI:stargraph:viewer"});
  const CommandResult refused = work().box().curl("twin", {"/v1/runs"});
  EXPECT_EQ(status_of(refused), "401") << refused.out;
  EXPECT_EQ(member(refused.out, "code"), "ambiguous-principal") << refused.out;
}

// --- programs that end in the middle ---

TEST(Crash, SG_D_STATE_ATaskOfAKilledDaemonComesBackAfterItsLease) {
  Appliance::Options options = with_workers();
  options.limits = "  lease_seconds: 5\n";  // long enough to complete in, on a busy machine too
  Work work(options);
  const std::string run = work.start();
  const Task lost = work.lease("worker");
  ASSERT_FALSE(lost.id.empty());
  EXPECT_EQ(work.box().daemon().end(SIGKILL), -SIGKILL);
  work.box().start_daemon();
  const Task again = work.lease("thief");
  EXPECT_EQ(again.id, lost.id);
  EXPECT_NE(again.lease, lost.lease);
  const CommandResult late = work.box().post("worker", lost.route("complete"), lost.result("late"));
  EXPECT_EQ(member(late.out, "code"), "lease-lost") << late.out;
  EXPECT_EQ(status_of(work.box().post("thief", again.route("complete"), again.result("again"))), "200");
  EXPECT_EQ(work.wait_done(run), "done");
  EXPECT_TRUE(has(work.steps(run), R"("v":"again")"));
}

TEST(Crash, RC_D_AUDIT_OnFailureRefuseRefusesActsUntilBothAreStartedAgain) {
  Work work(with_workers());
  work.box().auditd().end(SIGKILL);
  const auto act = [&] { return work.box().post("operator", "/v1/runs", R"({"graph_id":"graph:work"})").out; };
  const std::string refused = until(act, [](const std::string& reply) { return has(reply, "\n503"); });
  EXPECT_TRUE(has(refused, "\n503")) << refused;
  EXPECT_TRUE(work.box().daemon().alive());
  EXPECT_TRUE(has(work.box().curl("operator", {"/v1/runs"}).out, "\n200"));
  EXPECT_EQ(work.box().stop(), 0);
  work.box().start_auditd();
  work.box().start_daemon();
  const std::string run = work.start();
  const Task task = work.lease("worker");
  EXPECT_FALSE(task.id.empty());
  EXPECT_FALSE(run.empty());
}

TEST(Crash, RC_D_AUDIT_OnFailureStopEndsTheDaemonAndBothComeBack) {
  Appliance::Options options = with_workers();
  options.on_failure = "stop";
  Work work(options);
  const std::string run = work.start();
  work.box().auditd().end(SIGKILL);
  EXPECT_EQ(work.box().daemon().wait(), 6) << work.box().daemon_log();
  EXPECT_TRUE(has(work.box().daemon_log(), "audit-unavailable")) << work.box().daemon_log();
  work.box().start_auditd();
  work.box().start_daemon();
  const Task task = work.lease("worker");
  EXPECT_EQ(task.run, run);  // what was committed is there
  EXPECT_EQ(status_of(work.box().post("worker", task.route("complete"), task.result("x"))), "200");
  EXPECT_EQ(work.wait_done(run), "done");
}

TEST(Reads, RC_R_AUDIT_RelaxedReadsAreInTheLogToo) {
  Appliance::Options options = with_workers();
  options.reads = "relaxed";
  Work work(options);
  const CommandResult read = work.box().curl("viewer", {"-i", "/v1/runs"});
  ASSERT_TRUE(has(read.out, "\n200"));
  const std::string log = until([&] { return work.box().audit_log(); },
                                [](const std::string& text) { return has(text, R"("actor":"viewer")"); });
  EXPECT_TRUE(has(log, R"("route":"/v1/runs")")) << log;
}

// --- a disk and a clock of another day ---

int start_and_end(Appliance& box, const std::vector<std::string>& flags = {}) {
  box.spawn_daemon(flags);
  return box.wait_notified("READY=1") ? -1000 : box.daemon().wait();
}

class Disk : public ::testing::Test {
 protected:
  Disk() : box_(kPrograms, with_workers()) {
    box_.start_auditd();
    box_.start_daemon();
    EXPECT_EQ(box_.stop(), 0);
  }
  // A signed pack, imported: two acts of trust, a receipt each.
  void import() {
    std::filesystem::create_directory(box_.path("site.rules"));
    std::ofstream(box_.path("site.rules/manifest.yaml"))
        << "kind: rules\nid: site.rules\nversion: \"1.0.0\"\ndescription: one rule\nrequires:\n"
           "  stargraph_facts_version: \"1.0\"\n  api_version: \"1\"\n  facts: [node-id]\nprovides: []\n"
           "capabilities: []\nlimits: {max_facts: 100, max_firings: 100, max_ms: 1000, max_bytes: 67108864}\n";
    std::ofstream(box_.path("site.rules/rules.clp"))
        << "(deftemplate seen (slot id))\n(defrule see (node-id (id ?n)) => (assert (seen (id ?n))))\n";
    ASSERT_TRUE(pack({"keygen", "--out", box_.path("keys"), "--name", "publisher"}));
    ASSERT_TRUE(pack({"build", box_.path("site.rules"), "--key", box_.path("keys/publisher.key.pem"), "--epoch", "1",
                      "--out", box_.path("site.sgpack")}));
    ASSERT_TRUE(pack({"fingerprint", box_.path("keys/publisher.pub.pem"), "--json"}));
    fingerprint_ = member_of(told_, "fingerprint");
    ASSERT_TRUE(pack({"import", box_.path("site.sgpack"), "--fingerprint", fingerprint_}));
  }
  ::testing::AssertionResult pack(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {(kPrograms / "stargraph-pack").string(), "--config", box_.path("stargraph.yaml")});
    const CommandResult result = run_command(arguments);
    told_ = result.out;
    return result.ok() ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << result.out << result.err;
  }
  static std::string member_of(const std::string& text, const char* name) {
    const auto value = json::parse(text);
    const json::Value* const found = value && value->object() != nullptr ? value->object()->find(name) : nullptr;
    return found != nullptr && found->string() != nullptr ? *found->string() : "";
  }
  void keep(const std::string& folder, const std::string& name) {
    std::filesystem::remove_all(box_.path(name));
    std::filesystem::copy(box_.path(folder), box_.path(name), std::filesystem::copy_options::recursive);
  }
  void put_back(const std::string& name, const std::string& folder) {
    std::filesystem::remove_all(box_.path(folder));
    std::filesystem::copy(box_.path(name), box_.path(folder), std::filesystem::copy_options::recursive);
    ::chmod(box_.path(folder).c_str(), 0700);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(box_.path(folder))) {
      if (entry.is_regular_file()) ::chmod(entry.path().c_str(), 0600);
    }
  }
  [[nodiscard]] std::string last_words() const {
    const std::string log = box_.daemon_log();
    return log.substr(log.rfind("<2>"));
  }

  Appliance box_;
  std::string told_;
  std::string fingerprint_;
};

TEST_F(Disk, RC_T_PACK_YesterdaysTrustStoreBesideTodaysLogIsRefused) {
  keep("state", "yesterday");
  ASSERT_NO_FATAL_FAILURE(import());
  keep("state", "today");
  put_back("yesterday", "state");
  EXPECT_EQ(start_and_end(box_), 4);
  EXPECT_TRUE(has(last_words(), "the log holds a later act than the trust store")) << last_words();
  EXPECT_TRUE(has(last_words(), "FORK")) << last_words();
  put_back("today", "state");
  box_.start_daemon();  // nothing else was wrong
  EXPECT_EQ(box_.stop(), 0);
}

// An import that died between its receipts and its commit leaves the same picture; made again, it is the way back.
TEST_F(Disk, RC_D_PACK_RepeatingTheActThatOnlyTheLogKnowsIsTheWayBack) {
  keep("state", "yesterday");
  ASSERT_NO_FATAL_FAILURE(import());
  put_back("yesterday", "state");
  EXPECT_EQ(start_and_end(box_), 4);
  ASSERT_TRUE(pack({"import", box_.path("site.sgpack"), "--fingerprint", fingerprint_}));
  box_.start_daemon();
  EXPECT_EQ(box_.stop(), 0);
}

// Only the database was lost; the log went on. What it has stays, the daemon goes on behind it once root has said so on
// record, and the same disk put back a second time is found again.
TEST_F(Disk, SG_T_STATE_ADatabasePutBackGoesOnOnceRootHasSaidSo) {
  const auto run_one = [&] {
    EXPECT_EQ(status_of(box_.post("operator", "/v1/runs", R"({"graph_id":"graph:hello"})")), "202");
  };
  const auto auditor = [&](const char* verb) {
    return run_command(
        {(kPrograms / "stargraph-audit").string(), verb, box_.path("log"), "--pubkey", box_.path("audit.pub.pem")});
  };
  ASSERT_NO_FATAL_FAILURE(import());
  keep("state", "yesterday");
  box_.start_daemon();
  for (int i = 0; i < 3; ++i) run_one();
  EXPECT_EQ(box_.stop(), 0);
  put_back("yesterday", "state");
  EXPECT_EQ(start_and_end(box_), 4);
  EXPECT_TRUE(has(last_words(), "an older database was put back")) << last_words();
  ASSERT_TRUE(pack({"repair", "--reason", "no act is missing"}));
  EXPECT_EQ(start_and_end(box_), 4) << "saying nothing of it changes nothing";
  ASSERT_TRUE(pack({"repair", "--restored", "--reason", "the disk of Monday was put back"}));
  box_.start_daemon();
  run_one();
  EXPECT_EQ(box_.stop(), 0);
  EXPECT_TRUE(auditor("verify").ok());
  const CommandResult lineage = auditor("lineage");
  EXPECT_TRUE(lineage.ok()) << lineage.out;
  EXPECT_TRUE(has(lineage.out, "1 times a database of an earlier day was put back")) << lineage.out;
  EXPECT_TRUE(has(box_.audit_log(), R"("resumed_from":)"));
  put_back("yesterday", "state");
  ASSERT_TRUE(pack({"repair", "--reason", "the same disk again"}));
  EXPECT_EQ(start_and_end(box_), 4) << "the permission was for one place of the log";
  EXPECT_TRUE(has(last_words(), "an older database was put back")) << last_words();
}

TEST_F(Disk, RC_D_AUDIT_AKilledAuditWriterStillKnowsTheLastActOfTrust) {
  ASSERT_NO_FATAL_FAILURE(import());
  box_.auditd().end(SIGKILL);
  box_.start_auditd();
  box_.start_daemon();
  EXPECT_EQ(box_.stop(), 0);
}

TEST_F(Disk, RC_T_AUDIT_YesterdaysLogBesideTodaysTrustStoreIsRefused) {
  EXPECT_EQ(box_.auditd().end(SIGTERM), 0);
  keep("log", "old-log");
  keep("audit", "old-audit");
  box_.start_auditd();
  ASSERT_NO_FATAL_FAILURE(import());
  EXPECT_EQ(box_.auditd().end(SIGTERM), 0);
  put_back("old-log", "log");
  put_back("old-audit", "audit");
  box_.start_auditd();
  EXPECT_EQ(start_and_end(box_), 4);
  EXPECT_TRUE(has(last_words(), "an older log was put back")) << last_words();
}

TEST_F(Disk, SG_T_STATE_AClockSetBackIsRefusedUntilAccepted) {
  std::ifstream file(box_.path("state.key"), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  ASSERT_TRUE(crypto::initialise(crypto::FipsMode::kOff));
  {
    std::vector<store::Migration> migrations;
    for (const auto some : {audit::audit_migrations(), trust::trust_migrations(), engine::engine_migrations(),
                            serve::serve_migrations()}) {
      migrations.insert(migrations.end(), some.begin(), some.end());
    }
    auto database =
        store::Database::open(box_.path("state/stargraph.db"), crypto::Secret::copy(base::as_bytes(bytes)), migrations);
    ASSERT_TRUE(database) << database.error().message;
    auto writer = (*database)->writer();
    ASSERT_TRUE(writer);
    const base::Timestamp tomorrow = base::real_env().now() + std::chrono::hours(24);
    ASSERT_TRUE(serve::raise_clock(*writer, tomorrow));
  }
  EXPECT_EQ(start_and_end(box_), 7);
  EXPECT_TRUE(has(last_words(), "clock-behind")) << last_words();
  box_.start_daemon({"--accept-clock"});
  EXPECT_TRUE(has(box_.audit_log(), R"("clock_accepted":true)"));
  EXPECT_EQ(box_.stop(), 0);
  box_.start_daemon();  // accepted once is accepted
  EXPECT_EQ(box_.stop(), 0);
}

}  // namespace
}  // namespace stargraph::test
