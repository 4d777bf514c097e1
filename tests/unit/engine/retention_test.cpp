// Records whose time is over: they go, no others, not all at once, and what happened to them stands for ever.
#include "graphs.hpp"
#include "recount.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using namespace std::chrono_literals;

constexpr const char* kTables[] = {"steps",       "events",       "interrupts", "work_items",
                                   "idempotency", "revoked_runs", "runs"};

class Retention : public CountedTest {
 protected:
  Retention() { limits_.retention = 24h; }
  base::RunId done(const std::string& message = "hi") {
    const base::RunId run = start("line", {{"message", message}});
    run_all();
    EXPECT_EQ(view(run).state, RunState::kDone);
    return run;
  }
  bool allowed(const std::string& sql) {
    return ledger_->run([&](store::Connection& db) { return db.execute(sql); }).has_value();
  }
  // A tombstone as the daemon writes it, with one thing changed.
  bool bury_by_hand(const base::RunId& run, const std::string& changed = "", const std::string& value = "") {
    std::string sql =
        "INSERT INTO removed_runs(run_id, tenant, finished_at, steps, step_hash, decision_hash, removed_at) SELECT ";
    for (const std::string column : {"run_id", "tenant", "finished_at", "steps", "step_hash", "decision_hash"}) {
      sql += (column == changed ? value : column) + ", ";
    }
    sql += changed == "removed_at" ? value : "9000000000000000";
    return allowed(sql + " FROM runs WHERE run_id='" + run.str() + "'");
  }
  std::optional<json::Object> audited_removal(const base::RunId& run) {
    std::optional<json::Object> out;
    const auto read = database_->read([&](store::Connection& db) -> base::Result<> {
      SG_TRY(const auto rows, audit::outbox_rows(db, audit::SourceSeq(0), 100'000));
      for (const audit::OutboxRow& row : rows) {
        SG_TRY(const audit::Record record, audit::decode_record(row.record));
        if (record.event.name == audit::EventName::kRunRemoved && record.event.run == run &&
            record.event.tenant == caller_.tenant)
          out = record.event.data;
      }
      return {};
    });
    EXPECT_TRUE(read.has_value());
    return out;
  }
};

TEST_F(Retention, SG_T_STATE_NothingGoesWithoutATombstone) {
  make_engine({kLine, kGate});
  done();
  for (const std::string table : {"steps", "events", "runs"}) EXPECT_FALSE(allowed("DELETE FROM " + table)) << table;
  EXPECT_EQ(count("steps"), 3);
}

TEST_F(Retention, SG_T_STATE_ATombstoneIsOfARunThatEndedAndSaysHow) {
  make_engine({kLine, kGate});
  const base::RunId ended = done();
  const base::RunId waits = start("gate", {{"what", "it"}});
  const base::RunId pending = start("line", {{"message", "hi"}});
  EXPECT_FALSE(bury_by_hand(pending, "finished_at", "1"));
  ASSERT_TRUE(engine_->run_one());
  EXPECT_FALSE(bury_by_hand(waits, "finished_at", "1"));
  EXPECT_FALSE(bury_by_hand(ended, "run_id", "'018f0000-0000-7000-8000-000000000001'"));
  EXPECT_FALSE(bury_by_hand(ended, "tenant", "'lab'"));
  EXPECT_FALSE(bury_by_hand(ended, "finished_at", "finished_at-1"));
  EXPECT_FALSE(bury_by_hand(ended, "steps", "steps+1"));
  EXPECT_FALSE(bury_by_hand(ended, "step_hash", "decision_hash"));
  EXPECT_FALSE(bury_by_hand(ended, "decision_hash", "step_hash"));
  EXPECT_FALSE(bury_by_hand(ended, "removed_at", "finished_at"));
  EXPECT_EQ(count("removed_runs"), 0);
  EXPECT_TRUE(bury_by_hand(ended));
  EXPECT_FALSE(bury_by_hand(ended)) << "one is enough";
}

TEST_F(Retention, SG_T_STATE_ATombstoneLetsGoOfItsOwnRunOnlyAndNothingComesBack) {
  make_engine({kLine});
  const base::RunId gone = done();
  const base::RunId kept = done();
  ASSERT_TRUE(bury_by_hand(gone));
  const std::string of_gone = " WHERE run_id='" + gone.str() + "'";
  const std::string of_kept = " WHERE run_id='" + kept.str() + "'";
  EXPECT_FALSE(allowed("UPDATE removed_runs SET steps=0"));
  EXPECT_FALSE(allowed("DELETE FROM removed_runs"));
  for (const std::string table : {"steps", "events"}) {
    EXPECT_FALSE(allowed("DELETE FROM " + table)) << table;
    EXPECT_FALSE(allowed("DELETE FROM " + table + of_kept)) << table;
    EXPECT_FALSE(allowed("UPDATE " + table + " SET tenant='soc'" + of_gone)) << table;
    EXPECT_FALSE(allowed("REPLACE INTO " + table + " SELECT * FROM " + table + of_gone)) << table;
  }
  EXPECT_FALSE(allowed("DELETE FROM runs" + of_gone)) << "its steps first";
  EXPECT_TRUE(allowed("UPDATE runs SET state='removed'" + of_gone));
  EXPECT_FALSE(allowed("UPDATE runs SET state='done'" + of_gone));
  EXPECT_FALSE(
      allowed("INSERT INTO steps SELECT tenant, run_id, 1000, node, record, step_hash, decision_hash FROM steps" +
              of_gone + " LIMIT 1"));
  EXPECT_FALSE(allowed("INSERT INTO events SELECT tenant, run_id, 1000, body FROM events" + of_gone + " LIMIT 1"));
  EXPECT_TRUE(allowed("DELETE FROM steps" + of_gone));
  EXPECT_TRUE(allowed("DELETE FROM events" + of_gone));
  EXPECT_TRUE(allowed("DELETE FROM runs" + of_gone));
  EXPECT_FALSE(
      allowed("INSERT INTO runs SELECT '" + gone.str() +
              "', tenant, graph_id, graph_hash, basis_hash, state, paused_state, trigger_source, started_by, "
              "started_at, last_step_at, finished_at, deadline, ready_at, parent, steps, node, reason, error_class, "
              "error_cause, data, cursor, step_hash, decision_hash, salt, event_seq, version, held_bytes FROM runs"));
  EXPECT_EQ(steps(kept).size(), 3U);
}

TEST_F(Retention, WhatIsOverGoesAndSaysSoForEver) {
  make_engine({kLine});
  const base::RunId run = done();
  const RunView before = view(run);
  const StepView last = steps(run).back();
  advance(24h);
  EXPECT_EQ(view(run).state, RunState::kDone) << "to the microsecond";
  advance(1us);
  EXPECT_EQ(why(engine_->get_run(caller_.tenant, run)), Code::kRunRemoved);
  EXPECT_EQ(why(engine_->steps(caller_.tenant, run, base::StepNumber(0), 1)), Code::kRunRemoved);
  EXPECT_EQ(why(engine_->events(caller_.tenant, run, base::EventSeq(0), 1)), Code::kRunRemoved);
  EXPECT_EQ(why(engine_->cancel(caller_, run)), Code::kRunRemoved);
  EXPECT_EQ(engine_->list_runs(caller_.tenant, {})->total, 0);
  EXPECT_EQ(audited_removal(run), (json::Object{{"decision_hash", last.decision_hash.hex()},
                                                {"finished_at", base::format_rfc3339(*before.finished_at)},
                                                {"state", "done"},
                                                {"step_hash", last.step_hash.hex()},
                                                {"steps", 3}}));
  EXPECT_EQ(count_audited("run.removed"), 1);
  for (const char* table : kTables) EXPECT_EQ(count(table), 0) << table;
  EXPECT_EQ(used(), 512) << "the tombstone";
  EXPECT_EQ(ask("SELECT step_hash, steps FROM removed_runs"), (Counts{{last.step_hash.hex(), 3}}));
  expect_counted("removed");
}

TEST_F(Retention, SG_I_STATE_AnotherTenantLearnsOfNoRemoval) {
  make_engine({kLine});
  const base::RunId run = done();
  advance(25h);
  ASSERT_EQ(why(engine_->get_run(caller_.tenant, run)), Code::kRunRemoved);
  EXPECT_EQ(why(engine_->get_run(other_.tenant, run)), Code::kRunUnknown);
}

TEST_F(Retention, EveryRowOfARunGoes) {
  make_engine({kEverything});
  const base::RunId run = start("everything", {{"alert", "a-1"}});
  const auto work = [](const WorkItem& item) {
    json::Object output{{"seen", item.node.str()}};
    if (item.node.str() == "score") output.set("score", 3);
    if (item.node.str() == "left") output.set("left", "left");
    return output;
  };
  serve_all({"test:Score", "test:Left", "test:Act"}, work);
  respond(run, view(run).interrupt->id, {{"answer", "yes"}});
  serve_all({"test:Score", "test:Left", "test:Act"}, work);
  ASSERT_EQ(view(run).state, RunState::kDone);
  for (const char* table : {"steps", "events", "interrupts", "work_items"}) EXPECT_GT(count(table), 0) << table;
  advance(25h);
  for (const char* table : kTables) EXPECT_EQ(count(table), 0) << table;
  EXPECT_EQ(count("bases"), 1) << "a basis is of no run";
  expect_counted("removed");
}

TEST_F(Retention, SG_T_STATE_ARunThatHasNotEndedStays) {
  limits_.run_wall_clock = 24h * 365;
  make_engine({kGate, kWork});
  const base::RunId waits = start("gate", {{"what", "it"}});
  const base::RunId works = start("work", {});
  run_all();
  ASSERT_TRUE(engine_->pause(caller_, waits).has_value());
  advance(24h * 30);
  EXPECT_EQ(view(waits).state, RunState::kPaused);
  EXPECT_NE(why(engine_->get_run(caller_.tenant, works)), Code::kRunRemoved) << "its node ended, a moment ago";
}

TEST_F(Retention, WithoutADayNothingGoes) {
  limits_.retention = base::Duration(0);
  make_engine({kLine});
  const base::RunId run = done();
  advance(24h * 365 * 10);
  EXPECT_EQ(view(run).state, RunState::kDone);
}

TEST_F(Retention, AKeyIsFreeWhenItsRunIsGone) {
  make_engine({kLine});
  const auto first = try_start(caller_, "line", {{"message", "hi"}}, "key");
  run_all();
  advance(25h);
  const auto second = try_start(caller_, "line", {{"message", "another"}}, "key");
  ASSERT_EQ(why(second), Code::kUsage);
  EXPECT_FALSE(second->repeated);
  EXPECT_NE(second->run, first->run);
}

TEST_F(Retention, SG_D_STATE_OneTickTakesFourRunsOldestFirst) {
  make_engine({kLine});
  std::vector<base::RunId> runs;
  for (int i = 0; i < 9; ++i) {
    runs.push_back(done());
    env_.advance(1s);
  }
  env_.advance(48h);
  for (const std::size_t gone : {4U, 8U, 9U}) {
    engine_->tick();
    for (std::size_t i = 0; i < runs.size(); ++i) {
      EXPECT_EQ(why(engine_->get_run(caller_.tenant, runs[i])), i < gone ? Code::kRunRemoved : Code::kUsage)
          << gone << i;
    }
    expect_counted("tick");
  }
}

// Nine records of a mebibyte each and a crash after every tick; the time to keep may even be gone from the
// configuration by then.
TEST_F(Retention, SG_D_STATE_ALongRunGoesPieceByPieceAndIsSeenByNobodyMeanwhile) {
  make_engine({kLine});
  const base::RunId run = done();
  ASSERT_TRUE(ledger_
                  ->run([&](store::Connection& db) -> base::Result<> {
                    for (int i = 0; i < 9; ++i) {
                      SG_TRY(db.execute("INSERT INTO steps SELECT tenant, run_id, " + std::to_string(1000 + i) +
                                        ", node, hex(zeroblob(524288)), step_hash, decision_hash FROM steps LIMIT 1"));
                    }
                    SG_TRY(db.execute("UPDATE runs SET held_bytes=held_bytes+9*(512+1048576)"));
                    return db.execute("UPDATE tenant_use SET bytes=bytes+9*(512+1048576)");
                  })
                  .has_value());
  expect_counted("as if it had recorded that");
  env_.advance(25h);
  int ticks = 0;
  for (std::int64_t before = used(); count("runs") > 0; before = used()) {
    ASSERT_LT(++ticks, 10);
    engine_->tick();
    EXPECT_LT(used(), before);
    EXPECT_EQ(why(engine_->get_run(caller_.tenant, run)), Code::kRunRemoved);
    EXPECT_EQ(engine_->list_runs(caller_.tenant, {})->total, 0);
    expect_counted("piece");
    limits_.retention = base::Duration(0);
    restart();
  }
  EXPECT_EQ(ticks, 3) << "4 MiB and the record that passes them, twice, and the rest";
  EXPECT_EQ(count_audited("run.removed"), 1);
  for (const char* table : kTables) EXPECT_EQ(count(table), 0) << table;
}

TEST_F(Retention, SG_T_STATE_AClockSetAheadTakesNothing) {
  make_engine({kLine});
  const base::RunId run = done();
  const auto tick = [this] {
    testing::internal::CaptureStderr();
    engine_->tick();
    return testing::internal::GetCapturedStderr();
  };
  env_.set_now(env_.now() + 48h);
  EXPECT_EQ(tick(),
            "<4>retention: the clock was set by 172800 s since the start: nothing is removed until a new start\n");
  env_.advance(48h);
  EXPECT_EQ(tick(), "") << "told once";
  EXPECT_EQ(view(run).state, RunState::kDone);
  restart();
  EXPECT_EQ(tick(), "");
  EXPECT_EQ(why(engine_->get_run(caller_.tenant, run)), Code::kRunRemoved);
}

TEST_F(Retention, AClockThatDriftsIsNoMovedClock) {
  make_engine({kLine});
  const base::RunId run = done();
  env_.advance(48h);
  env_.set_now(env_.now() + 1h);
  engine_->tick();
  EXPECT_EQ(why(engine_->get_run(caller_.tenant, run)), Code::kRunRemoved);
}

TEST_F(Retention, SG_R_STATE_NothingGoesThatCannotBeAudited) {
  Code code = Code::kUsage;
  admit_ = [&code]() -> base::Result<> {
    if (code == Code::kUsage) return {};
    return base::fail(code, "not now");
  };
  make_engine({kLine});
  const base::RunId run = done();
  code = Code::kAuditLag;
  env_.advance(48h);
  engine_->tick();
  EXPECT_EQ(view(run).state, RunState::kDone);
  code = Code::kUsage;
  engine_->tick();
  EXPECT_EQ(why(engine_->get_run(caller_.tenant, run)), Code::kRunRemoved);
}

TEST_F(Retention, SG_D_STATE_AHeldRunGoesOnWhenRemovalMadeRoom) {
  limits_.batch_steps = 1;
  make_engine({kLine});
  const base::RunId old = done(std::string(10'000, 'x'));
  env_.advance(25h);
  const base::RunId run = start("line", {{"message", "hi"}});
  ASSERT_TRUE(engine_->run_one());
  restart_with_budget(used());
  run_all();
  EXPECT_EQ(steps(run).size(), 1U);
  EXPECT_EQ(why(try_start(caller_, "line", {{"message", "hi"}})), Code::kTenantFull);
  advance(10s);
  EXPECT_EQ(why(engine_->get_run(caller_.tenant, old)), Code::kRunRemoved);
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_EQ(why(try_start(caller_, "line", {{"message", "hi"}})), Code::kUsage);
}

}  // namespace
}  // namespace stargraph::engine
