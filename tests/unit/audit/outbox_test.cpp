// Outbox and shipper over a real database and a server in a thread.
#include "stargraph/audit/shipper.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "stargraph/audit/audit_store.hpp"
#include "stargraph/audit/server.hpp"
#include "support/temp_dir.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::Result;
using test::make_event;
using test::verify_text;

constexpr base::Duration kLong = std::chrono::seconds(30);

class AuditOutbox : public ::testing::Test {
 protected:
  void SetUp() override {
    auto database = store::Database::open(directory_ / "state.db", crypto::Secret::random(32), audit_migrations());
    ASSERT_TRUE(database.has_value()) << database.error().message;
    database_ = std::move(*database);
    ledger_ = std::move(*store::Ledger::start(*database_, {}));
    writer_ = std::move(*log_.open());
    wake_ = ::eventfd(0, EFD_CLOEXEC);
  }
  void TearDown() override {
    shipper_.reset();
    stop_server();
    ledger_.reset();
    ::close(wake_);
  }
  void start_server() {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    server_ = std::make_unique<Server>(*writer_, std::vector<Server::Listener>{});
    server_->adopt(ends[1], Source::kDaemon);
    stopping_ = false;
    thread_ = std::thread([this] {
      while (!stopping_ && server_->turn(std::chrono::hours(1), wake_).has_value()) {
      }
      server_.reset();
    });
    auto client = Client::adopt(ends[0], Source::kDaemon, test::audit_public_key(), kLong);
    ASSERT_TRUE(client.has_value()) << client.error().message;
    client_ = std::move(*client);
  }
  void stop_server() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    std::uint64_t one = 1;
    ASSERT_EQ(::write(wake_, &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
    thread_.join();
    ASSERT_EQ(::read(wake_, &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
  }
  Result<> make_shipper(std::optional<SourceSeq> resumes_after = {}) {
    auto shipper = Shipper::make(log_.env, *database_, *ledger_, std::move(client_), {}, resumes_after);
    if (!shipper) return std::unexpected(shipper.error());
    shipper_ = std::move(*shipper);
    return {};
  }
  Result<> append_one(const Event& event = make_event()) {
    return ledger_->run([&](store::Connection& connection) { return append(connection, event, log_.env.now()); });
  }
  SourceSeq last() {
    SourceSeq number;
    const auto read = [&](store::Connection& connection) -> Result<> {
      SG_TRY(number, outbox_last(connection));
      return {};
    };
    EXPECT_TRUE(database_->read(read).has_value());
    return number;
  }

  stargraph::test::TempDir directory_;
  test::Log log_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<store::Ledger> ledger_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Shipper> shipper_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  int wake_ = -1;
};

// Law 3: an act that is rolled back takes its record and its number with it.
TEST_F(AuditOutbox, SG_R_STATE_RolledBackActLeavesNoRecordAndNoGap) {
  ASSERT_TRUE(append_one().has_value());
  const auto failed = ledger_->run([&](store::Connection& connection) -> Result<> {
    SG_TRY(append(connection, make_event(), log_.env.now()));
    return base::fail(Code::kInternal, "the act failed");
  });
  EXPECT_FALSE(failed.has_value());
  EXPECT_EQ(last(), SourceSeq(1));
  ASSERT_TRUE(append_one().has_value());
  EXPECT_EQ(last(), SourceSeq(2));
}

TEST_F(AuditOutbox, SG_R_STATE_AnActWhoseRecordIsRefusedFails) {
  Event event = make_event(EventName::kRequest, "soc", {{"ratio", 0.5}});
  EXPECT_EQ(append_one(event).error().code, Code::kNumberRange);
  EXPECT_EQ(last(), SourceSeq(0));
}

TEST_F(AuditOutbox, SG_R_HTTP_CommittedRecordsReachTheLog) {
  start_server();
  ASSERT_TRUE(make_shipper().has_value());
  for (int i = 0; i < 300; ++i) {
    ledger_->post(
        [&](store::Connection& connection) {
          return append(connection, make_event(EventName::kRequest), log_.env.now());
        },
        {});
  }
  ASSERT_TRUE(append_one().has_value());
  ASSERT_TRUE(shipper_->ship().has_value());
  EXPECT_EQ(shipper_->head().source_seq, SourceSeq(301));
  EXPECT_EQ(shipper_->lag().entries, 0);
  EXPECT_TRUE(shipper_->wait_shipped(SourceSeq(301), kLong).has_value());
  stop_server();
  const Report report = verify_text(log_.segment());
  EXPECT_TRUE(report.good());
  EXPECT_EQ(writer_->chain().last_of(Source::kDaemon), SourceSeq(301));
}

TEST_F(AuditOutbox, TheThreadShipsWhatIsCommitted) {
  start_server();
  ASSERT_TRUE(make_shipper().has_value());
  shipper_->start([](const base::Error&) {});
  SourceSeq number;
  const auto act = [&](store::Connection& connection) -> Result<> {
    SG_TRY(number, append_numbered(connection, make_event(), log_.env.now()));
    return {};
  };
  ASSERT_TRUE(ledger_->run(act).has_value());
  EXPECT_TRUE(shipper_->wait_shipped(number, kLong).has_value());
  ASSERT_TRUE(ledger_->run(act).has_value());
  shipper_->stop();  // ships what is committed before it ends
  EXPECT_EQ(shipper_->head().source_seq, SourceSeq(2));
}

TEST_F(AuditOutbox, LagCountsWhatIsNotAcknowledged) {
  ASSERT_TRUE(append_one().has_value());
  ASSERT_TRUE(append_one().has_value());
  log_.env.advance(std::chrono::seconds(3));
  start_server();
  ASSERT_TRUE(make_shipper().has_value());
  EXPECT_EQ(shipper_->lag().entries, 2);
  EXPECT_EQ(shipper_->lag().age, std::chrono::seconds(3));
  ASSERT_TRUE(shipper_->ship().has_value());
  EXPECT_EQ(shipper_->lag().entries, 0);
  EXPECT_EQ(shipper_->lag().age, base::Duration(0));
}

TEST_F(AuditOutbox, ALostAuditWriterIsToldOnce) {
  start_server();
  ASSERT_TRUE(make_shipper().has_value());
  std::promise<base::Error> told;
  shipper_->start([&](const base::Error& error) { told.set_value(error); });
  stop_server();  // the server and its end of the link are gone
  EXPECT_EQ(told.get_future().get().code, Code::kAuditUnavailable);
  EXPECT_TRUE(shipper_->lost());
  EXPECT_EQ(shipper_->wait_shipped(SourceSeq(1), kLong).error().code, Code::kAuditUnavailable);
}

// The daemon dies after the audit writer wrote and before it heard: its next life sends the rows again.
TEST_F(AuditOutbox, RC_R_AUDIT_LostAcknowledgementDoublesNothing) {
  ASSERT_TRUE(append_one().has_value());
  ASSERT_TRUE(append_one().has_value());
  start_server();
  std::vector<OutboxRow> rows;
  const auto read = [&](store::Connection& connection) -> Result<> {
    SG_TRY(rows, outbox_rows(connection, SourceSeq(0), 1));
    return {};
  };
  ASSERT_TRUE(database_->read(read).has_value());
  ASSERT_TRUE(client_->send(rows[0].record).has_value());
  ASSERT_TRUE(client_->receive(kLong).has_value());
  client_.reset();  // nothing was deleted
  stop_server();
  start_server();
  ASSERT_TRUE(make_shipper().has_value());
  ASSERT_TRUE(shipper_->ship().has_value());
  stop_server();
  EXPECT_EQ(writer_->chain().last_of(Source::kDaemon), SourceSeq(2));
  EXPECT_TRUE(verify_text(log_.segment()).good());
}

TEST_F(AuditOutbox, SG_T_STATE_AnOlderDatabaseBesideANewerLogIsFound) {
  ASSERT_TRUE(writer_->append(Source::kDaemon, test::make_record(1)).has_value());
  ASSERT_TRUE(writer_->commit().has_value());
  start_server();
  EXPECT_EQ(make_shipper().error().code, Code::kAuditFork);
}

// Root said that the daemon may go on behind record n of the log: behind that one it does, and behind no other.
TEST_F(AuditOutbox, SG_T_STATE_AnOlderDatabaseGoesOnBehindExactlyTheRecordThatWasAllowed) {
  ASSERT_TRUE(append_one().has_value());
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE(writer_->append(Source::kDaemon, test::make_record(i)).has_value());
  ASSERT_TRUE(writer_->commit().has_value());
  for (const int other : {0, 1, 2, 4}) {
    start_server();
    EXPECT_EQ(make_shipper(SourceSeq(other)).error().code, Code::kAuditFork) << other;
    client_.reset();
    stop_server();
    EXPECT_EQ(last(), SourceSeq(1)) << "a refusal changes nothing";
  }
  start_server();
  const auto resumed = make_shipper(SourceSeq(3));
  ASSERT_TRUE(resumed.has_value()) << resumed.error().message;
  EXPECT_EQ(shipper_->resumed_from(), SourceSeq(1));
  ASSERT_TRUE(append_one().has_value());
  EXPECT_EQ(last(), SourceSeq(4));
  ASSERT_TRUE(shipper_->ship().has_value());
  stop_server();
  EXPECT_EQ(writer_->chain().last_of(Source::kDaemon), SourceSeq(4));
  EXPECT_TRUE(verify_text(log_.segment()).good());
}

TEST_F(AuditOutbox, APermissionThatIsNotNeededChangesNothing) {
  ASSERT_TRUE(append_one().has_value());
  start_server();
  ASSERT_TRUE(make_shipper(SourceSeq(0)).has_value());
  EXPECT_EQ(shipper_->resumed_from(), std::nullopt);
  ASSERT_TRUE(shipper_->ship().has_value());
  EXPECT_EQ(shipper_->head().source_seq, SourceSeq(1));
}

TEST_F(AuditOutbox, SG_T_STATE_AnOlderLogBesideANewerDatabaseIsFound) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append_one().has_value());
  ASSERT_TRUE(
      ledger_->run([](store::Connection& connection) { return outbox_delete(connection, SourceSeq(3)); }).has_value());
  start_server();
  EXPECT_EQ(make_shipper().error().code, Code::kAuditGap);
}

}  // namespace
}  // namespace stargraph::audit
