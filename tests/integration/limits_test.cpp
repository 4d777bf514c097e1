// Limits of connections and requests through the real listener: just under, at
// and over.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "integration/answer.hpp"
#include "integration/appliance.hpp"
#include "stargraph/client/client.hpp"

namespace stargraph::test {
namespace {

using base::Code;

// A client that keeps its connection; nothing when it was not served.
std::unique_ptr<client::Client> join(const Appliance& box, const std::string& name) {
  auto made = client::Client::make({.url = box.url(""),
                                    .certificate = box.path(name + ".pem"),
                                    .key = box.path(name + ".key"),
                                    .ca = box.path("ca.pem")});
  if (!made || !(*made)->get("/v1/graphs").has_value()) return nullptr;
  return *std::move(made);
}

// The daemon hears of an end a moment later than we.
std::unique_ptr<client::Client> join_at_last(const Appliance& box, const std::string& name) {
  for (int i = 0; i < 500; ++i) {
    if (auto joined = join(box, name)) return joined;
  }
  return nullptr;
}

TEST(DaemonLimits, SG_D_HTTP_ConnectionsOfOneCertificateUnderAtAndOver) {
  Appliance::Options options;
  options.limits = "  connections_per_principal: 2\n";
  Appliance box(STARGRAPH_PROGRAMS, options);
  auto first = join(box, "operator");
  const auto second = join(box, "operator");
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_FALSE(join(box, "operator"));
  EXPECT_TRUE(join(box, "viewer"));
  EXPECT_TRUE(first->get("/v1/graphs").has_value());
  EXPECT_TRUE(second->get("/v1/graphs").has_value());
  first.reset();
  EXPECT_TRUE(join_at_last(box, "operator"));
  EXPECT_EQ(box.stop(), 0);
  EXPECT_TRUE(has(box.audit_log(), R"("causes":{"certificate":)")) << "what was refused is told with its cause";
}

// Nothing is asked, so nobody is known but by the certificate: each held a
// thread and counted as nobody's.
TEST(DaemonLimits, SG_D_HTTP_ConnectionsThatAskNothingAreCountedToo) {
  Appliance::Options options;
  options.limits = "  connections_per_principal: 2\n  http_request_ms: 60000\n";
  Appliance box(STARGRAPH_PROGRAMS, options);
  std::vector<std::future<std::string>> silent;  // each until the daemon ends it, or itself
  for (int i = 0; i < 8; ++i)
    silent.push_back(std::async(std::launch::async, [&box] { return box.raw("operator", ""); }));
  const auto ended = [&] {
    int count = 0;
    for (const auto& one : silent)
      count += one.wait_for(std::chrono::milliseconds(10)) == std::future_status::ready ? 1 : 0;
    return count;
  };
  int count = 0;
  for (int i = 0; i < 500 && count < 6; ++i) count = ended();
  EXPECT_EQ(count, 6);  // two stay
  EXPECT_TRUE(join(box, "viewer"));
  EXPECT_EQ(box.stop(), 0);
  for (auto& one : silent) EXPECT_EQ(one.get(), "");
}

// Two certificates of one principal, neither over its own limit.
TEST(DaemonLimits, SG_D_HTTP_ConnectionsOfOnePrincipalUnderAtAndOver) {
  Appliance::Options options;
  options.limits = "  connections_per_principal: 2\n";
  Appliance box(STARGRAPH_PROGRAMS, options);
  box.issue("spare", "ca", {"-addext", "subjectAltName=URI:stargraph:operator"});
  auto first = join(box, "operator");
  const auto second = join(box, "spare");
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  const CommandResult third = box.curl("spare", {"/v1/graphs"});
  EXPECT_EQ(status_of(third), "503") << third.out;
  EXPECT_TRUE(has(third.out, R"("code":"busy")")) << third.out;
  first.reset();
  EXPECT_TRUE(join_at_last(box, "operator"));
  EXPECT_EQ(box.stop(), 0);
}

TEST(DaemonLimits, SG_D_HTTP_ConnectionsInServiceUnderAtAndOver) {
  Appliance::Options options;
  options.limits = "  connections_in_service: 3\n  http_request_ms: 60000\n";
  Appliance box(STARGRAPH_PROGRAMS, options);
  std::vector<std::unique_ptr<client::Client>> in_service;
  for (int i = 0; i < 3; ++i) {
    in_service.push_back(join(box, "operator"));
    ASSERT_TRUE(in_service.back()) << i;
  }
  auto over = std::async(std::launch::async, [&box] { return join(box, "viewer"); });
  EXPECT_EQ(over.wait_for(std::chrono::milliseconds(500)),
            std::future_status::timeout);  // it waits its turn ...
  in_service.pop_back();
  EXPECT_TRUE(over.get());  // ... and then has it
  EXPECT_EQ(box.stop(), 0);
}

TEST(DaemonLimits, SG_D_HTTP_ChangesOverTheRateAre429WithRetryAfter) {
  Appliance::Options options;
  options.limits = "  changes_burst: 3\n  changes_per_second: 1\n";
  Appliance box(STARGRAPH_PROGRAMS, options);
  std::string last;
  for (int i = 0; i < 30 && !has(last, "\n429"); ++i) {
    last =
        box.curl("operator", {"-i", "-H", "Content-Type: application/json", "-d", R"({"graph_id":"none"})", "/v1/runs"})
            .out;
  }
  EXPECT_TRUE(has(last, "\n429")) << last;
  EXPECT_TRUE(has(last, "Retry-After: ")) << last;
}

// Through the real listener: who fills the budget is told so, its neighbour goes on, and the journal says it once.
TEST(DaemonLimits, SG_D_STATE_ATenantFillsItsOwnBudgetOnly) {
  Appliance::Options options;
  options.limits = "  tenant_record_bytes: 1048576\n";
  options.start = false;
  Appliance box(STARGRAPH_PROGRAMS, options);
  box.add_graph("say.yaml",
                "ir_version: \"1.0.0\"\nid: \"graph:say\"\nnodes: [{id: a, kind: echo}, {id: b, kind: halt}]\n"
                "state_schema: {message: str}\n");
  box.start_auditd();
  box.start_daemon();
  const std::string body = R"({"graph_id":"graph:say","params":{"message":")" + std::string(100'000, 'm') + R"("}})";
  std::string refused;
  for (int i = 0; i < 12 && refused.empty(); ++i) {
    const CommandResult answer = box.post("operator", "/v1/runs", body);
    if (!answer.out.ends_with("202")) refused = answer.out;
  }
  EXPECT_TRUE(refused.ends_with("507")) << refused;
  EXPECT_TRUE(has(refused, "the records of tenant alpha hold ")) << refused;
  EXPECT_TRUE(has(refused, " bytes of its budget of 1048576 bytes")) << refused;
  EXPECT_TRUE(has(refused, R"("code":"tenant-full")")) << refused;
  EXPECT_TRUE(box.post("neighbour", "/v1/runs", body).out.ends_with("202"));
  const std::string listed = box.curl("operator", {"/v1/runs?limit=1"}).out;
  EXPECT_TRUE(has(listed, R"("record_bytes_limit":1048576)")) << listed;
  EXPECT_FALSE(has(listed, R"("record_bytes":0,)")) << listed;
  EXPECT_TRUE(has(box.curl("operator", {"/metrics"}).out, "\nstargraph_tenant_record_bytes_limit 1048576\n"));
  for (int i = 0; i < 200 && !has(box.daemon_log(), "tenant alpha"); ++i)
    static_cast<void>(box.curl("operator", {"/v1/graphs"}));
  EXPECT_EQ(box.stop(), 0);
  EXPECT_TRUE(has(box.daemon_log(), "tenant alpha: its records hold ")) << box.daemon_log();
  EXPECT_FALSE(has(box.daemon_log(), "tenant beta")) << box.daemon_log();
}

}  // namespace
}  // namespace stargraph::test
