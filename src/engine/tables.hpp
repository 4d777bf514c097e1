// Rows of the engine's tables in and out of the database. SQL stands in engine_store.cpp (the schema), apply.cpp (steps
// and events as they are appended), run_table.cpp, wait_table.cpp, revoke_table.cpp and use_table.cpp, nowhere else.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "row.hpp"
#include "stargraph/engine/catalog.hpp"
#include "stargraph/store/database.hpp"

namespace stargraph::engine {

using RunKey = std::pair<base::TenantId, base::RunId>;

// --- runs

// `written`: what other rows of the run hold already.
[[nodiscard]] base::Result<> insert_run(store::Connection& db, const RunRow& run, std::int64_t written);
// The whole unit, in the caller's transaction. kConflict when the run is not at `unit.run.version` any more;
// then nothing of the unit must stay (the caller's savepoint is rolled back). Counts what the run and its tenant hold.
[[nodiscard]] base::Result<> apply(store::Connection& db, const Unit& unit, base::Timestamp now);
[[nodiscard]] base::Result<RunRow> load_run(store::Connection& db, const base::TenantId& tenant,
                                            const base::RunId& run);  // kRunUnknown, kRunRemoved
[[nodiscard]] base::Result<RunView> load_view(store::Connection& db, const base::TenantId& tenant,
                                              const base::RunId& run);
[[nodiscard]] base::Result<RunPage> list_views(store::Connection& db, const base::TenantId& tenant,
                                               const RunFilter& filter);
[[nodiscard]] base::Result<std::vector<StepView>> load_steps(store::Connection& db, const base::TenantId& tenant,
                                                             const base::RunId& run, std::int64_t from,
                                                             std::int64_t limit);
[[nodiscard]] base::Result<std::vector<EventView>> load_events(store::Connection& db, const base::TenantId& tenant,
                                                               const base::RunId& run, std::int64_t after,
                                                               std::int64_t limit);
// Pending and running ones, oldest first: what recovery takes up.
struct ReadyRun {
  RunKey key;
  std::int64_t steps = 0;
  std::optional<base::Timestamp> ready_at;  // not before
};
[[nodiscard]] base::Result<std::vector<ReadyRun>> ready_runs(store::Connection& db);
// Runs over their wall clock. Whoever has one in hand finds its unit overtaken.
[[nodiscard]] base::Result<std::vector<RunKey>> overdue_runs(store::Connection& db, base::Timestamp now);

// --- idempotency: the run that this key made, kIdempotencyConflict when it was for another request

[[nodiscard]] base::Result<std::optional<base::RunId>> find_key(store::Connection& db, const base::TenantId& tenant,
                                                                const std::string& key,
                                                                const std::string& request_digest);
// Gives what the row holds, and so does each that is not part of a unit.
[[nodiscard]] base::Result<std::int64_t> insert_key(store::Connection& db, const base::TenantId& tenant,
                                                    const std::string& key, const std::string& request_digest,
                                                    const base::RunId& run, base::Timestamp now);

// --- what tenants hold, and records whose time is over (use_table.cpp)

[[nodiscard]] base::Result<> add_use(store::Connection& db, const base::TenantId& tenant, std::int64_t bytes);
[[nodiscard]] base::Result<std::int64_t> tenant_use(store::Connection& db, const base::TenantId& tenant);
struct TenantUse {
  base::TenantId tenant;
  std::int64_t bytes = 0;
};
[[nodiscard]] base::Result<std::vector<TenantUse>> tenants_from(store::Connection& db, std::int64_t bytes);

// Runs whose removal is under way, then those that ended before `before`, oldest first; at most `limit`.
[[nodiscard]] base::Result<std::vector<RunKey>> runs_to_remove(store::Connection& db,
                                                               std::optional<base::Timestamp> before,
                                                               std::int64_t limit);
// The run as it ended, with its state and what its tombstone says; nothing when that stands already.
[[nodiscard]] base::Result<std::optional<RunRow>> unburied(store::Connection& db, const RunKey& key);
// Its tombstone stands from here on: nobody sees the run any more, and its rows may go.
[[nodiscard]] base::Result<> bury(store::Connection& db, const RunRow& run, base::Timestamp now);
// What one act of removal may take with it, counted down.
struct Room {
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  [[nodiscard]] bool left() const { return rows > 0 && bytes > 0; }
};
// Rows of a buried run, as many as there is room for and the one that passes it.
[[nodiscard]] base::Result<> remove_rows(store::Connection& db, const RunKey& key, Room& room);
// Whether its tombstone stands.
[[nodiscard]] base::Result<bool> was_removed(store::Connection& db, const base::TenantId& tenant,
                                             const base::RunId& run);

// --- bases

[[nodiscard]] base::Result<> keep_basis(store::Connection& db, const Basis& basis);
struct StoredBasis {
  std::string graph_document;
  std::vector<trust::PackRef> packs;
  bool any_worker_kind = false;
  std::optional<trust::PackRef> policy;
};
[[nodiscard]] base::Result<StoredBasis> load_basis(store::Connection& db, const crypto::Digest& basis_hash);

// --- revocation (revoke_table.cpp)

// Distinct bases of the runs that are not at their end.
[[nodiscard]] base::Result<std::vector<crypto::Digest>> open_bases(store::Connection& db);
// Open runs that rest on it and that no revocation was told of yet, at most `limit`.
[[nodiscard]] base::Result<std::vector<RunKey>> untold_runs(store::Connection& db, const crypto::Digest& basis_hash,
                                                            std::int64_t limit);
[[nodiscard]] base::Result<std::int64_t> insert_revoked_run(store::Connection& db, const RunRow& run,
                                                            const trust::PackRef& pack, base::Timestamp now);

// --- interrupts

// Open questions and tasks of the run count no more.
[[nodiscard]] base::Result<> close_waits(store::Connection& db, const RunRow& run);

// The one that waits; nothing when none does.
[[nodiscard]] base::Result<std::optional<InterruptRow>> open_interrupt(store::Connection& db,
                                                                       const base::TenantId& tenant,
                                                                       const base::RunId& run);
[[nodiscard]] base::Result<std::int64_t> answer_interrupt(store::Connection& db, const base::TenantId& tenant,
                                                          const InterruptRow& interrupt, const json::Object& response,
                                                          const base::ActorName& actor, base::Timestamp now);
[[nodiscard]] base::Result<std::vector<RunKey>> expired_interrupts(store::Connection& db, base::Timestamp now);

// --- work

// Of a run that works: tasks of a paused run are not handed out.
[[nodiscard]] base::Result<std::optional<WorkRow>> oldest_ready(store::Connection& db,
                                                                const std::vector<base::TenantId>& tenants,
                                                                const std::vector<std::string>& kinds,
                                                                base::Timestamp now);
[[nodiscard]] base::Result<WorkRow> load_work(store::Connection& db, const std::vector<base::TenantId>& tenants,
                                              const base::TaskId& task);  // kTaskUnknown
[[nodiscard]] base::Result<> save_work(store::Connection& db, const WorkRow& work);
// Leased ones whose lease is over, and open ones over their deadline, at most `limit`. Keys only: a task holds the
// whole state of its run, and after an outage there may be thousands.
struct DueTask {
  base::TaskId task;
  RunKey run;
};
[[nodiscard]] base::Result<std::vector<DueTask>> expired_work(store::Connection& db, base::Timestamp now,
                                                              std::int64_t limit);

}  // namespace stargraph::engine
