// Tables tenant_use and removed_runs: what tenants hold, and how the records of a run go when their time is over.
#include <array>

#include "columns.hpp"

namespace stargraph::engine {

using base::Result;
using base::Timestamp;
using base::to_micros;
using store::Connection;
using store::Statement;

namespace {

// One row each, the oldest first, and what it held. The key first, so that it is free at once; children before the run,
// so that foreign keys hold at every moment.
constexpr auto kRemovals = std::to_array<std::string_view>({
    "DELETE FROM idempotency WHERE tenant=?2 AND key=(SELECT key FROM idempotency WHERE run_id=?1 AND tenant=?2 "
    "LIMIT 1) RETURNING octet_length(key)",
    "DELETE FROM steps WHERE run_id=?1 AND number=(SELECT min(number) FROM steps WHERE run_id=?1) AND tenant=?2 "
    "RETURNING octet_length(record)",
    "DELETE FROM events WHERE run_id=?1 AND seq=(SELECT min(seq) FROM events WHERE run_id=?1) AND tenant=?2 "
    "RETURNING octet_length(body)",
    "DELETE FROM interrupts WHERE interrupt_id=(SELECT interrupt_id FROM interrupts WHERE run_id=?1 LIMIT 1) AND "
    "tenant=?2 RETURNING octet_length(question)+octet_length(guards)+coalesce(octet_length(response),0)",
    "DELETE FROM work_items WHERE task_id=(SELECT task_id FROM work_items WHERE run_id=?1 LIMIT 1) AND tenant=?2 "
    "RETURNING octet_length(config)+octet_length(input)",
    "DELETE FROM revoked_runs WHERE run_id=?1 AND tenant=?2 RETURNING 0",
});

// What the statement says of the row that it removed; nothing when there was none.
Result<std::optional<std::int64_t>> remove_one(Connection& db, std::string_view sql, const RunKey& key) {
  SG_TRY(Statement row, db.query(sql));
  row.bind(1, key.second.str()).bind(2, key.first.str());
  SG_TRY(const bool gone, row.step());
  if (!gone) return std::nullopt;
  const std::int64_t said = row.integer(0);
  SG_TRY([[maybe_unused]] const bool more, row.step());  // to its end, where foreign keys are looked at
  return said;
}

Result<> shrink(Connection& db, const RunKey& key, std::int64_t freed) {
  SG_TRY(Statement row, db.query("UPDATE runs SET held_bytes=held_bytes-?1 WHERE run_id=?2 AND tenant=?3"));
  row.bind(1, freed).bind(2, key.second.str()).bind(3, key.first.str());
  SG_TRY(row.run());
  return add_use(db, key.first, -freed);
}

}  // namespace

Result<> add_use(Connection& db, const base::TenantId& tenant, std::int64_t bytes) {
  if (bytes == 0) return {};
  SG_TRY(Statement row, db.query("INSERT INTO tenant_use(tenant, bytes) VALUES(?1,?2) ON CONFLICT(tenant) DO UPDATE "
                                 "SET bytes=bytes+excluded.bytes"));
  row.bind(1, tenant.str()).bind(2, bytes);
  return row.run();
}

Result<std::int64_t> tenant_use(Connection& db, const base::TenantId& tenant) {
  SG_TRY(Statement row, db.query("SELECT bytes FROM tenant_use WHERE tenant=?1"));
  row.bind(1, tenant.str());
  SG_TRY(const bool found, row.step());
  return found ? row.integer(0) : 0;
}

Result<std::vector<TenantUse>> tenants_from(Connection& db, std::int64_t bytes) {
  SG_TRY(Statement rows, db.query("SELECT tenant, bytes FROM tenant_use WHERE bytes>=?1"));
  rows.bind(1, bytes);
  std::vector<TenantUse> out;
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return out;
    out.push_back({base::TenantId(rows.text(0)), rows.integer(1)});
  }
}

