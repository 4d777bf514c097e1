// Queries, error bodies, ClientHellos and the time floor.
#include "serve/http.hpp"

#include <gtest/gtest.h>

#include <array>

#include "serve/lobby.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/serve/serve_store.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::serve {
namespace {

using base::Code;

TEST(Query, ReadsWhatIsAskedFor) {
  auto query = Query::parse("status=done&limit=7&since=2026-01-01T00%3A00%3A00Z");
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->text("status"), "done");
  EXPECT_EQ(query->integer("limit", 1, 10), 7);
  EXPECT_EQ(query->text("since"), "2026-01-01T00:00:00Z");
  EXPECT_FALSE(query->text("until").has_value());
  EXPECT_TRUE(query->finish().has_value());
}

TEST(Query, SG_T_HTTP_RefusesWhatIsNotPlain) {
  for (const char* text : {"a", "=b", "a=1&a=2", "a=1&&b=2", "a=%zz", "a=%0", "a=%00", "a=%0d%0a", "a=%ff", "a=\x7f"}) {
    EXPECT_FALSE(Query::parse(text).has_value()) << text;
  }
  std::string many;
  for (int i = 0; i < 33; ++i) many += "n" + std::to_string(i) + "=1&";
  EXPECT_FALSE(Query::parse(many).has_value());
}

TEST(Query, RefusesUnknownNamesAndNumbersOutOfRange) {
  auto unknown = Query::parse("other=1");
  ASSERT_TRUE(unknown.has_value());
  EXPECT_FALSE(unknown->finish().has_value());
  for (const char* text : {"limit=0", "limit=11", "limit=1x", "limit=", "limit=-1", "limit=99999999999999999999"}) {
    auto query = Query::parse(text);
    ASSERT_TRUE(query.has_value()) << text;
    EXPECT_FALSE(query->integer("limit", 1, 10).has_value()) << text;
    EXPECT_FALSE(query->finish().has_value()) << text;
  }
}

TEST(ErrorBody, SG_I_HTTP_EveryCodeHasAFixedTextAndNothingElse) {
  for (const base::Reason& reason : base::reason_table()) {
    const Response response = error_response(reason.code, "request-1");
    EXPECT_EQ(response.status, reason.http_status);
    const auto body = json::parse(response.body);
    ASSERT_TRUE(body.has_value());
    EXPECT_EQ(body->object()->size(), 3U);
    EXPECT_EQ(*body->object()->find("code")->string(), reason.name);
    EXPECT_FALSE(body->object()->find("detail")->string()->empty());
  }
}

TEST(ErrorBody, SG_I_HTTP_OnlyAFullTenantIsToldMoreThanTheCode) {
  const base::Error full{base::Code::kTenantFull, "9 of 10 bytes"};
  const Response response = error_response(full, "request-1");
  EXPECT_EQ(response.status, 507);
  EXPECT_EQ(response.code, "tenant-full");
  EXPECT_EQ(response.retry_after, 60);
  EXPECT_EQ(response.body, R"({"detail":"9 of 10 bytes","code":"tenant-full","request_id":"request-1"})");
  for (const base::Reason& reason : base::reason_table()) {
    if (reason.code == base::Code::kTenantFull) continue;
    EXPECT_EQ(error_response(base::Error{reason.code, "secret"}, "r").body, error_response(reason.code, "r").body);
  }
}

Hello judge(std::initializer_list<unsigned> bytes, std::size_t available) {
  std::array<unsigned char, 5> head{};
  std::size_t seen = 0;
  for (const unsigned byte : bytes) head.at(seen++) = static_cast<unsigned char>(byte);
  return judge_hello(head.data(), seen, available);
}

TEST(Lobby, SG_D_HTTP_OnlyAWholeHandshakeRecordIsReady) {
  EXPECT_EQ(judge({22}, 1), Hello::kPartial);
  EXPECT_EQ(judge({22, 3, 1, 0, 10}, 14), Hello::kPartial);
  EXPECT_EQ(judge({22, 3, 1, 0, 10}, 15), Hello::kWhole);
  EXPECT_EQ(judge({22, 3, 1, 0x40, 0}, 16'389), Hello::kWhole);
  EXPECT_EQ(judge({22, 3, 1, 0x40, 1}, 16'390), Hello::kForeign);
  EXPECT_EQ(judge({22, 3, 1, 0, 0}, 5), Hello::kForeign);
  EXPECT_EQ(judge({'G'}, 1), Hello::kForeign);
  EXPECT_EQ(judge({22, 2}, 2), Hello::kForeign);
}

TEST(TimeFloor, SG_T_STATE_ClockSetBackIsRefusedUntilAccepted) {
  const test::TempDir dir;
  const crypto::Secret key = crypto::Secret::random(32);
  auto database = store::Database::open(dir / "t.db", key, serve_migrations());
  ASSERT_TRUE(database.has_value()) << database.error().message;
  auto connection = (*database)->writer();
  ASSERT_TRUE(connection.has_value());
  const base::Timestamp noon = base::from_micros(1'800'000'000'000'000);
  const base::Timestamp before = noon - std::chrono::seconds(1);
  EXPECT_TRUE(check_clock(*connection, before).has_value());
  ASSERT_TRUE(raise_clock(*connection, noon).has_value());
  ASSERT_TRUE(raise_clock(*connection, before).has_value());
  EXPECT_TRUE(check_clock(*connection, noon).has_value());
  const auto refused = check_clock(*connection, before);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kClockBehind);
  ASSERT_TRUE(accept_clock(*connection, before).has_value());
  EXPECT_TRUE(check_clock(*connection, before).has_value());
}

}  // namespace
}  // namespace stargraph::serve
