// The real daemon with a real audit writer on loopback, attacked with curl, openssl s_client and bare sockets.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "integration/answer.hpp"
#include "integration/appliance.hpp"
#include "stargraph/client/client.hpp"

namespace stargraph::test {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

// One appliance for all tests of this file: what one attack breaks the next one sees.
class Daemon : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    Appliance::Options options;
    options.limits = "  http_body_bytes: 4096\n";
    options.principals = {{"parting", "alpha", "viewer"}};
    appliance_ = new Appliance(STARGRAPH_PROGRAMS, options);
  }
  static void TearDownTestSuite() {
    EXPECT_EQ(appliance_->stop(), 0) << appliance_->daemon_log();
    EXPECT_TRUE(has(appliance_->audit_log(), "daemon.stopping"));
    delete appliance_;
    appliance_ = nullptr;
  }
  void TearDown() override { ASSERT_TRUE(appliance_->daemon().alive()) << appliance_->daemon_log(); }
  static Appliance& box() { return *appliance_; }
  static std::string run_to_end() {
    const CommandResult started = box().post("operator", "/v1/runs", R"({"graph_id":"graph:hello","params":{}})");
    EXPECT_EQ(status_of(started), "202") << started.out << started.err;
    return member(started.out, "run_id");
  }

 private:
  static inline Appliance* appliance_ = nullptr;
};

TEST_F(Daemon, AnswersHealthToAnyPrincipal) {
  const CommandResult reply = box().curl("viewer", {"-i", "/health"});
  EXPECT_EQ(status_of(reply), "200") << reply.out << reply.err;
  EXPECT_TRUE(has(reply.out, "Cache-Control: no-store"));
  EXPECT_TRUE(has(reply.out, "X-Content-Type-Options: nosniff"));
  EXPECT_FALSE(has(reply.out, "Server:"));
}

TEST_F(Daemon, RunsAGraphAndTellsItsSteps) {
  const std::string run = run_to_end();
  std::string view;
  for (int i = 0; i < 200 && member(view, "status") != "done"; ++i)
    view = box().curl("operator", {"/v1/runs/" + run}).out;
  EXPECT_EQ(member(view, "status"), "done") << view;
  EXPECT_TRUE(has(box().curl("operator", {"/v1/runs/" + run + "/steps"}).out, "\"step_hash\""));
  EXPECT_TRUE(has(box().curl("operator", {"/v1/runs/" + run + "/events"}).out, "\"seq\""));
  EXPECT_TRUE(has(box().curl("operator", {"/v1/runs?status=done"}).out, run));
}

TEST_F(Daemon, SameIdempotencyKeyIsSameRun) {
  const std::string body = R"({"graph_id":"graph:hello","idempotency_key":"once"})";
  const CommandResult first = box().post("operator", "/v1/runs", body);
  const CommandResult second = box().post("operator", "/v1/runs", body);
  EXPECT_EQ(member(first.out, "run_id"), member(second.out, "run_id"));
  EXPECT_TRUE(has(second.out, "\"repeated\":true")) << second.out;
}

