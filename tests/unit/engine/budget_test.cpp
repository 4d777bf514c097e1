// The budget of a tenant: what counts, who is refused, what stands still, and that nobody else feels it.
#include <future>
#include <random>

#include "graphs.hpp"
#include "recount.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using namespace std::chrono_literals;

// Steps of a known size: each renders the message once more.
std::string long_line(int nodes) {
  std::string out = "ir_version: \"1.0.0\"\nid: long\nnodes:\n";
  for (int i = 0; i < nodes; ++i) {
    out += "  - {id: n" + std::to_string(i) + ", kind: template, config: {template: \"{message}\", out: message}}\n";
  }
  return out + "  - {id: end, kind: halt}\nstate_schema: {message: str}\n";
}

class Budget : public CountedTest {
 protected:
  Code start_code(const Caller& caller) { return why(try_start(caller, "line", {{"message", "hi"}})); }
  // A run of long_line() that stands at its first step, and the tenant at its whole budget.
  base::RunId held_run(std::size_t bytes = 1000) {
    limits_.batch_steps = 1;
    make_engine({long_line(8), kLine});
    const base::RunId run = start("long", {{"message", std::string(bytes, 'm')}});
    EXPECT_TRUE(engine_->run_one());
    restart_with_budget(used());
    run_all();
    EXPECT_EQ(view(run).state, RunState::kRunning);
    EXPECT_EQ(steps(run).size(), 1U);
    return run;
  }
};

TEST_F(Budget, SG_D_STATE_NoRunStartsAtNineTenths) {
  make_engine({kLine});
  start("line", {{"message", "hi"}});
  const std::int64_t one = used();
  ASSERT_GT(one, 512);
  restart_with_budget(budget_for(one + 1));
  EXPECT_EQ(start_code(caller_), Code::kUsage) << "one byte under the mark";
  EXPECT_EQ(used(), 2 * one) << "and a start passes it by its own row at most";
  restart_with_budget(budget_for(2 * one));
  const auto refused = try_start(caller_, "line", {{"message", "hi"}});
  ASSERT_EQ(why(refused), Code::kTenantFull) << "at the mark";
  EXPECT_EQ(refused.error().message, "the records of tenant soc hold " + std::to_string(2 * one) +
                                         " bytes of its budget of " + std::to_string(limits_.tenant_bytes) + " bytes");
  EXPECT_EQ(used(), 2 * one);
  EXPECT_EQ(count("runs"), 2);
  expect_counted("a refused start");
}

TEST_F(Budget, SG_D_STATE_AFullTenantDoesNotTouchAnother) {
  make_engine({kLine});
  for (int i = 0; i < 3; ++i) start("line", {{"message", "hi"}});
  run_all();
  restart_with_budget(used());
  EXPECT_EQ(start_code(caller_), Code::kTenantFull);
  const auto started = try_start(other_, "line", {{"message", "hi"}});
  ASSERT_EQ(why(started), Code::kUsage);
  run_all();
  EXPECT_EQ(engine_->get_run(other_.tenant, started->run)->state, RunState::kDone);
  EXPECT_EQ(start_code(caller_), Code::kTenantFull);
}

TEST_F(Budget, SG_D_STATE_AFullTenantIsToldOfARunThatItsKeyMade) {
  make_engine({kLine});
  const auto first = try_start(caller_, "line", {{"message", "hi"}}, "key");
  ASSERT_EQ(why(first), Code::kUsage);
  restart_with_budget(used());
  const auto again = try_start(caller_, "line", {{"message", "hi"}}, "key");
  ASSERT_EQ(why(again), Code::kUsage);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->run, first->run);
  EXPECT_EQ(why(try_start(caller_, "line", {{"message", "hi"}}, "another")), Code::kTenantFull);
}

TEST_F(Budget, SG_D_STATE_AtTheFullBudgetARunStandsStillAndLosesNothing) {
  const base::RunId run = held_run();
  const std::int64_t full = used();
  advance(1h);
  EXPECT_EQ(steps(run).size(), 1U);
  EXPECT_EQ(used(), full);
  restart_with_budget(full + 1);
  run_all();
  EXPECT_EQ(steps(run).size(), 2U) << "one byte of room is room for one step";
  restart_with_budget(1 << 20);
  run_all();
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_TRUE(verify_steps(view(run).basis_hash, steps(run)).has_value());
  const base::RunId unhindered = start("long", {{"message", std::string(1000, 'm')}});
  run_all();
  EXPECT_EQ(steps(run).back().decision_hash, steps(unhindered).back().decision_hash);
}

