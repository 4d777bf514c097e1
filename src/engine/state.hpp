// What an Engine holds; engine.cpp has runs, work.cpp the work queue, timer.cpp what comes due, drive.cpp the threads,
// budget.cpp what tenants may hold and how long.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "evaluators.hpp"
#include "scheduler.hpp"
#include "stargraph/engine/engine.hpp"
#include "stargraph/policy/clock.hpp"
#include "stepper.hpp"

namespace stargraph::engine {

struct Engine::State {
  State(const EngineServices& given, const EngineLimits& bounds, std::shared_ptr<const Catalog> graphs);

  EngineServices services;
  policy::Clock clock{services.env};  // for what a policy's times say
  EngineLimits limits;
  Stepper stepper;
  Evaluators evaluators;
  Scheduler scheduler;

  std::mutex mutex;  // of what follows
  std::shared_ptr<const Catalog> catalog;
  std::map<std::string, std::shared_ptr<const Basis>> bases;  // rebuilt ones, by basis hash
  RevokedBecause revoked;                                     // empty: nothing is
  std::function<void(const base::RunId&)> wake;
  std::condition_variable work_ready;
  std::uint64_t work_made = 0;
  std::map<RunKey, int> troubles;  // how often in a row a run was held

  // Of the timer alone.
  std::set<base::TenantId> told_full;  // tenants whose use was told of
  bool clock_moved = false;            // so nothing is removed until a new start
  bool removal_told = false;           // that something could not be removed
  const base::Timestamp began = services.env.now();
  const base::Duration began_monotonic = services.env.monotonic();

  std::vector<std::thread> threads;
  std::thread timer;
  std::condition_variable timer_wake;
  bool stopping = false;

  [[nodiscard]] base::Result<std::shared_ptr<const Basis>> basis(const crypto::Digest& hash);
  [[nodiscard]] rules::Limits catalog_limits();
  // Runs `operation` in one ledger transaction and waits; then tells others what was committed.
  [[nodiscard]] base::Result<> commit(const store::Ledger::Operation& operation);
  // After a unit of `run` is on disk: events, audit shipper, queue.
  void committed(const RunRow& run, bool new_work);
  void announce_work();
  // Changes one run: loads it, lets `change` fill the unit and applies it, in one transaction. A scheduler
  // thread that had the run in hand finds its own unit overtaken.
  using Change = std::function<base::Result<>(store::Connection&, Unit&)>;
  [[nodiscard]] base::Result<RunView> change(const base::TenantId& tenant, const base::RunId& run, const Change& what);
  [[nodiscard]] base::Result<RunRow> change_row(const base::TenantId& tenant, const base::RunId& run,
                                                const Change& what);

  // revoke.cpp
  // kPackRevoked, or kPolicyRevoked when it is the policy.
  [[nodiscard]] base::Result<> check_not_revoked(std::span<const trust::PackRef> packs,
                                                 const std::optional<trust::PackRef>& policy);
  [[nodiscard]] base::Result<> check_not_revoked(store::Connection& db, const RunRow& run);
  [[nodiscard]] base::Result<std::int64_t> pause_revoked(const crypto::Digest& basis_hash, const RevokedPack& found);

  // judge.cpp
  // What the policy of `graphs` says about a run of `basis` now; nothing when there is no policy.
  [[nodiscard]] base::Result<std::optional<policy::Decision>> judge(const Catalog& graphs, const Basis& basis);

  // drive.cpp
  [[nodiscard]] base::Result<RunRow> read_run(const RunKey& key);
  [[nodiscard]] base::Result<Unit> advance(const RunKey& key);
  void drive(const RunKey& key, bool wait);
  void after(const RunKey& key, const Unit& unit, const base::Result<>& applied);
  void hold(const RunKey& key, const base::Error& error);
  void let_go(const RunKey& key, bool again);  // the trouble with it, if there was any, is over
  // Tells of trouble that is not just somebody who was faster.
  void report(const RunKey& key, const base::Result<>& result);
  void work_loop();
  void timer_loop();

  // budget.cpp
  // In the transaction that would write: kTenantFull.
  [[nodiscard]] base::Result<> room_to_start(store::Connection& db, const base::TenantId& tenant) const;
  [[nodiscard]] base::Result<> room_to_go_on(store::Connection& db, const base::TenantId& tenant) const;
  [[nodiscard]] base::Result<> tell_full();
  [[nodiscard]] bool may_remove(base::Timestamp now);
  [[nodiscard]] base::Result<> remove_run(const RunKey& key, base::Timestamp now, Room& room);
  [[nodiscard]] base::Result<> remove_old(base::Timestamp now);

  // timer.cpp
  void tick();
  [[nodiscard]] base::Result<> expire_work(const DueTask& due, base::Timestamp now);
  [[nodiscard]] base::Result<> expire_run(const RunKey& key);
  [[nodiscard]] base::Result<> expire_question(const RunKey& key);
};

}  // namespace stargraph::engine
