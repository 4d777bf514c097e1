#include "stargraph/engine/engine_store.hpp"

#include <array>

#include "stargraph/audit/outbox.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/store/append_only.hpp"
#include "tables.hpp"

namespace stargraph::engine {
namespace {

using base::Result;
using store::Connection;
using store::Statement;

const std::string& first_migration() {
  static const std::string sql =
      R"sql(
CREATE TABLE bases(
  basis_hash TEXT PRIMARY KEY, graph_document TEXT NOT NULL, packs TEXT NOT NULL, any_worker_kind INTEGER NOT NULL
) STRICT;
CREATE TABLE runs(
  run_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, graph_id TEXT NOT NULL, graph_hash TEXT NOT NULL,
  basis_hash TEXT NOT NULL REFERENCES bases(basis_hash), state TEXT NOT NULL, paused_state TEXT,
  trigger_source TEXT NOT NULL, started_by TEXT NOT NULL, started_at INTEGER NOT NULL, last_step_at INTEGER NOT NULL,
  finished_at INTEGER, deadline INTEGER NOT NULL, ready_at INTEGER, parent TEXT, steps INTEGER NOT NULL, node TEXT NOT NULL,
  reason TEXT NOT NULL, error_class TEXT, error_cause TEXT, data TEXT NOT NULL, cursor TEXT NOT NULL,
  step_hash TEXT NOT NULL, decision_hash TEXT NOT NULL, salt TEXT NOT NULL, event_seq INTEGER NOT NULL, version INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_by_tenant ON runs(tenant, started_at);
CREATE INDEX runs_open ON runs(state) WHERE state IN ('pending','running','waiting','working','paused');
CREATE TABLE steps(
  tenant TEXT NOT NULL, run_id TEXT NOT NULL REFERENCES runs(run_id), number INTEGER NOT NULL, node TEXT NOT NULL,
  record TEXT NOT NULL, step_hash TEXT NOT NULL, decision_hash TEXT NOT NULL, PRIMARY KEY(run_id, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE events(
  tenant TEXT NOT NULL, run_id TEXT NOT NULL REFERENCES runs(run_id), seq INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY(run_id, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE interrupts(
  interrupt_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL,
  node TEXT NOT NULL, question TEXT NOT NULL, guards TEXT NOT NULL, state TEXT NOT NULL, asked_at INTEGER NOT NULL, expires_at INTEGER,
  response TEXT, actor TEXT, answered_at INTEGER
) STRICT;
CREATE UNIQUE INDEX interrupts_open ON interrupts(run_id) WHERE state = 'open';
CREATE INDEX interrupts_due ON interrupts(expires_at) WHERE state = 'open';
CREATE TABLE work_items(
  task_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL,
  node TEXT NOT NULL, kind TEXT NOT NULL, config TEXT NOT NULL, input TEXT NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL,
  lease TEXT NOT NULL, owner TEXT NOT NULL, lease_until INTEGER, deadline INTEGER NOT NULL, output_digest TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX work_open ON work_items(run_id) WHERE state IN ('ready','leased');
CREATE INDEX work_due ON work_items(deadline) WHERE state IN ('ready','leased');
CREATE INDEX work_ready ON work_items(tenant, kind, task_id) WHERE state = 'ready';
CREATE TABLE idempotency(
  tenant TEXT NOT NULL, key TEXT NOT NULL, request_digest TEXT NOT NULL, run_id TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY(tenant, key)
) STRICT, WITHOUT ROWID;
)sql" +
      store::append_only_triggers("steps") + store::append_only_triggers("events") +
      store::append_only_triggers("bases");
  return sql;
}

// Which policy a run rests on stands in its basis as a pack; a run that a revocation stopped is told of once.
const std::string& second_migration() {
  static const std::string sql =
      R"sql(
ALTER TABLE bases ADD COLUMN policy TEXT;
CREATE TABLE revoked_runs(
  run_id TEXT PRIMARY KEY REFERENCES runs(run_id), tenant TEXT NOT NULL, pack TEXT NOT NULL, at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql" +
      store::append_only_triggers("revoked_runs");
  return sql;
}

Result<> insert_steps(Connection& db, const Unit& unit) {
  if (unit.steps.empty()) return {};
  SG_TRY(Statement row, db.query("INSERT INTO steps(tenant, run_id, number, node, record, step_hash, decision_hash) "
                                 "VALUES(?1,?2,?3,?4,?5,?6,?7)"));
  for (const StepRow& step : unit.steps) {
    row.bind(1, unit.run.tenant.str()).bind(2, unit.run.id.str()).bind(3, step.number).bind(4, step.node.str());
    row.bind(5, step.record).bind(6, step.step_hash.hex()).bind(7, step.decision_hash.hex());
    SG_TRY(row.run());
    row.reset();
  }
  return {};
}

// Numbers the events after `last`, the run's last one.
Result<> insert_events(Connection& db, const Unit& unit, std::int64_t last) {
  if (unit.events.empty()) return {};
  SG_TRY(Statement row, db.query("INSERT INTO events(tenant, run_id, seq, body) VALUES(?1,?2,?3,?4)"));
  for (const json::Object& event : unit.events) {
    ++last;
    const json::Value run_id(unit.run.id.str());
    const json::Value seq(last);
    const json::Value event_id(unit.run.id.str() + "-" + std::to_string(last));
    std::vector<json::MemberView> body{{"run_id", run_id}, {"seq", seq}, {"event_id", event_id}};
    body.insert(body.end(), event.begin(), event.end());
    row.bind(1, unit.run.tenant.str()).bind(2, unit.run.id.str()).bind(3, last).bind(4, json::canonical_of(body));
    SG_TRY(row.run());
    row.reset();
  }
  return {};
}

}  // namespace

std::span<const store::Migration> engine_migrations() {
  static const std::array<store::Migration, 2> migrations = {
      {{"engine", 1, first_migration()}, {"engine", 2, second_migration()}}};
  return migrations;
}

Result<> apply(Connection& db, const Unit& unit, base::Timestamp now) {
  RunRow run = unit.run;
  const std::int64_t last = run.event_seq;
  run.event_seq += static_cast<std::int64_t>(unit.events.size());
  SG_TRY(update_run(db, run));
  if (unit.close_waits) {
    SG_TRY(close_waits(db, run));
  }
  SG_TRY(insert_steps(db, unit));
  SG_TRY(insert_events(db, unit, last));
  if (unit.ask) {
    SG_TRY(insert_interrupt(db, run, *unit.ask));
  }
  if (unit.work) {
    SG_TRY(insert_work(db, *unit.work));
  }
  for (const audit::Event& event : unit.audit) {
    SG_TRY(audit::append(db, event, now));
  }
  return {};
}

}  // namespace stargraph::engine