TEST_F(Budget, SG_D_STATE_TheTimeOfAHeldRunEndsIt) {
  limits_.run_wall_clock = 1h;
  const base::RunId run = held_run();
  advance(1h - 1us);
  EXPECT_EQ(view(run).state, RunState::kRunning);
  advance(1us);
  EXPECT_EQ(view(run).state, RunState::kExpired);
  expect_counted("expired at the full budget");
}

TEST_F(Budget, SG_D_STATE_WhatARunWaitsForIsKeptAtTheFullBudget) {
  make_engine({kGate, kWork});
  const base::RunId asked = start("gate", {{"what", "it"}});
  const base::RunId works = start("work", {});
  run_all();
  const auto item = lease({"test:Act"});
  ASSERT_TRUE(item.has_value());
  restart_with_budget(used());
  respond(asked, view(asked).interrupt->id, {{"answer", "approve"}});
  EXPECT_TRUE(engine_->complete(worker_, {worker_.tenant}, item->id, item->lease, {{"result", 7}}).has_value());
  run_all();
  EXPECT_EQ(view(asked).state, RunState::kRunning);
  EXPECT_EQ(view(works).state, RunState::kRunning);
  expect_counted("answered and completed");
  restart_with_budget(1 << 20);
  run_all();
  EXPECT_EQ(view(asked).reason, "approved");
  EXPECT_EQ(view(works).data, (json::Object{{"result", 7}}));
}

TEST_F(Budget, SG_D_STATE_PausingAndResumingDoNotGoRoundAtTheFullBudget) {
  const base::RunId run = held_run();
  EXPECT_EQ(why(engine_->pause(caller_, run)), Code::kUsage);
  const std::int64_t after = used();
  EXPECT_EQ(why(engine_->resume(caller_, run)), Code::kTenantFull);
  EXPECT_EQ(why(engine_->pause(caller_, run)), Code::kRunState);
  EXPECT_EQ(used(), after);
  EXPECT_EQ(why(engine_->cancel(caller_, run)), Code::kUsage) << "what is left";
}

