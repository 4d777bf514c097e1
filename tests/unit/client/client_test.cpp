#include "stargraph/client/client.hpp"

#include <gtest/gtest.h>

#include "stargraph/base/memory_env.hpp"

namespace stargraph::client {
namespace {

using base::Code;

Endpoint endpoint(const std::string& url) { return {url, "/c.pem", "/k.pem", "/ca.pem"}; }

TEST(Endpoint, SG_S_HTTP_TakesHttpsWithHostAndPortOnly) {
  EXPECT_TRUE(check_endpoint(endpoint("https://box:8443")).has_value());
  EXPECT_TRUE(check_endpoint(endpoint("https://[::1]:8443")).has_value());
  for (const char* bad : {"", "box:8443", "http://box:8443", "https://", "https://box/x", "https://u:p@box",
                          "https://box?x", "https://box#x", "https://box\r\n", "HTTPS://box"}) {
    EXPECT_EQ(check_endpoint(endpoint(bad)).error().code, Code::kConfigInvalid) << bad;
  }
  EXPECT_EQ(check_endpoint({"https://box", "", "/k", "/ca"}).error().code, Code::kConfigMissing);
}

TEST(Endpoint, ReadsAStrictFile) {
  base::MemoryEnv env;
  ASSERT_TRUE(
      env.write_file("/c.yaml", base::as_bytes("url: https://box:8443\ncertificate: /c\nkey: /k\nca: /a\n"), 0644)
          .has_value());
  EXPECT_EQ(load_endpoint(env, "/c.yaml").value().url, "https://box:8443");
  ASSERT_TRUE(
      env.write_file("/c.yaml",
                     base::as_bytes("url: https://box:8443\ncertificate: /c\nkey: /k\nca: /a\ninsecure: true\n"), 0644)
          .has_value());
  EXPECT_EQ(load_endpoint(env, "/c.yaml").error().code, Code::kConfigInvalid);
  ASSERT_TRUE(env.write_file("/c.yaml", base::as_bytes("url: https://box:8443\n"), 0644).has_value());
  EXPECT_EQ(load_endpoint(env, "/c.yaml").error().code, Code::kConfigInvalid);
}

TEST(PercentEncode, LeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("a/b?c#d%\r\n"), "a%2Fb%3Fc%23d%25%0D%0A");
  EXPECT_EQ(percent_encode("\xc3\xa9"), "%C3%A9");
}

TEST(Client, RefusesAHeaderWithALineBreak) {
  auto daemon = Client::make(endpoint("https://127.0.0.1:1")).value();
  EXPECT_EQ(daemon->post("/v1/runs", json::Object{}, {{"Idempotency-Key", "a\r\nX: y"}}).error().code, Code::kUsage);
}

TEST(Client, SaysUnavailableWhenNobodyListensOrKeysAreAbsent) {
  auto daemon = Client::make(endpoint("https://127.0.0.1:1")).value();
  EXPECT_EQ(daemon->get("/health").error().exit_code(), base::kExitUnavailable);
}

}  // namespace
}  // namespace stargraph::client
