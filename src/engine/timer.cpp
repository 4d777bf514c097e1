// What time does to leases, questions and runs: the timer's work.
#include "events.hpp"
#include "state.hpp"

namespace stargraph::engine {

using base::Code;
using base::fail;
using base::Result;
using store::Connection;

namespace {

constexpr std::int64_t kTasksATick = 256;

}  // namespace

// A lease ran out: the task is ready again; its node ran out of time: rules may route that.
Result<> Engine::State::expire_work(const DueTask& due, base::Timestamp now) {
  bool again = false;
  SG_TRY(change_row(due.run.first, due.run.second, [&](Connection& db, Unit& unit) -> Result<> {
    SG_TRY(WorkRow current, load_work(db, {due.run.first}, due.task));
    const bool open = current.state == WorkState::kReady || current.state == WorkState::kLeased;
    if (!open) return fail(Code::kConflict, "task: is at its end already");
    const bool over = current.deadline <= now;
    again = !over;
    if (!over && !(current.lease_until && *current.lease_until <= now))
      return fail(Code::kConflict, "task: was renewed");
    current.state = over ? WorkState::kFailed : WorkState::kReady;
    current.lease.clear();
    SG_TRY(save_work(db, current));
    unit.audit.push_back(
        work_event(audit::EventName::kWorkExpired, audit::Outcome::kFailure, current, engine_actor(), ""));
    if (!over) return {};
    stepper.accept_failure(unit, {"timed-out", current.attempt});
    return {};
  }));
  if (again) announce_work();
  return {};
}

// A run took longer than it may while nobody had it in hand.
Result<> Engine::State::expire_run(const RunKey& key) {
  SG_TRY(change_row(key.first, key.second, [&](Connection&, Unit& unit) -> Result<> {
    if (is_terminal(unit.run.state)) return fail(Code::kRunState, "run: is at its end already");
    stepper.finish(unit, RunState::kExpired, "run-limit", "the run took longer than its wall clock allows");
    return {};
  }));
  return {};
}

// Nobody answered in time.
Result<> Engine::State::expire_question(const RunKey& key) {
  SG_TRY(const RunRow row, read_run(key));
  SG_TRY(const std::shared_ptr<const Basis> held, basis(row.basis_hash));
  SG_TRY(change_row(key.first, key.second, [&](Connection& db, Unit& unit) -> Result<> {
    SG_TRY(const auto open, open_interrupt(db, key.first, key.second));
    if (!open || unit.run.state != RunState::kWaiting) return fail(Code::kRunState, "run: does not wait any more");
    stepper.accept_timeout(unit, *held, *open);
    return {};
  }));
  return {};
}

void Engine::State::tick() {
  const base::Timestamp now = services.env.now();
  scheduler.due(now);
  std::vector<RunKey> overdue;
  std::vector<RunKey> asked;
  std::vector<DueTask> work;
  const Result<> looked = services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(overdue, overdue_runs(db, now));
    SG_TRY(asked, expired_interrupts(db, now));
    SG_TRY(work, expired_work(db, now, kTasksATick));
    return {};
  });
  if (!looked) return;             // the next tick looks again
  static_cast<void>(tell_full());  // this and what follows: the next tick looks again
  for (const RunKey& key : overdue) report(key, expire_run(key));
  for (const RunKey& key : asked) report(key, expire_question(key));
  for (const DueTask& due : work) {
    const Result<> expired = expire_work(due, now);
    report(due.run, expired);
    if (!expired && expired.error().kind() == base::Kind::kBusy) return;  // so it would go with the others
  }
  static_cast<void>(remove_old(now));
}

}  // namespace stargraph::engine
