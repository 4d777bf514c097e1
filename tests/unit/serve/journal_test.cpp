// Entries of requests: exactly one each, and no more than a principal's refusals deserve.
#include "serve/journal.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "stargraph/audit/audit_store.hpp"
#include "stargraph/base/memory_env.hpp"
#include "stargraph/crypto/fips.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr base::Timestamp kStart{std::chrono::seconds(1'800'000'000)};

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(crypto::initialise(crypto::FipsMode::kOff));
    env_.set_now(kStart);
    auto database =
        store::Database::open(directory_ / "state.db", crypto::Secret::random(32), audit::audit_migrations());
    ASSERT_TRUE(database.has_value()) << database.error().message;
    database_ = *std::move(database);
    ledger_ = *store::Ledger::manual(*database_);
    journal_ = make(false);
    config::Config config;
    config.profile = config::Profile::kOssDefault;
    gate_ = std::make_shared<const policy::Gate>(*policy::Gate::make(config));
    principal_.name = base::ActorName("mallory");
    principal_.tenant = base::TenantId("soc");
  }
  std::unique_ptr<Journal> make(bool relaxed) {
    return std::make_unique<Journal>(env_, *ledger_, [this] { ++committed_; }, relaxed);
  }
  Asked ask(const std::string& path = "/v1/runs", std::string_view method = "GET") {
    Asked asked;
    asked.request_id = base::make_uuid7(env_);
    asked.method = method;
    asked.path = path;
    asked.gate = gate_;
    asked.principal = &principal_;
    asked.fingerprint = std::string(96, 'a');
    if (auto match = match_route(method, path)) asked.match = *std::move(match);
    return asked;
  }
  // The records in the outbox, decoded.
  std::vector<audit::Event> events() {
    std::vector<audit::Event> found;
    const auto read = [&](store::Connection& connection) -> Result<> {
      SG_TRY(const auto rows, audit::outbox_rows(connection, audit::SourceSeq(0), 100'000));
      for (const audit::OutboxRow& row : rows) {
        SG_TRY(audit::Record record, audit::decode_record(row.record));
        found.push_back(std::move(record.event));
      }
      return {};
    };
    EXPECT_TRUE(database_->read(read));
    return found;
  }
  static std::string text(const audit::Event& event, const char* name) {
    const json::Value* const value = event.data.find(name);
    return value != nullptr && value->string() != nullptr ? *value->string() : "";
  }
  static std::int64_t number(const json::Object& data, const char* name) {
    const json::Value* const value = data.find(name);
    return value != nullptr && value->integer() != nullptr ? *value->integer() : 0;
  }

  test::TempDir directory_;
  base::MemoryEnv env_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<store::Ledger> ledger_;
  std::unique_ptr<Journal> journal_;
  std::shared_ptr<const policy::Gate> gate_;
  policy::Principal principal_;
  int committed_ = 0;
};

TEST_F(JournalTest, WhatIsAnsweredHasItsEntryBeforeTheReply) {
  const Asked asked = ask();
  const Response reply = carry_out(*journal_, asked, [&]() -> Result<Response> {
    EXPECT_TRUE(events().empty());
    return json_response(200, json::Object{});
  });
  EXPECT_EQ(reply.status, 200);
  ASSERT_EQ(events().size(), 1U);
  EXPECT_EQ(events()[0].outcome, audit::Outcome::kSuccess);
  EXPECT_EQ(text(events()[0], "request_id"), asked.request_id);
  EXPECT_EQ(committed_, 1);
}

TEST_F(JournalTest, SG_R_HTTP_AHandlerThatThrowsLeavesExactlyOneEntry) {
  const Asked asked = ask();
  const Response reply =
      carry_out(*journal_, asked, []() -> Result<Response> { throw std::length_error("quotes the peer"); });
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body.find("quotes"), std::string::npos);
  ASSERT_EQ(events().size(), 1U);
  EXPECT_EQ(events()[0].outcome, audit::Outcome::kFailure);
  EXPECT_EQ(text(events()[0], "code"), "internal");
  EXPECT_EQ(text(events()[0], "request_id"), asked.request_id);
}

TEST_F(JournalTest, SG_R_HTTP_WhoeverLeavesWithoutClosingLeavesExactlyOneEntry) {
  const Asked asked = ask();
  const auto leave_early = [&] { const RequestEntry entry(*journal_, asked); };
  leave_early();
  ASSERT_EQ(events().size(), 1U);
  EXPECT_EQ(events()[0].outcome, audit::Outcome::kFailure);
  EXPECT_EQ(text(events()[0], "code"), "internal");
}

TEST_F(JournalTest, SG_R_HTTP_ARefusalSaysWhoWasDeniedWhat) {
  const Asked asked = ask("/v1/runs", "POST");
  const Response reply = carry_out(*journal_, asked, []() -> Result<Response> {
    return fail(Code::kCapabilityDenied, "request: capability: not granted");
  });
  EXPECT_EQ(reply.status, 403);
  ASSERT_EQ(events().size(), 1U);
  EXPECT_EQ(events()[0].outcome, audit::Outcome::kDenied);
  EXPECT_EQ(events()[0].actor.str(), "mallory");
  EXPECT_EQ(text(events()[0], "capability"), "runs:start");
  EXPECT_EQ(text(events()[0], "code"), "capability-denied");
}

