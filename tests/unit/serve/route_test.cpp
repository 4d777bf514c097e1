// The route table, and docs/openapi.json beside it.
#include <gtest/gtest.h>

#include <set>

#include "stargraph/json/parse.hpp"
#include "stargraph/serve/route.hpp"
#include "stargraph/serve/server.hpp"

namespace stargraph::serve {
namespace {

using base::Code;

TEST(RouteTable, RC_I_SPEC_DocumentAndRoutesAreTheSame) {
  const auto document = json::parse(openapi_document());
  ASSERT_TRUE(document.has_value()) << document.error().message;
  std::set<std::string> documented;
  for (const auto& [path, operations] : *document->object()->find("paths")->object()) {
    for (const auto& [method, operation] : *operations.object()) {
      const json::Value* const capability = operation.object()->find("x-capability");
      documented.insert(method + " " + path + " " + (capability->string() != nullptr ? *capability->string() : "-"));
    }
  }
  std::set<std::string> routed;
  for (const Route& route : routes()) {
    const std::string capability = route.capability ? std::string(policy::capability_name(*route.capability)) : "-";
    routed.insert((route.method == Method::kGet ? "get " : "post ") + std::string(route.pattern) + " " + capability);
  }
  EXPECT_EQ(documented, routed);
}

TEST(RouteTable, EveryChangeNeedsACapability) {
  for (const Route& route : routes()) {
    EXPECT_EQ(route.method == Method::kPost, route.act != Act::kRead) << route.pattern;
    if (route.act != Act::kRead) {
      EXPECT_TRUE(route.capability.has_value()) << route.pattern;
    }
  }
}

TEST(RouteMatch, GivesParameters) {
  const auto match = match_route("POST", "/v1/runs/abc-1/cancel");
  ASSERT_TRUE(match.has_value());
  ASSERT_EQ(match->parameters.size(), 1U);
  EXPECT_EQ(match->parameters[0].first, "run");
  EXPECT_EQ(match->parameters[0].second, "abc-1");
}

TEST(RouteMatch, FixedPartWinsOverAName) {
  const auto match = match_route("POST", "/v1/work/lease");
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->route->pattern, "/v1/work/lease");
}

TEST(RouteMatch, SG_I_HTTP_OddPathsAreNotThere) {
  for (const char* path : {"", "v1/runs", "/", "//v1/runs", "/v1/runs/", "/v1/runs/..", "/v1/./runs", "/v1/runs/%2e",
                           "/v1/runs/a b", "/v1/runs/a\x01", "/V1/runs", "/v1/runs/a/b/c", "*"}) {
    const auto match = match_route("GET", path);
    ASSERT_FALSE(match.has_value()) << path;
    EXPECT_EQ(match.error().code, Code::kNotFound) << path;
  }
  EXPECT_FALSE(match_route("GET", "/v1/runs/" + std::string(600, 'a')).has_value());
}

TEST(RouteMatch, SG_E_HTTP_OtherMethodsAreRefused) {
  for (const char* method : {"HEAD", "OPTIONS", "TRACE", "PUT", "get", "", "CONNECT"}) {
    const auto match = match_route(method, "/v1/runs");
    ASSERT_FALSE(match.has_value()) << method;
    EXPECT_EQ(match.error().code, Code::kMethodNotAllowed) << method;
  }
}

}  // namespace
}  // namespace stargraph::serve
