// The ledger: group commit, a savepoint for each, order, durability before visibility, failure.
#include "stargraph/store/ledger.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <thread>

#include "seams.hpp"
#include "store_fixture.hpp"
#include "support/cmocka.hpp"

namespace stargraph::store {
namespace {

using base::Code;
using base::Result;

Ledger::Operation note(std::string text) {
  return [text = std::move(text)](Connection& writer) { return add_note(writer, text); };
}

Result<> failing(Connection&) { return base::fail(Code::kRunState, "test: operation: refused"); }

class ManualLedger : public StoreTest {
 protected:
  void SetUp() override {
    testing::cmocka_queues() = {};
    database = must_open();
    ASSERT_NE(database, nullptr);
    ledger = Ledger::manual(*database).value();
  }
  void TearDown() override { testing::cmocka_queues() = {}; }
  // A done callback that keeps what it got.
  Ledger::Done keep() {
    return [this](const Result<>& result) { results.push_back(result); };
  }

  std::unique_ptr<Database> database;
  std::unique_ptr<Ledger> ledger;
  std::vector<Result<>> results;
};

TEST_F(ManualLedger, OneTransactionAndOneSyncForAllThatIsQueued) {
  ASSERT_TRUE(succeeded(ledger->run(note("the first write of a new -wal syncs its header too"))));
  const auto before = syncs();
  for (int i = 0; i < 256; ++i) ledger->post(note(std::to_string(i)), keep());
  EXPECT_TRUE(ledger->pump());
  EXPECT_EQ(syncs() - before, 1U);
  EXPECT_EQ(ledger->counters().commits, 2U);
  EXPECT_EQ(ledger->counters().operations, 257U);
  EXPECT_EQ(results.size(), 256U);
  EXPECT_FALSE(ledger->pump());
}

TEST_F(ManualLedger, ABatchHasALimit) {
  for (int i = 0; i < 257; ++i) ledger->post(note(std::to_string(i)), keep());
  EXPECT_TRUE(ledger->pump());
  EXPECT_EQ(results.size(), 256U);
  EXPECT_TRUE(ledger->pump());
  EXPECT_EQ(ledger->counters().commits, 2U);
  EXPECT_EQ(count_notes(*database), 257);
}

TEST_F(ManualLedger, SG_T_STATE_OneFailureIsRolledBackAlone) {
  ledger->post(note("a"), keep());
  ledger->post(
      [](Connection& writer) -> Result<> {
        SG_TRY(add_note(writer, "half"));
        return base::fail(Code::kRunState, "test: operation: refused");
      },
      keep());
  ledger->post(note("a"), keep());  // again: a conflict
  ledger->post(note("b"), keep());
  EXPECT_TRUE(ledger->pump());
  ASSERT_EQ(results.size(), 4U);
  EXPECT_TRUE(succeeded(results[0]));
  EXPECT_TRUE(refused(results[1], Code::kRunState));
  EXPECT_TRUE(refused(results[2], Code::kConflict));
  EXPECT_TRUE(succeeded(results[3]));
  EXPECT_EQ(count_notes(*database), 2);
  EXPECT_EQ(ledger->counters().operations, 2U);
}

TEST_F(ManualLedger, NothingToKeepNothingToSync) {
  ASSERT_TRUE(succeeded(ledger->run(note("first"))));
  const auto before = syncs();
  const auto writes_then_fails = [](Connection& writer) -> Result<> {
    SG_TRY(add_note(writer, "half"));
    return failing(writer);
  };
  for (int i = 0; i < 3; ++i) ledger->post(writes_then_fails, keep());
  ledger->pump();
  EXPECT_EQ(results.size(), 3U);
  EXPECT_TRUE(succeeded(ledger->run([](Connection& writer) -> Result<> {
    EXPECT_EQ(count_notes(writer), 1);
    return {};
  })));
  EXPECT_EQ(syncs() - before, 0U);
  EXPECT_TRUE(succeeded(ledger->run(note("still good"))));
}

TEST_F(ManualLedger, SG_T_STATE_DurableBeforeVisible) {
  std::vector<std::int64_t> seen;
  const auto before = syncs();
  std::uint64_t synced = 0;
  ledger->post(note("row"), [&](const Result<>& result) {
    EXPECT_TRUE(succeeded(result));
    seen.push_back(count_notes(*database));
    synced = syncs() - before;
  });
  ledger->pump();
  EXPECT_THAT(seen, ::testing::ElementsAre(1));
  EXPECT_GE(synced, 1U);
}

TEST_F(ManualLedger, SG_T_STATE_AnOperationCannotEndTheTransaction) {
  for (const char* sql : {"COMMIT", "ROLLBACK", "BEGIN", "END", "SAVEPOINT operation", "RELEASE operation",
                          "ROLLBACK TO operation", "ROLLBACK TRANSACTION"}) {
    ledger->post(note(std::string("before ") + sql), keep());
    ledger->post([sql](Connection& writer) { return writer.execute(sql); }, keep());
    ledger->post(
        [sql](Connection& writer) -> Result<> {
          SG_TRY(Statement statement, writer.query(sql));
          return statement.run();
        },
        keep());
    ledger->pump();
    ASSERT_EQ(results.size(), 3U);
    EXPECT_TRUE(succeeded(results[0])) << sql;
    EXPECT_TRUE(refused(results[1], Code::kInternal)) << sql;
    EXPECT_TRUE(refused(results[2], Code::kInternal)) << sql;
    results.clear();
  }
  EXPECT_EQ(count_notes(*database), 8);
}

TEST_F(ManualLedger, AFailedCommitFailsTheBatchAndLatches) {
  ASSERT_TRUE(succeeded(ledger->run(note("on disk"))));
  ledger->post(note("lost 1"), keep());
  ledger->post(failing, keep());
  EXPECT_FALSE(ledger->failure());
  testing::will_return("fdatasync", EIO);
  ledger->pump();
  ASSERT_EQ(results.size(), 2U);
  for (const auto& result : results) EXPECT_TRUE(refused(result, Code::kIo));
  EXPECT_EQ(count_notes(*database), 1);
  ASSERT_TRUE(ledger->failure());
  EXPECT_TRUE(ledger->failure()->message.starts_with("ledger: commit: ")) << ledger->failure()->message;

  EXPECT_TRUE(refused(ledger->run(note("later")), Code::kIo));
  ledger->post(note("later"), keep());
  EXPECT_EQ(results.size(), 3U) << "told at once";
  EXPECT_TRUE(refused(results.back(), Code::kIo));
  EXPECT_EQ(ledger->counters().commits, 1U);
}

TEST_F(ManualLedger, WhatWasQueuedBehindAFailedCommitFailsToo) {
  for (int i = 0; i < 300; ++i) ledger->post(note(std::to_string(i)), keep());
  testing::will_return("fdatasync", EIO);
  while (ledger->pump()) {
  }
  EXPECT_EQ(results.size(), 300U);
  for (const auto& result : results) EXPECT_TRUE(refused(result, Code::kIo));
  EXPECT_EQ(count_notes(*database), 0);
}

TEST_F(ManualLedger, AnOpenForeignKeyFailsItsOperationOnly) {
  const test::TempDir own;
  constexpr Migration kDeferred{"d", 1,
                                "CREATE TABLE parents(id INTEGER PRIMARY KEY) STRICT;"
                                "CREATE TABLE children(parent INTEGER REFERENCES parents(id) "
                                "DEFERRABLE INITIALLY DEFERRED) STRICT"};
  auto other = Database::open(own / "state.db", make_key(), std::array{kDeferred}).value();
  auto deferred = Ledger::manual(*other).value();
  deferred->post([](Connection& writer) { return writer.execute("INSERT INTO parents VALUES (1)"); }, keep());
  deferred->post([](Connection& writer) { return writer.execute("INSERT INTO children VALUES (2)"); }, keep());
  deferred->pump();
  EXPECT_TRUE(succeeded(results[0]));
  EXPECT_TRUE(refused(results[1], Code::kInternal));
  EXPECT_TRUE(
      succeeded(deferred->run([](Connection& writer) { return writer.execute("INSERT INTO children VALUES (1)"); })));
}

TEST_F(ManualLedger, DonePostsTheNextOne) {
  ledger->post(note("a"), [&](const Result<>&) { ledger->post(note("b"), keep()); });
  EXPECT_TRUE(ledger->pump());
  EXPECT_TRUE(results.empty());
  EXPECT_TRUE(ledger->pump());
  EXPECT_EQ(results.size(), 1U);
}

TEST_F(ManualLedger, FinishesWhatIsQueuedWhenItGoes) {
  for (int i = 0; i < 5; ++i) ledger->post(note(std::to_string(i)), keep());
  ledger.reset();
  EXPECT_EQ(results.size(), 5U);
  EXPECT_EQ(count_notes(*database), 5);
}

using LedgerDeathTest = ManualLedger;

TEST_F(LedgerDeathTest, ItCannotWaitForItself) {
  const auto wait_inside = [&] {
    ledger->post([&](Connection&) { return ledger->run(failing); }, {});
    ledger->pump();
  };
  EXPECT_DEATH(wait_inside(), "pumping");
}

class LedgerThread : public StoreTest {
 protected:
  void SetUp() override {
    database = must_open();
    ASSERT_NE(database, nullptr);
  }
  std::unique_ptr<Database> database;
};

TEST_F(LedgerThread, RunsManyThreadsOperationsInFewCommits) {
  auto ledger = Ledger::start(*database, {}).value();
  constexpr int kThreads = 8;
  constexpr int kEach = 50;
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) good += ledger->run(note(std::to_string(t) + "/" + std::to_string(i))) ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, kThreads * kEach);
  EXPECT_EQ(ledger->counters().operations, static_cast<std::uint64_t>(kThreads * kEach));
  EXPECT_LE(ledger->counters().commits, ledger->counters().operations);
  EXPECT_EQ(count_notes(*database), kThreads * kEach);
}