TEST_F(JournalTest, SG_R_HTTP_NoReplyWithoutItsEntry) {
  const Asked asked = ask();
  // Somebody took the counter away: the entry cannot be written.
  ASSERT_TRUE(ledger_->run([](store::Connection& connection) -> Result<> {
    SG_TRY(auto drop, connection.query("DELETE FROM audit_source"));
    return drop.run();
  }));
  const Response reply =
      carry_out(*journal_, asked, []() -> Result<Response> { return json_response(200, json::Object{{"a", "b"}}); });
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.code, "audit-unavailable");
  EXPECT_GT(reply.retry_after, 0);
  EXPECT_EQ(reply.body.find("\"a\""), std::string::npos);
}

TEST_F(JournalTest, ARelaxedReadIsQueuedAndAChangeIsNot) {
  journal_ = make(true);
  const auto done = []() -> Result<Response> { return json_response(200, json::Object{}); };
  static_cast<void>(carry_out(*journal_, ask(), done));
  EXPECT_TRUE(events().empty());
  ASSERT_TRUE(ledger_->pump());
  EXPECT_EQ(events().size(), 1U);
  EXPECT_EQ(committed_, 1);
  static_cast<void>(carry_out(*journal_, ask("/v1/runs", "POST"), done));
  EXPECT_EQ(events().size(), 2U);
}

// What 10,000 refusals leave: so many entries that they cannot fill a log, whose counts tell every one of them.
TEST_F(JournalTest, RC_D_POLICY_TenThousandRefusalsLeaveFewEntriesThatAddUp) {
  constexpr int kRefusals = 10'000;
  std::string last;
  for (int i = 0; i < kRefusals; ++i) {
    const Asked asked = ask(i % 2 == 0 ? "/v1/runs" : "/nothing/" + std::to_string(i));
    last = asked.request_id;
    const Response reply = carry_out(*journal_, asked, [&]() -> Result<Response> {
      return fail(i % 2 == 0 ? Code::kRateLimited : Code::kNotFound, "request: refused");
    });
    EXPECT_GE(reply.status, 400);
    env_.advance(std::chrono::milliseconds(5));  // 50 s in all
    ASSERT_TRUE(journal_->tell_counted(false));
  }
  ASSERT_TRUE(journal_->tell_counted(true));
  std::int64_t told = 0;
  std::int64_t limited = 0;
  std::int64_t unrouted = 0;
  const std::vector<audit::Event> entries = events();
  for (const audit::Event& event : entries) {
    EXPECT_EQ(event.actor.str(), "mallory");
    EXPECT_EQ(event.outcome, audit::Outcome::kFailure);
    const std::int64_t count = number(event.data, "count");
    told += count == 0 ? 1 : count;
    if (count == 0) {
      limited += text(event, "code") == "rate-limited" ? 1 : 0;
      unrouted += text(event, "route").starts_with("/nothing/") ? 1 : 0;
      continue;
    }
    EXPECT_FALSE(text(event, "from").empty());
    limited += number(*event.data.find("codes")->object(), "rate-limited");
    unrouted += number(*event.data.find("routes")->object(), "-");
  }
  EXPECT_EQ(told, kRefusals);
  EXPECT_EQ(limited, kRefusals / 2);
  EXPECT_EQ(unrouted, kRefusals / 2);
  // 60 at once, one a second, one summary in ten seconds, one at the end.
  EXPECT_LE(entries.size(), 60U + 50U + 5U + 1U);
  EXPECT_EQ(text(entries.back(), "last_request_id"), last);
}

TEST_F(JournalTest, RC_D_POLICY_OnesFloodTakesNothingFromAnother) {
  const auto refuse = []() -> Result<Response> { return fail(Code::kNotFound, "request: refused"); };
  for (int i = 0; i < 200; ++i) static_cast<void>(carry_out(*journal_, ask(), refuse));
  policy::Principal other = principal_;
  other.name = base::ActorName("alice");
  Asked asked = ask();
  asked.principal = &other;
  static_cast<void>(carry_out(*journal_, asked, refuse));
  EXPECT_EQ(events().back().actor.str(), "alice");
  EXPECT_EQ(text(events().back(), "request_id"), asked.request_id);
}

TEST_F(JournalTest, RC_R_AUDIT_WhatIsCarriedOutIsNeverCounted) {
  const auto refuse = []() -> Result<Response> { return fail(Code::kNotFound, "request: refused"); };
  for (int i = 0; i < 100; ++i) static_cast<void>(carry_out(*journal_, ask(), refuse));
  const std::size_t before = events().size();
  for (int i = 0; i < 100; ++i) {
    static_cast<void>(
        carry_out(*journal_, ask(), []() -> Result<Response> { return json_response(200, json::Object{}); }));
  }
  EXPECT_EQ(events().size(), before + 100);
}

TEST_F(JournalTest, RC_R_AUDIT_ASummaryThatCannotBeWrittenIsKept) {
  const auto refuse = []() -> Result<Response> { return fail(Code::kNotFound, "request: refused"); };
  for (int i = 0; i < 100; ++i) static_cast<void>(carry_out(*journal_, ask(), refuse));
  const auto sql = [&](const std::string& text) {
    ASSERT_TRUE(ledger_->run([&](store::Connection& connection) -> Result<> {
      SG_TRY(auto statement, connection.query(text));
      return statement.run();
    }));
  };
  const std::string last = std::to_string(events().size());
  sql("DELETE FROM audit_source");
  EXPECT_FALSE(journal_->tell_counted(true));
  static_cast<void>(carry_out(*journal_, ask(), refuse));  // counted meanwhile
  sql("INSERT INTO audit_source (id, last_seq) VALUES (1, " + last + ")");
  ASSERT_TRUE(journal_->tell_counted(true));
  EXPECT_EQ(number(events().back().data, "count"), 41);
}

}  // namespace
}  // namespace stargraph::serve