TEST_F(Daemon, SG_S_HTTP_NoCertificateGetsNoByteOfHttp) {
  EXPECT_EQ(status_of(box().curl("", {"/health"})), "000");
  EXPECT_EQ(box().raw("", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"), "");
}

TEST_F(Daemon, SG_S_HTTP_CertificateOfForeignAuthorityIsRefused) {
  box().make_authority("evil");
  box().issue_client("mallory", "evil");
  EXPECT_EQ(status_of(box().curl("mallory", {"/health"})), "000");
  EXPECT_EQ(box().raw("mallory", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"), "");
}

TEST_F(Daemon, SG_S_HTTP_ExpiredCertificateIsRefused) {
  box().issue_expired("late");
  EXPECT_EQ(status_of(box().curl("late", {"/health"})), "000");
}

TEST_F(Daemon, SG_I_HTTP_Tls12IsRefused) {
  EXPECT_EQ(status_of(box().curl("operator", {"--tls-max", "1.2", "/health"})), "000");
}

TEST_F(Daemon, SG_S_HTTP_RevokedCertificateIsRefusedWhenTheCrlChanges) {
  box().issue_client("leaver");
  EXPECT_EQ(status_of(box().curl("leaver", {"/health"})), "401");
  box().revoke({"leaver"});
  std::string status;
  for (int i = 0; i < 200 && status != "000"; ++i) status = status_of(box().curl("leaver", {"/health"}));
  EXPECT_EQ(status, "000");
  EXPECT_EQ(status_of(box().curl("operator", {"/health"})), "200");
}

// The handshake is long over and its verdict is in use: the CRL is looked at once a second.
TEST_F(Daemon, SG_S_HTTP_ACertificateRevokedInMidConnectionIsRefusedOnIt) {
  auto parting = client::Client::make({.url = box().url(""),
                                       .certificate = box().path("parting.pem"),
                                       .key = box().path("parting.key"),
                                       .ca = box().path("ca.pem")});
  ASSERT_TRUE(parting.has_value());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE((*parting)->get("/v1/packs").has_value());
  box().revoke({"parting"});
  const auto begin = std::chrono::steady_clock::now();
  auto reply = (*parting)->get("/v1/packs");
  while (reply && std::chrono::steady_clock::now() < begin + std::chrono::seconds(30)) {
    reply = (*parting)->get("/v1/packs");
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  RecordProperty("milliseconds", std::to_string(took / std::chrono::milliseconds(1)));
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, base::Code::kUnauthenticated);
  // The daemon's reply on the open connection; a new handshake would have been refused without one.
  EXPECT_TRUE(has(reply.error().message, "belongs to no principal")) << reply.error().message;
}

TEST_F(Daemon, SG_S_HTTP_CertificateWithoutPrincipalIs401AndAudited) {
  const CommandResult reply = box().curl("stranger", {"-i", "/v1/runs"});
  EXPECT_EQ(status_of(reply), "401");
  EXPECT_TRUE(has(reply.out, "\"code\":\"unauthenticated\""));
  const std::string id = member(reply.out, "request_id");
  ASSERT_FALSE(id.empty());
  EXPECT_EQ(status_of(box().curl("operator", {"/health"})), "200");
}

TEST_F(Daemon, SG_E_HTTP_MissingCapabilityIs403AndAudited) {
  const CommandResult reply = box().post("viewer", "/v1/runs", R"({"graph_id":"graph:hello"})");
  EXPECT_EQ(status_of(reply), "403");
  const std::string id = member(reply.out, "request_id");
  std::string log;
  for (int i = 0; i < 500 && count(log, id) == 0; ++i) log = box().audit_log();
  EXPECT_EQ(count(log, id), 1U);  // exactly one entry for one request
}

TEST_F(Daemon, SG_I_HTTP_OtherTenantsRunDoesNotExist) {
  const std::string run = run_to_end();
  for (const char* tail : {"", "/steps", "/events"}) {
    EXPECT_EQ(status_of(box().curl("neighbour", {"/v1/runs/" + run + tail})), "404") << tail;
  }
  EXPECT_EQ(status_of(box().curl("neighbour", {"-X", "POST", "/v1/runs/" + run + "/cancel"})), "404");
  EXPECT_FALSE(has(box().curl("neighbour", {"/v1/runs"}).out, run));
}

TEST_F(Daemon, SG_E_HTTP_WorkerLeasesOnlyItsKinds) {
  EXPECT_EQ(status_of(box().post("worker", "/v1/work/lease", R"({"kinds":["demo.a"]})")), "200");
  EXPECT_EQ(status_of(box().post("worker", "/v1/work/lease", R"({"kinds":["soc.enrich"]})")), "403");
  EXPECT_EQ(status_of(box().post("operator", "/v1/work/lease", R"({"kinds":["demo.a"]})")), "403");
}

TEST_F(Daemon, SG_D_HTTP_BodyUnderAtAndOverTheCap) {
  const auto send = [](std::size_t size) {
    std::string body = R"({"graph_id":"graph:hello"})";
    body.append(size - body.size(), ' ');
    return status_of(box().post("operator", "/v1/runs", body));
  };
  EXPECT_EQ(send(4095), "202");
  EXPECT_EQ(send(4096), "202");
  EXPECT_EQ(send(4097), "413");
  EXPECT_EQ(
      status_of(box().curl("operator", {"-H", "Transfer-Encoding: chunked", "-H", "Content-Type: application/json",
                                        "-d", std::string(4097, ' '), "/v1/runs"})),
      "413");
}

TEST_F(Daemon, SG_T_HTTP_TwoLengthsAreRefusedAndTheConnectionEnds) {
  const std::string reply =
      box().raw("operator",
                "POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
                "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(count(reply, "HTTP/1.1 "), 1U) << reply;
  EXPECT_TRUE(has(reply, "400")) << reply;
}

TEST_F(Daemon, SG_T_HTTP_OldVersionsForeignMethodsAndRubbishAreRefused) {
  EXPECT_TRUE(has(box().raw("operator", "GET /health HTTP/1.0\r\n\r\n"), "400"));
  for (const char* method : {"HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH"}) {
    const std::string reply = box().raw("operator", std::string(method) + " /v1/runs HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(has(reply, "405") || has(reply, "400")) << method << reply;
  }
  for (const char* bytes :
       {"rubbish\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "\r\n\r\n\r\n\r\n"}) {
    EXPECT_FALSE(has(box().raw("operator", bytes), " 200 ")) << bytes;
  }
}

TEST_F(Daemon, SG_T_HTTP_ControlCharactersInHeadersAndPathsAreRefused) {
  EXPECT_TRUE(has(box().raw("operator", std::string("GET /health HTTP/1.1\r\nHost: x\r\nX-A: a\x01") + "b\r\n\r\n", {}),
                  "400"));
  using namespace std::string_literals;
  EXPECT_FALSE(has(box().raw("operator", "GET /heal\0th HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"s), " 200 "));
  EXPECT_EQ(status_of(box().curl("operator", {"/v1/runs/%0d%0aX-Evil:%201"})), "404");
}

TEST_F(Daemon, SG_I_HTTP_NoPathTouchesTheFileSystem) {
  for (const char* path : {"/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "/v1/runs/..%2f..%2fetc",
                           "//etc/passwd", "/index.html", "/."}) {
    const CommandResult reply = box().curl("operator", {"--path-as-is", path});
    EXPECT_EQ(status_of(reply), "404") << path;
    EXPECT_FALSE(has(reply.out, "root:"));
  }
}

TEST_F(Daemon, SG_T_HTTP_BadJsonIsRefusedWithoutEcho) {
  const char* const bodies[] = {"{", R"({"graph_id":"canary-7","graph_id":"x"})",
                                R"({"graph_id":"graph:hello","canary-7":1})", R"([1])",
                                "{\"graph_id\":\"\xff canary-7\"}"};
  for (const char* body : bodies) {
    const CommandResult reply = box().post("operator", "/v1/runs", body);
    EXPECT_EQ(status_of(reply), "400") << body;
    EXPECT_FALSE(has(reply.out, "canary-7"));
  }
  EXPECT_EQ(status_of(box().curl("operator", {"-d", "{}", "/v1/runs"})), "400");  // a form, as a browser would send it
}

TEST_F(Daemon, SG_D_HTTP_HeaderFloodIsRefused) {
  EXPECT_FALSE(
      has(box().raw("operator", "GET /health HTTP/1.1\r\nHost: x\r\nX-A: " + std::string(20'000, 'a') + "\r\n\r\n"),
          " 200 "));
}

TEST_F(Daemon, SG_D_HTTP_SilentPeersAreBoundedAndOthersServed) {
  std::vector<int> silent;
  for (int i = 0; i < 64; ++i) silent.push_back(box().dial());  // two times what one address may have
  for (std::size_t i = 0; i < silent.size(); i += 2) static_cast<void>(::send(silent[i], "\x16", 1, MSG_NOSIGNAL));
  // The cap counts those of our address: the first 32 wait, the others are closed at once.
  int closed = 0;
  for (std::size_t i = silent.size(); i > 32; --i) {
    pollfd waiting{silent[i - 1], POLLIN, 0};
    if (::poll(&waiting, 1, 5000) == 1) ++closed;
  }
  EXPECT_EQ(closed, 32);
  // While they are there, from another address.
  EXPECT_EQ(status_of(box().curl("operator", {"--interface", "127.0.0.2", "/health"})), "200");
  for (const int fd : silent) ::close(fd);
  std::string status;  // and from theirs, once the daemon has seen them go
  for (int i = 0; i < 50 && status != "200"; ++i) status = status_of(box().curl("operator", {"/health"}));
  EXPECT_EQ(status, "200");
}

TEST_F(Daemon, SG_D_HTTP_PlainHttpAndTricklesAreClosed) {
  const int plain = box().dial();
  static_cast<void>(::send(plain, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL));
  pollfd waiting{plain, POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 5000), 1);
  char byte = 0;
  EXPECT_LE(::recv(plain, &byte, 1, 0), 0);  // closed, not answered
  ::close(plain);
}

// A hundred connections are open before the first of them asks again, and then all ask at once.
TEST_F(Daemon, SG_D_HTTP_HundredClientsAtOnceAreAllAnswered) {
  constexpr std::size_t kClients = 100;
  constexpr std::size_t kWave = 25;  // of one address no more than 32 may be in their handshake
  std::vector<std::unique_ptr<client::Client>> clients(kClients);
  std::vector<int> answered(kClients);
  const auto all = [](std::size_t from, std::size_t to, const auto& act) {
    std::vector<std::thread> threads;
    for (std::size_t i = from; i < to; ++i) threads.emplace_back([&act, i] { act(i); });
    for (std::thread& thread : threads) thread.join();
  };
  const auto ask = [&](std::size_t i) { answered[i] += clients[i]->get("/v1/graphs").has_value() ? 1 : 0; };
  for (std::size_t wave = 0; wave < kClients; wave += kWave) {
    all(wave, wave + kWave, [&](std::size_t i) {
      const std::string name = i % 2 == 0 ? "operator" : "neighbour";  // 64 connections may be one's
      clients[i] = client::Client::make({.url = box().url(""),
                                         .certificate = box().path(name + ".pem"),
                                         .key = box().path(name + ".key"),
                                         .ca = box().path("ca.pem")})
                       .value();
      ask(i);
    });
  }
  EXPECT_GE(box().connections(), static_cast<int>(kClients));
  all(0, kClients, ask);
  EXPECT_EQ(answered, std::vector<int>(kClients, 2));
}

TEST_F(Daemon, NotYetIsSaidHonestly) {
  const std::string run = run_to_end();
  EXPECT_EQ(status_of(box().post("operator", "/v1/runs/" + run + "/resume", R"({"from_step":1})")), "503");
  EXPECT_TRUE(has(box().curl("operator", {"/v1/runs/" + run + "/stream"}).out, "not-available"));
}

TEST_F(Daemon, SG_E_HTTP_FilterIsOnForEveryThread) {
  std::size_t filtered = 0;
  std::size_t threads = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(box().daemon_pid()) + "/task")) {
    std::ifstream status(task.path() / "status");
    const std::string text{std::istreambuf_iterator<char>(status), std::istreambuf_iterator<char>()};
    ++threads;
    if (has(text, "Seccomp:\t2") && has(text, "NoNewPrivs:\t1")) ++filtered;
  }
  EXPECT_GT(threads, 3U);
  EXPECT_EQ(filtered, threads);
}

// --- refusals to start ---

int start_and_end(Appliance& box, const std::vector<std::string>& flags = {}) {
  box.spawn_daemon(flags);
  return box.wait_notified("READY=1") ? -1000 : box.daemon().wait();
}

TEST(DaemonStart, WithoutInheritedSocketItRefuses) {
  const CommandResult result =
      run_command({std::string(STARGRAPH_PROGRAMS) + "/stargraphd", "--config", "/nonexistent"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_TRUE(has(result.err, "no-inherited-socket")) << result.err;
}

TEST(DaemonStart, EachRefusalHasItsReason) {
  Appliance::Options options;
  options.start = false;
  Appliance box(STARGRAPH_PROGRAMS, options);
  EXPECT_EQ(start_and_end(box), 6);  // no audit writer listens: it does not accept, so the welcome never comes
  box.start_auditd();
  struct Case {
    std::function<void()> spoil;
    std::function<void()> mend;
    std::string reason;
  };
  const auto mode = [&](const char* name, mode_t bits) {
    return [&box, name, bits] { ::chmod(box.path(name).c_str(), bits); };
  };
  Appliance::Options cleared = options;
  cleared.profile = "cleared";
  Appliance::Options chosen = cleared;
  chosen.more = "side_effects: deny\n";
  const std::vector<Case> cases{
      {mode("stargraph.yaml", 0666), mode("stargraph.yaml", 0600), "mode-too-wide"},
      {mode("state", 0755), mode("state", 0700), "mode-too-wide"},
      {mode("state.key", 0640), mode("state.key", 0600), "mode-too-wide"},
      {mode("server.key", 0644), mode("server.key", 0600), "mode-too-wide"},
      {mode("audit.pub.pem", 0666), mode("audit.pub.pem", 0644), "mode-too-wide"},
      {[&] { box.replace_config(cleared); }, [&] { box.replace_config(options); }, "side-effects-not-chosen"},
      {[&] { box.replace_config(chosen); }, [&] { box.replace_config(options); }, "policy pack"},
  };
  for (const Case& one : cases) {
    one.spoil();
    EXPECT_EQ(start_and_end(box), 7) << one.reason;
    const std::string log = box.daemon_log();
    EXPECT_TRUE(has(log.substr(log.rfind("<2>")), one.reason)) << log;
    one.mend();
  }
  box.start_daemon();
  EXPECT_EQ(box.stop(), 0);
  EXPECT_EQ(start_and_end(box, {"--check-config"}), 0);
}

}  // namespace
}  // namespace stargraph::test
