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

}  // namespace
}  // namespace stargraph::test
