// Each request of an authenticated caller has its one entry: every route of the table with every way it can end, and
// floods, whose entries are few and add up.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "integration/answer.hpp"
#include "integration/appliance.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/serve/route.hpp"

namespace stargraph::test {
namespace {

const std::filesystem::path kPrograms = STARGRAPH_PROGRAMS;
constexpr const char* kNoRun = "01890000-0000-7000-8000-000000000000";
constexpr const char* kWork =
    "ir_version: \"1.0.0\"\nid: \"graph:work\"\nnodes:\n  - {id: first, kind: demo.a}\n  - {id: last, kind: halt}\n";
constexpr const char* kAsk =
    "ir_version: \"1.0.0\"\nid: \"graph:ask\"\nnodes:\n"
    "  - {id: ask, kind: interrupt, config: {prompt: \"Go on?\"}}\n  - {id: end, kind: halt}\n";
constexpr const char* kAll =
    "  all: [\"runs:start\", \"runs:read\", \"runs:cancel\", \"runs:pause\", \"runs:resume\", \"runs:respond\", "
    "\"counterfactual:run\", \"artifacts:read\", \"metrics:read\", \"packs:read\", \"audit:read\", \"audit:site\", "
    "\"work:demo.*\"]\n";

// Routes that say that this version does not do this yet.
const std::set<std::string> kLater{"/v1/runs/{run}/stream", "/v1/runs/{run}/counterfactual", "/v1/runs/{run}/artifacts",
                                   "/v1/artifacts/{artifact}"};

// The entries `request` of a log.
std::vector<json::Object> request_entries(const std::string& log) {
  std::vector<json::Object> found;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (!has(line, R"("event":"request")")) continue;
    const auto entry = json::parse(line);
    EXPECT_TRUE(entry.has_value()) << line;
    if (entry) found.push_back(*entry->object());
  }
  return found;
}
const json::Object& data_of(const json::Object& entry) { return *entry.find("data")->object(); }
std::string text(const json::Object& object, const char* name) {
  const json::Value* const value = object.find(name);
  return value != nullptr && value->string() != nullptr ? *value->string() : "";
}
std::int64_t number(const json::Object& object, const char* name) {
  const json::Value* const value = object.find(name);
  return value != nullptr && value->integer() != nullptr ? *value->integer() : 0;
}

// Sends requests and remembers the id and status of each.
class Requests : public ::testing::Test {
 protected:
  void start(const std::string& limits) {
    Appliance::Options options;
    options.start = false;
    options.limits = limits;
    options.roles = kAll;
    for (const char* name : {"able", "finder", "mangler", "heaver", "hasty"})
      options.principals.push_back({name, "alpha", "all"});
    box_.emplace(kPrograms, options);
    box_->add_graph("work.yaml", kWork);
    box_->add_graph("ask.yaml", kAsk);
    box_->start_auditd();
    box_->start_daemon();
  }
  void TearDown() override {
    if (HasFailure()) std::fputs(box_->daemon_log().c_str(), stderr);
  }
  std::string note(const std::string& reply) {
    const std::size_t at = reply.find("X-Request-Id: ");
    EXPECT_NE(at, std::string::npos) << reply;
    const std::size_t first = reply.find(' ') + 1;
    status_ = reply.substr(first, 3);
    if (at != std::string::npos) ++sent_[reply.substr(at + 14, 36)];
    return reply;
  }
  std::string get(const std::string& who, const std::string& path, std::vector<std::string> more = {}) {
    more.insert(more.begin(), "-i");
    more.push_back(path);
    return note(box_->curl(who, more).out);
  }
  std::string post(const std::string& who, const std::string& path, const std::string& body) {
    return note(box_->curl(who, {"-i", "-H", "Expect:", "-H", "Content-Type: application/json", "-d", body, path}).out);
  }
  std::string ask(const std::string& who, const serve::Route& route, const std::string& path, const std::string& body) {
    return route.method == serve::Method::kGet ? get(who, path) : post(who, path, body);
  }
  // --- what the routes with parameters are about
  std::string run_of(const std::string& graph, const std::string& state) {
    const std::string run = member(post("able", "/v1/runs", R"({"graph_id":")" + graph + "\"}"), "run_id");
    for (int i = 0; i < 200; ++i) {
      view_ = get("able", "/v1/runs/" + run);
      if (member(view_, "state") == state) break;
    }
    EXPECT_EQ(member(view_, "state"), state) << view_;
    return run;
  }
  static std::string fill(const serve::Route& route, const std::string& value) {
    const std::string pattern(route.pattern);
    const std::size_t open = pattern.find('{');
    if (open == std::string::npos) return pattern;
    return pattern.substr(0, open) + value + pattern.substr(pattern.find('}') + 1);
  }
  struct Good {
    std::string path;
    std::string body = "{}";
  };
  // A request that this route carries out.
  Good good(const serve::Route& route) {
    const std::string pattern(route.pattern);
    if (pattern == "/v1/runs" && route.method == serve::Method::kPost)
      return {pattern, R"({"graph_id":"graph:hello"})"};
    if (pattern == "/v1/work/lease") return {pattern, R"({"kinds":["demo.a"]})"};
    if (has(pattern, "{kind}")) return {fill(route, "tools")};
    if (has(pattern, "{run}")) {
      const std::string run = run_of("graph:ask", "waiting");
      if (has(pattern, "/resume")) post("able", "/v1/runs/" + run + "/pause", "");
      const std::string answer = R"({"response":{"answer":"yes"},"interrupt_id":")" + member(view_, "interrupt_id");
      return {fill(route, run), has(pattern, "/respond") ? answer + "\"}" : "{}"};
    }
    if (has(pattern, "{task}")) {
      run_of("graph:work", "working");
      const std::string task = post("able", "/v1/work/lease", R"({"kinds":["demo.a"]})");
      const std::string lease = R"({"lease":")" + member(task, "lease") + "\"";
      const std::string path = fill(route, member(task, "task_id"));
      if (has(pattern, "/complete")) return {path, lease + R"(,"output":{}})"};
      if (has(pattern, "/fail")) return {path, lease + R"(,"message":"no","retryable":false})"};
      return {path, lease + "}"};
    }
    if (has(pattern, "{segment}")) return {fill(route, "1")};
    if (pattern == "/v1/audit/proof") return {pattern + "?seq=1"};
    if (pattern == "/v1/audit/consistency") return {pattern + "?from=1"};
    return {fill(route, kNoRun)};
  }
  // Ends the daemon; every request sent has exactly one entry with its id, and there is no other entry.
  void check_entries() {
    EXPECT_EQ(box_->stop(), 0) << box_->daemon_log();
    std::map<std::string, int> logged;
    for (const json::Object& entry : request_entries(box_->audit_log())) {
      EXPECT_EQ(number(data_of(entry), "count"), 0) << "nobody here was refused so often";
      ++logged[text(data_of(entry), "request_id")];
    }
    for (const auto& [id, times] : sent_) {
      EXPECT_EQ(times, 1) << id;
      EXPECT_EQ(logged[id], 1) << id;
    }
    EXPECT_EQ(logged.size(), sent_.size());
  }

  std::optional<Appliance> box_;
  std::map<std::string, int> sent_;  // request ids of the replies
  std::string status_;               // of the last reply
  std::string view_;                 // of the last run that was waited for
};

