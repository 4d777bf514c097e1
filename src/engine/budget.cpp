// What the records of a tenant may hold, and how long those of a run stay (docs/formats/run.md, Budget, Retention).
#include <algorithm>
#include <cstdio>

#include "events.hpp"
#include "stargraph/audit/outbox.hpp"
#include "state.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::fail;
using base::Result;
using store::Connection;

// Of one tick, four of which make a second: what the ledger takes without others waiting long for it, and what an
// administrator sees in the log while most of it still stands.
constexpr std::int64_t kRunsATick = 4;
constexpr std::int64_t kRowsATick = 256;
constexpr std::int64_t kBytesATick = 4 << 20;
// A wall clock that left the monotonic one by more than this was set, not drifting.
constexpr auto kMostDrift = std::chrono::hours(1);

// From here on no run starts; what is above is for those that have begun.
constexpr std::int64_t start_mark(std::int64_t budget) { return budget - budget / 10; }
// Under this a tenant is told of again when it passes the mark once more.
constexpr std::int64_t quiet_mark(std::int64_t budget) { return budget - budget / 5; }

Result<> below(const base::TenantId& tenant, std::int64_t held, std::int64_t mark, std::int64_t budget) {
  if (held < mark) return {};
  return fail(Code::kTenantFull, "the records of tenant " + tenant.str() + " hold " + std::to_string(held) +
                                     " bytes of its budget of " + std::to_string(budget) + " bytes");
}

audit::Event removed(const RunRow& run) {
  return make_audit(audit::EventName::kRunRemoved, audit::Outcome::kSuccess, run, engine_actor(),
                    {{"decision_hash", run.decision_hash.hex()},
                     {"finished_at", base::format_rfc3339(*run.finished_at)},
                     {"state", run_state_name(run.state)},
                     {"step_hash", run.step_hash.hex()},
                     {"steps", run.steps}});
}

}  // namespace

Result<> Engine::State::room_to_start(Connection& db, const base::TenantId& tenant) const {
  SG_TRY(const std::int64_t held, tenant_use(db, tenant));
  return below(tenant, held, start_mark(limits.tenant_bytes), limits.tenant_bytes);
}

Result<> Engine::State::room_to_go_on(Connection& db, const base::TenantId& tenant) const {
  SG_TRY(const std::int64_t held, tenant_use(db, tenant));
  return below(tenant, held, limits.tenant_bytes, limits.tenant_bytes);
}

// Once for each time that a tenant passes the mark.
Result<> Engine::State::tell_full() {
  std::vector<TenantUse> loud;
  SG_TRY(services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(loud, tenants_from(db, quiet_mark(limits.tenant_bytes)));
    return {};
  }));
  std::erase_if(told_full, [&](const base::TenantId& tenant) {
    return std::ranges::none_of(loud, [&](const TenantUse& one) { return one.tenant == tenant; });
  });
  for (const TenantUse& one : loud) {
    if (one.bytes < start_mark(limits.tenant_bytes) || !told_full.insert(one.tenant).second) continue;
    std::fprintf(stderr,
                 "<4>tenant %s: its records hold %lld bytes of its budget of %lld: no run of it starts until there is "
                 "room\n",
                 one.tenant.str().c_str(), static_cast<long long>(one.bytes),
                 static_cast<long long>(limits.tenant_bytes));
  }
  return {};
}

// Not while the wall clock says something else than the time that went by: a clock set ahead would take everything.
bool Engine::State::may_remove(base::Timestamp now) {
  if (clock_moved) return false;
  const base::Duration drift = (now - began) - (services.env.monotonic() - began_monotonic);
  if (drift <= kMostDrift && drift >= -kMostDrift) return true;
  clock_moved = true;
  std::fprintf(stderr,
               "<4>retention: the clock was set by %lld s since the start: nothing is removed until a new start\n",
               static_cast<long long>(std::chrono::duration_cast<std::chrono::seconds>(drift).count()));
  return false;
}

// The tombstone and its audit entry first, and as many rows as one tick takes; the rest goes with the ticks after it,
// whatever the configuration says by then.
Result<> Engine::State::remove_run(const RunKey& key, base::Timestamp now, Room& room) {
  if (services.admit) {
    SG_TRY(services.admit());
  }
  SG_TRY(commit([&](Connection& db) -> Result<> {
    SG_TRY(const std::optional<RunRow> run, unburied(db, key));
    if (run) {
      SG_TRY(bury(db, *run, now));
      SG_TRY(audit::append(db, removed(*run), now));
    }
    return remove_rows(db, key, room);
  }));
  if (services.committed) services.committed();
  return {};
}

Result<> Engine::State::remove_old(base::Timestamp now) {
  std::optional<base::Timestamp> before;
  if (limits.retention > base::Duration(0)) before = now - limits.retention;
  std::vector<RunKey> due;
  SG_TRY(services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(due, runs_to_remove(db, before, kRunsATick));
    return {};
  }));
  if (due.empty() || !may_remove(now)) return {};
  Room room{kRowsATick, kBytesATick};
  bool trouble = false;
  for (const RunKey& key : due) {
    if (!room.left()) break;
    const Result<> removed = remove_run(key, now, room);
    if (removed) continue;
    if (removed.error().kind() == base::Kind::kBusy) return {};  // so it would go with the others
    if (!removal_told) {
      std::fprintf(stderr, "<3>run %s: not removed: %s (%s)\n", key.second.str().c_str(),
                   removed.error().message.c_str(), std::string(removed.error().name()).c_str());
    }
    trouble = true;
  }
  removal_told = trouble;
  return {};
}

Result<Use> Engine::use(const base::TenantId& tenant) {
  Use use{.held = 0, .budget = state_->limits.tenant_bytes};
  SG_TRY(state_->services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(use.held, tenant_use(db, tenant));
    return {};
  }));
  return use;
}

}  // namespace stargraph::engine