Result<std::vector<RunKey>> runs_to_remove(Connection& db, std::optional<Timestamp> before, std::int64_t limit) {
  SG_TRY(Statement leaving, db.query("SELECT tenant, run_id FROM runs WHERE state='removed' LIMIT ?1"));
  leaving.bind(1, limit);
  SG_TRY(std::vector<RunKey> out, keys(leaving));
  if (!before || static_cast<std::int64_t>(out.size()) >= limit) return out;
  SG_TRY(Statement rows, db.query("SELECT tenant, run_id FROM runs WHERE finished_at<?1 AND state IN "
                                  "('done','failed','cancelled','expired') ORDER BY finished_at LIMIT ?2"));
  rows.bind(1, to_micros(*before)).bind(2, limit - static_cast<std::int64_t>(out.size()));
  SG_TRY(const std::vector<RunKey> due, keys(rows));
  out.insert(out.end(), due.begin(), due.end());
  return out;
}

Result<std::optional<RunRow>> unburied(Connection& db, const RunKey& key) {
  SG_TRY(Statement row, db.query("SELECT state, finished_at, steps, step_hash, decision_hash FROM runs WHERE run_id=?1 "
                                 "AND tenant=?2 AND state IN ('done','failed','cancelled','expired')"));
  row.bind(1, key.second.str()).bind(2, key.first.str());
  SG_TRY(const bool found, row.step());
  if (!found) return std::nullopt;
  RunRow run;
  run.id = key.second;
  run.tenant = key.first;
  run.state = run_state_from_name(row.text(0)).value_or(RunState::kFailed);
  run.finished_at = time_of(row.optional_integer(1));
  run.steps = row.integer(2);
  SG_TRY(run.step_hash, stored_digest(row.text(3)));
  SG_TRY(run.decision_hash, stored_digest(row.text(4)));
  return run;
}

Result<> bury(Connection& db, const RunRow& run, Timestamp now) {
  SG_TRY(Statement stone, db.query("INSERT INTO removed_runs(run_id, tenant, finished_at, steps, step_hash, "
                                   "decision_hash, removed_at) VALUES(?1,?2,?3,?4,?5,?6,?7)"));
  stone.bind(1, run.id.str()).bind(2, run.tenant.str()).bind(3, to_micros(*run.finished_at)).bind(4, run.steps);
  stone.bind(5, run.step_hash.hex()).bind(6, run.decision_hash.hex()).bind(7, to_micros(now));
  SG_TRY(stone.run());
  SG_TRY(Statement row, db.query("UPDATE runs SET state='removed', version=version+1 WHERE run_id=?1 AND tenant=?2"));
  row.bind(1, run.id.str()).bind(2, run.tenant.str());
  SG_TRY(row.run());
  return add_use(db, run.tenant, held_by(0));  // the tombstone stays
}

Result<> remove_rows(Connection& db, const RunKey& key, Room& room) {
  std::int64_t freed = 0;
  for (const std::string_view sql : kRemovals) {
    while (true) {
      if (!room.left()) return shrink(db, key, freed);
      SG_TRY(const std::optional<std::int64_t> held, remove_one(db, sql, key));
      if (!held) break;
      freed += kRowBytes + *held;
      room.bytes -= kRowBytes + *held;
      --room.rows;
    }
  }
  SG_TRY(shrink(db, key, freed));
  SG_TRY(const std::optional<std::int64_t> last,
         remove_one(db, "DELETE FROM runs WHERE run_id=?1 AND tenant=?2 RETURNING held_bytes", key));
  if (!last) return {};
  room.bytes -= *last;
  --room.rows;
  return add_use(db, key.first, -*last);
}

Result<bool> was_removed(Connection& db, const base::TenantId& tenant, const base::RunId& run) {
  SG_TRY(Statement row, db.query("SELECT 1 FROM removed_runs WHERE run_id=?1 AND tenant=?2"));
  row.bind(1, run.str()).bind(2, tenant.str());
  return row.step();
}

}  // namespace stargraph::engine