TEST_F(Requests, SG_R_HTTP_EveryRouteLeavesOneEntryHoweverItEnds) {
  start("  http_body_bytes: 4096\n  changes_burst: 1000\n  reads_burst: 100000\n");
  for (const serve::Route& route : serve::routes()) {
    const std::string pattern(route.pattern);
    const bool later = kLater.contains(pattern);
    const Good right = good(route);
    const std::string done = ask("able", route, right.path, right.body);
    EXPECT_EQ(later ? "503" : status_.substr(0, 1) + "00", later ? status_ : "200") << pattern << done;
    ask("stranger", route, right.path, right.body);  // a certificate that is nobody's
    EXPECT_EQ(status_, "401") << pattern;
    if (route.act != serve::Act::kRead) {
      ask("viewer", route, right.path, right.body);
      EXPECT_EQ(status_, "403") << pattern;
    }
    ask("finder", route, right.path.substr(0, right.path.find('?')) + "/nothing/at/all", "{}");
    EXPECT_EQ(status_, "404") << pattern;
    if (has(pattern, "{run}") && !later) {
      ask("finder", route, fill(route, kNoRun), right.body);
      EXPECT_EQ(status_, "404") << pattern;
    }
    if (route.method == serve::Method::kPost) {
      post("mangler", right.path, "{");
      EXPECT_EQ(status_, "400") << pattern;
      post("heaver", right.path, std::string(5000, ' '));
      EXPECT_EQ(status_, "413") << pattern;
    } else {
      get("mangler", right.path.substr(0, right.path.find('?')) + "?a");
      EXPECT_EQ(status_, "400") << pattern;
      get("heaver", right.path, {"-H", "X-Much: " + std::string(20'000, 'a')});
      EXPECT_TRUE(status_ == "400" || status_ == "413") << pattern << status_;
    }
  }
  check_entries();
}

TEST_F(Requests, SG_R_HTTP_WhatIsRateLimitedHasItsEntryToo) {
  start("  changes_burst: 1\n  changes_per_second: 1\n  reads_burst: 1\n  reads_per_second: 1\n");
  int limited = 0;
  for (const serve::Route& route : serve::routes()) {
    ask("hasty", route, fill(route, kNoRun), "{}");
    limited += status_ == "429" ? 1 : 0;
  }
  EXPECT_GT(limited, 0);
  check_entries();
}

// The same through the real listener as JournalTest tells with a clock of its own.
TEST_F(Requests, RC_D_POLICY_AFloodOfRefusalsLeavesFewEntriesThatAddUp) {
  start("");
  constexpr int kFlood = 2'000;
  const auto began = std::chrono::steady_clock::now();
  const CommandResult flood =
      box_->curl("finder", {"-o", "/dev/null", "--max-time", "120", "/v1/registry/[1001-3000]"});
  EXPECT_TRUE(flood.ok()) << flood.err;
  EXPECT_EQ(box_->stop(), 0) << box_->daemon_log();
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began).count() + 1;
  std::int64_t told = 0;
  std::int64_t entries = 0;
  for (const json::Object& entry : request_entries(box_->audit_log())) {
    if (text(entry, "actor") != "finder") continue;
    ++entries;
    const std::int64_t count = number(data_of(entry), "count");
    told += count == 0 ? 1 : count;
  }
  EXPECT_EQ(told, kFlood);
  EXPECT_LE(entries, 60 + seconds + seconds / 10 + 2);
}

TEST_F(Requests, RC_D_AUDIT_RefusedHandshakesAreOneEntryWithTheirCauses) {
  start("");
  constexpr int kFlood = 200;
  for (int i = 0; i < kFlood; ++i) {
    const int peer = box_->dial();
    static_cast<void>(::send(peer, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL));
    pollfd waiting{peer, POLLIN, 0};
    EXPECT_EQ(::poll(&waiting, 1, 10'000), 1);  // closed: no TLS
    ::close(peer);
  }
  constexpr int kHalf = 64;  // twice what may wait of one address: who began and left makes room at once
  for (int i = 0; i < kHalf; ++i) {
    const int peer = box_->dial();
    static_cast<void>(::send(peer, "\x16", 1, MSG_NOSIGNAL));
    ::shutdown(peer, SHUT_WR);
    pollfd waiting{peer, POLLIN, 0};
    EXPECT_EQ(::poll(&waiting, 1, 8'000), 1);  // before its time is up
    ::close(peer);
  }
  EXPECT_EQ(status_of(box_->curl("", {"/health"})), "000");  // TLS, but no certificate
  EXPECT_EQ(box_->stop(), 0) << box_->daemon_log();
  std::istringstream lines(box_->audit_log());
  std::int64_t told = 0;
  std::int64_t foreign = 0;
  std::int64_t left = 0;
  std::int64_t failed = 0;
  int entries = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!has(line, R"("event":"handshakes.refused")")) continue;
    ++entries;
    const auto entry = json::parse(line);
    ASSERT_TRUE(entry.has_value());
    const json::Object& data = data_of(*entry->object());
    const json::Object& causes = *data.find("causes")->object();
    told += number(data, "count");
    foreign += number(causes, "foreign");
    left += number(causes, "left");
    failed += number(causes, "handshake");
  }
  EXPECT_LE(entries, 3);  // one a minute, one at the end
  EXPECT_EQ(told, kFlood + kHalf + 1);
  EXPECT_EQ(foreign, kFlood);
  EXPECT_EQ(left, kHalf);
  EXPECT_EQ(failed, 1);
}

}  // namespace
}  // namespace stargraph::test