// The ledger's thread waits inside an operation until the queue behind it is as wanted.
struct Gate {
  std::promise<void> entered;
  std::promise<void> leave;
  Ledger::Operation operation() {
    return [this](Connection&) -> Result<> {
      entered.set_value();
      leave.get_future().wait();
      return {};
    };
  }
};

TEST_F(LedgerThread, GathersWhatCameDuringACommit) {
  Gate gate;
  std::vector<int> order;
  std::promise<void> all;
  auto ledger = Ledger::start(*database, {}).value();
  ledger->post(gate.operation(), {});
  gate.entered.get_future().wait();
  for (int i = 0; i < 100; ++i) {
    ledger->post(note(std::to_string(i)), [&, i](const Result<>& result) {
      EXPECT_TRUE(succeeded(result));
      order.push_back(i);
      if (i == 99) all.set_value();
    });
  }
  gate.leave.set_value();
  all.get_future().wait();
  EXPECT_EQ(ledger->counters().commits, 2U);
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_F(LedgerThread, SG_D_STATE_AFullQueueIsBusyAtOnce) {
  Gate gate;
  auto ledger = Ledger::start(*database, {.max_batch = 4, .max_queue = 3}).value();
  ledger->post(gate.operation(), {});
  gate.entered.get_future().wait();
  std::promise<void> emptied;
  for (int i = 0; i < 3; ++i) {
    ledger->post(note(std::to_string(i)), [&, i](const Result<>&) {
      if (i == 2) emptied.set_value();
    });
  }
  std::optional<Result<>> refusal;
  ledger->post(note("one too many"), [&](const Result<>& result) { refusal = result; });
  ASSERT_TRUE(refusal.has_value());
  EXPECT_TRUE(refused(*refusal, Code::kBusy));
  gate.leave.set_value();
  emptied.get_future().wait();
  EXPECT_EQ(count_notes(*database), 3);
  EXPECT_TRUE(succeeded(ledger->run(note("room again"))));
}

TEST_F(LedgerThread, FinishesWhatIsQueuedWhenItGoes) {
  Gate gate;
  int done = 0;
  auto ledger = Ledger::start(*database, {}).value();
  ledger->post(gate.operation(), {});
  gate.entered.get_future().wait();
  for (int i = 0; i < 10; ++i) ledger->post(note(std::to_string(i)), [&](const Result<>&) { ++done; });
  gate.leave.set_value();
  ledger.reset();
  EXPECT_EQ(done, 10);
  EXPECT_EQ(count_notes(*database), 10);
}

TEST_F(LedgerThread, SG_D_STATE_TwoProcessesWrite) {
  database.reset();  // a connection does not survive fork
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  bool good = true;
  const std::string name = child == 0 ? "child " : "parent ";
  {
    auto own = open();
    good = own.has_value();
    auto ledger = good ? Ledger::start(**own, {}).value() : nullptr;
    for (int i = 0; good && i < 100; ++i) good = ledger->run(note(name + std::to_string(i))).has_value();
  }
  if (child == 0) ::_exit(good ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(good);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(count_notes(*must_open()), 200);
}

}  // namespace
}  // namespace stargraph::store