// Every run was taken up while there was room for all of it: where it is written one of them passes the budget.
TEST_F(Budget, SG_D_STATE_ManyRunsAtOncePassTheBudgetByOneUnit) {
  constexpr int kRuns = 40;
  limits_.batch_steps = 1;
  limits_.workers = 1;
  make_engine({long_line(4)});
  const std::string message(50'000, 'm');
  for (int i = 0; i < kRuns; ++i) start("long", {{"message", message}});
  const std::int64_t before = used();
  ASSERT_TRUE(engine_->run_one());
  const std::int64_t unit = used() - before;
  ASSERT_GT(unit, 50'000);
  limits_.tenant_bytes = used() + 2 * unit + 1;

  engine_.reset();
  ledger_.reset();
  ledger_ = store::Ledger::start(*database_, {}).value();
  std::promise<void> all_taken;
  std::promise<void> go;
  int taken = 0;
  // Called by the one thread that takes runs, before each: the ledger stands still until the last one was taken.
  const auto admit = [&]() -> base::Result<> {
    if (++taken == 1) {
      ledger_->post(
          [&](store::Connection&) -> base::Result<> {
            go.get_future().wait();
            return {};
          },
          {});
    }
    if (taken == kRuns) {
      go.set_value();
      all_taken.set_value();
    }
    return {};
  };
  const EngineServices services{env_, *database_, *ledger_, shared_jail(), admit, {}, {}, true};
  engine_ = Engine::make(services, limits_, catalog_).value();
  ASSERT_TRUE(engine_->start().has_value());
  all_taken.get_future().wait();
  engine_->stop();
  EXPECT_GE(used(), limits_.tenant_bytes);
  EXPECT_LT(used(), limits_.tenant_bytes + unit);
  expect_counted("many at once");
  engine_.reset();
}

TEST_F(Budget, SG_D_STATE_ABatchEndsWithTheRecordThatPassesOneMebibyte) {
  limits_.parameter_bytes = 1 << 20;
  make_engine({long_line(8)});
  const base::RunId run = start("long", {{"message", std::string(200 << 10, 'm')}});
  ASSERT_TRUE(engine_->run_one());
  EXPECT_EQ(steps(run).size(), 6U) << "five are a little less than one mebibyte";
  run_all();
  EXPECT_EQ(view(run).state, RunState::kDone);
}

TEST_F(Budget, TheUseOfATenantIsItsOwn) {
  make_engine({kLine});
  EXPECT_EQ(engine_->use(caller_.tenant)->held, 0);
  EXPECT_EQ(engine_->use(caller_.tenant)->budget, 8LL << 30);
  start("line", {{"message", "hi"}});
  EXPECT_GT(engine_->use(caller_.tenant)->held, 0);
  EXPECT_EQ(engine_->use(other_.tenant)->held, 0);
}

TEST_F(Budget, ATenantNearItsBudgetIsToldOfOnceForEachTime) {
  make_engine({kLine});
  start("line", {{"message", "hi"}});
  restart_with_budget(used());
  const auto said = [this] {
    testing::internal::CaptureStderr();
    engine_->tick();
    engine_->tick();
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(said(), "<4>tenant soc: its records hold " + std::to_string(used()) + " bytes of its budget of " +
                        std::to_string(used()) + ": no run of it starts until there is room\n");
  EXPECT_EQ(said(), "");
  ASSERT_TRUE(ledger_->run([&](store::Connection& db) { return db.execute("UPDATE tenant_use SET bytes=bytes-512"); })
                  .has_value());
  said();
  ASSERT_TRUE(
      ledger_->run([&](store::Connection& db) { return db.execute("UPDATE tenant_use SET bytes=1"); }).has_value());
  EXPECT_EQ(said(), "");
  ASSERT_TRUE(ledger_->run([&](store::Connection& db) { return db.execute("UPDATE tenant_use SET bytes=1000000"); })
                  .has_value());
  EXPECT_NE(said(), "") << "passed once more";
}

// Any series of acts, with the engine thrown away between any two of them.
class BudgetSeries : public CountedTest, public ::testing::WithParamInterface<unsigned> {
 protected:
  std::size_t pick(std::size_t below) { return random_() % below; }
  std::optional<base::RunId> any_run() {
    if (runs_.empty()) return std::nullopt;
    return runs_[pick(runs_.size())];
  }
  void start_one() {
    const std::string text = pick(2) == 0 ? "hi" : std::string(pick(3000), 'x') + "ü€";
    std::optional<std::string> key;
    if (pick(2) == 0) key = "key-" + std::to_string(pick(6));
    const std::vector<std::pair<std::string, std::string>> graphs{
        {"line", "message"}, {"gate", "what"}, {"everything", "alert"}};
    const auto& [graph, field] = graphs[pick(graphs.size())];
    const bool mine = pick(4) != 0;
    const auto reply = try_start(mine ? caller_ : other_, graph, {{field, text}}, key);
    if (reply && mine) runs_.push_back(reply->run);
  }
  void answer() {
    const auto run = any_run();
    if (!run) return;
    const auto seen = engine_->get_run(caller_.tenant, *run);
    if (!seen || !seen->interrupt) return;
    static_cast<void>(engine_->respond(
        caller_, *run, {seen->interrupt->id, {{"answer", pick(2) == 0 ? "yes" : "approve"}}, false}, allow_));
  }
  void work() {
    const auto item = lease({"test:Score", "test:Left", "test:Act"});
    if (!item) return;
    const std::size_t what = pick(4);
    if (what == 0) return;  // lost: the lease runs out
    if (what == 1) {
      static_cast<void>(engine_->fail_task(worker_, {worker_.tenant}, item->id, item->lease, "no", pick(2) == 0));
    } else {
      json::Object output{{"seen", std::string(pick(500), 's')}};
      if (item->node.str() == "score") output.set("score", what == 2 ? json::Value(3) : json::Value("not a number"));
      static_cast<void>(engine_->complete(worker_, {worker_.tenant}, item->id, item->lease, output));
    }
  }
  void steer() {
    const auto run = any_run();
    if (!run) return;
    switch (pick(3)) {
      case 0: static_cast<void>(engine_->pause(caller_, *run)); break;
      case 1: static_cast<void>(engine_->resume(caller_, *run)); break;
      default: static_cast<void>(engine_->cancel(caller_, *run)); break;
    }
  }
  std::string act() {
    switch (pick(9)) {
      case 0: start_one(); return "start";
      case 1:
      case 2:
      case 3: static_cast<void>(engine_->run_one()); return "step";
      case 4: answer(); return "answer";
      case 5: work(); return "work";
      case 6:
        if (pick(3) == 0) steer();
        return "steer";
      case 7: advance(std::chrono::minutes(pick(5) == 0 ? 60 * 24 * 3 : 5)); return "time";
      default: restart(); return "crash";
    }
  }
  std::mt19937 random_{GetParam()};
  std::vector<base::RunId> runs_;
};

TEST_P(BudgetSeries, SG_D_STATE_TheCountersSayWhatTheRowsHold) {
  limits_.batch_steps = 2;
  limits_.run_wall_clock = 48h;
  limits_.retention = 24h;
  make_engine({kLine, kGate, kEverything});
  for (int i = 0; i < 160 && !HasFailure(); ++i) expect_counted(std::to_string(i) + " " + act());
  EXPECT_GT(count("removed_runs"), 0) << "the series reached removal";
  EXPECT_GT(count("runs"), 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, BudgetSeries, ::testing::Values(1U, 2U, 3U, 4U));

}  // namespace
}  // namespace stargraph::engine
