// The engine's threads: scheduler workers take runs from one durable point to the next, the timer finds what
// came due.
#include <cstdio>

#include "events.hpp"
#include "stargraph/audit/outbox.hpp"
#include "state.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::Result;

constexpr auto kTick = std::chrono::milliseconds(250);
constexpr auto kTroublePause = std::chrono::seconds(1);
constexpr auto kFullPause = std::chrono::seconds(10);  // there may be many of them, and room comes slowly
constexpr int kMostDoublings = 9;                      // of that pause: 512 s

void log_trouble(const RunKey& key, const base::Error& error) {
  std::fprintf(stderr, "<3>run %s: held: %s (%s)\n", key.second.str().c_str(), error.message.c_str(),
               std::string(error.name()).c_str());
}

audit::Event recovered(const ReadyRun& run) {
  audit::Event event;
  event.name = audit::EventName::kRunRecovered;
  event.actor = engine_actor();
  event.tenant = run.key.first;
  event.run = run.key.second;
  event.data = {{"steps", run.steps}};
  return event;
}

}  // namespace

Result<RunRow> Engine::State::read_run(const RunKey& key) {
  RunRow row;
  SG_TRY(services.database.read([&](store::Connection& db) -> Result<> {
    SG_TRY(row, load_run(db, key.first, key.second));
    return {};
  }));
  return row;
}

Result<Unit> Engine::State::advance(const RunKey& key) {
  RunRow run;
  Result<> room;
  SG_TRY(services.database.read([&](store::Connection& db) -> Result<> {
    SG_TRY(run, load_run(db, key.first, key.second));
    room = room_to_go_on(db, key.first);
    return {};
  }));
  if (run.state != RunState::kPending && run.state != RunState::kRunning) {
    Unit nothing;
    nothing.run = std::move(run);
    return nothing;
  }
  if (!room && services.env.now() < run.deadline) return std::unexpected(room.error());
  SG_TRY(const std::shared_ptr<const Basis> held, basis(run.basis_hash));
  const auto evaluate = [&](const rules::EvaluationInput& input) { return evaluators.evaluate(*held, input); };
  return stepper.advance(std::move(run), *held, evaluate);
}

void Engine::State::drive(const RunKey& key, bool wait) {
  if (services.admit) {
    if (const auto admitted = services.admit(); !admitted) return hold(key, admitted.error());
  }
  auto made = advance(key);
  if (!made) return hold(key, made.error());
  const bool nothing = made->steps.empty() && made->events.empty() && !made->ask && !made->work &&
                       made->audit.empty() && made->run.state != RunState::kRunning;
  if (nothing) return let_go(key, false);
  auto unit = std::make_shared<const Unit>(*std::move(made));
  const base::Timestamp now = services.env.now();
  // Asked again where others of the tenant that were taken up meanwhile have written: one unit passes the budget, no
  // more.
  const auto operation = [this, unit, now](store::Connection& db) -> Result<> {
    if (unit->run.state != RunState::kExpired) {
      SG_TRY(room_to_go_on(db, unit->run.tenant));
    }
    return apply(db, *unit, now);
  };
  if (wait) {
    after(key, *unit, services.ledger.run(operation));
    return;
  }
  services.ledger.post(operation, [this, key, unit](const Result<>& applied) { after(key, *unit, applied); });
}

void Engine::State::after(const RunKey& key, const Unit& unit, const Result<>& applied) {
  if (!applied && applied.error().code != Code::kConflict) return hold(key, applied.error());
  // A conflict: somebody cancelled or paused it meanwhile; what the database says now counts.
  const bool again = !applied || (unit.run.state == RunState::kRunning && !unit.run.ready_at);
  if (applied && unit.run.ready_at) scheduler.ready_at(key, *unit.run.ready_at);
  if (applied) committed(unit.run, unit.work.has_value());
  let_go(key, again);
}

// The appliance's own trouble with a run, which is tried again. What passes by itself (a full queue, a full disk, an
// audit that lags) in a second, a tenant's budget in ten; anything else later and later, and the timer ends the run
// when its time is over.
void Engine::State::hold(const RunKey& key, const base::Error& error) {
  base::Duration pause = error.code == base::Code::kTenantFull ? base::Duration(kFullPause) : kTroublePause;
  if (error.kind() != base::Kind::kBusy) {
    log_trouble(key, error);
    const std::scoped_lock lock(mutex);
    int& times = troubles[key];
    pause *= 1 << times;
    times = std::min(times + 1, kMostDoublings);
  }
  scheduler.ready_at(key, services.env.now() + pause);
  scheduler.done(key, false);
}

void Engine::State::let_go(const RunKey& key, bool again) {
  {
    const std::scoped_lock lock(mutex);
    troubles.erase(key);
  }
  scheduler.done(key, again);
}

void Engine::State::report(const RunKey& key, const Result<>& result) {
  if (result || result.error().kind() == base::Kind::kBusy) return;  // the next tick looks again
  if (result.error().code == Code::kConflict || result.error().code == Code::kRunState) return;
  log_trouble(key, result.error());
}

void Engine::State::work_loop() {
  while (const auto key = scheduler.wait_next()) drive(*key, false);
}

void Engine::State::timer_loop() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    timer_wake.wait_for(lock, kTick);
    if (stopping) return;
    lock.unlock();
    tick();
    lock.lock();
  }
}

Result<> Engine::recover() {
  std::vector<ReadyRun> runs;
  SG_TRY(state_->services.database.read([&](store::Connection& db) -> Result<> {
    SG_TRY(runs, ready_runs(db));
    return {};
  }));
  if (runs.empty()) return {};
  const base::Timestamp now = state_->services.env.now();
  SG_TRY(state_->commit([&](store::Connection& db) -> Result<> {
    for (const ReadyRun& run : runs) {
      SG_TRY(audit::append(db, recovered(run), now));
    }
    return {};
  }));
  for (const ReadyRun& run : runs) state_->scheduler.ready_at(run.key, run.ready_at.value_or(now));
  state_->scheduler.due(now);
  return {};
}

Result<> Engine::start() {
  SG_TRY(recover());
  int count = state_->limits.workers;
  if (count <= 0) count = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  for (int i = 0; i < count; ++i) state_->threads.emplace_back([state = state_.get()] { state->work_loop(); });
  state_->timer = std::thread([state = state_.get()] { state->timer_loop(); });
  return {};
}

void Engine::stop() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stopping = true;
    state_->timer_wake.notify_all();
    state_->work_ready.notify_all();
  }
  state_->scheduler.stop();
  for (std::thread& thread : state_->threads) thread.join();
  state_->threads.clear();
  if (state_->timer.joinable()) state_->timer.join();
  state_->scheduler.wait_idle();  // units on their way to the disk still call back
}

bool Engine::run_one() {
  const auto key = state_->scheduler.next();
  if (!key) return false;
  state_->drive(*key, true);
  return true;
}

void Engine::tick() { state_->tick(); }

}  // namespace stargraph::engine
