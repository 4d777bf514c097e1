#include "stargraph/engine/engine_store.hpp"

#include <array>

#include "stargraph/store/append_only.hpp"

namespace stargraph::engine {
namespace {

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

// What a run holds is counted (runs.held_bytes), what all of a tenant holds as well. Records go when their time is
// over: of a run whose tombstone stands in removed_runs, and of no other. A tombstone is of a run that has ended and
// says how; from then on nothing more is written of that run. What is there is counted by lengths: no text is read for
// it.
constexpr std::string_view kThirdMigration = R"sql(
ALTER TABLE runs ADD COLUMN held_bytes INTEGER NOT NULL DEFAULT 0;
CREATE TABLE tenant_use(tenant TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE removed_runs(
  run_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, finished_at INTEGER NOT NULL, steps INTEGER NOT NULL,
  step_hash TEXT NOT NULL, decision_hash TEXT NOT NULL, removed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_run ON idempotency(run_id);
CREATE INDEX interrupts_by_run ON interrupts(run_id);
CREATE INDEX work_by_run ON work_items(run_id);
CREATE INDEX runs_ended ON runs(finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_leaving ON runs(state) WHERE state = 'removed';

CREATE TRIGGER removed_runs_refuses_UPDATE BEFORE UPDATE ON removed_runs
BEGIN SELECT RAISE(ABORT, 'append-only: removed_runs'); END;
CREATE TRIGGER removed_runs_refuses_DELETE BEFORE DELETE ON removed_runs
BEGIN SELECT RAISE(ABORT, 'append-only: removed_runs'); END;
CREATE TRIGGER removed_runs_refuses_open BEFORE INSERT ON removed_runs WHEN NOT EXISTS(
  SELECT 1 FROM runs r WHERE r.run_id = NEW.run_id AND r.tenant = NEW.tenant
  AND r.state IN ('done','failed','cancelled','expired') AND r.finished_at = NEW.finished_at AND r.steps = NEW.steps
  AND r.step_hash = NEW.step_hash AND r.decision_hash = NEW.decision_hash AND r.finished_at < NEW.removed_at)
BEGIN SELECT RAISE(ABORT, 'removed_runs: no run that ended so'); END;

DROP TRIGGER steps_refuses_DELETE;
CREATE TRIGGER steps_refuses_DELETE BEFORE DELETE ON steps
WHEN NOT EXISTS(SELECT 1 FROM removed_runs r WHERE r.run_id = OLD.run_id AND r.tenant = OLD.tenant)
BEGIN SELECT RAISE(ABORT, 'append-only: steps'); END;
DROP TRIGGER events_refuses_DELETE;
CREATE TRIGGER events_refuses_DELETE BEFORE DELETE ON events
WHEN NOT EXISTS(SELECT 1 FROM removed_runs r WHERE r.run_id = OLD.run_id AND r.tenant = OLD.tenant)
BEGIN SELECT RAISE(ABORT, 'append-only: events'); END;
DROP TRIGGER revoked_runs_refuses_DELETE;
CREATE TRIGGER revoked_runs_refuses_DELETE BEFORE DELETE ON revoked_runs
WHEN NOT EXISTS(SELECT 1 FROM removed_runs r WHERE r.run_id = OLD.run_id AND r.tenant = OLD.tenant)
BEGIN SELECT RAISE(ABORT, 'append-only: revoked_runs'); END;
CREATE TRIGGER runs_refuses_DELETE BEFORE DELETE ON runs
WHEN NOT EXISTS(SELECT 1 FROM removed_runs r WHERE r.run_id = OLD.run_id AND r.tenant = OLD.tenant)
BEGIN SELECT RAISE(ABORT, 'runs: not removed'); END;

CREATE TRIGGER steps_refuses_late BEFORE INSERT ON steps
WHEN EXISTS(SELECT 1 FROM removed_runs r WHERE r.run_id = NEW.run_id)
BEGIN SELECT RAISE(ABORT, 'steps: the run was removed'); END;
CREATE TRIGGER events_refuses_late BEFORE INSERT ON events
WHEN EXISTS(SELECT 1 FROM removed_runs r WHERE r.run_id = NEW.run_id)
BEGIN SELECT RAISE(ABORT, 'events: the run was removed'); END;
CREATE TRIGGER runs_refuses_late BEFORE INSERT ON runs
WHEN EXISTS(SELECT 1 FROM removed_runs r WHERE r.run_id = NEW.run_id)
BEGIN SELECT RAISE(ABORT, 'runs: the run was removed'); END;
CREATE TRIGGER runs_refuses_back BEFORE UPDATE OF state ON runs
WHEN NEW.state <> 'removed' AND EXISTS(SELECT 1 FROM removed_runs r WHERE r.run_id = OLD.run_id)
BEGIN SELECT RAISE(ABORT, 'runs: the run was removed'); END;

UPDATE runs SET held_bytes = 512 + octet_length(data) + octet_length(cursor) + octet_length(reason)
  + coalesce(octet_length(error_cause), 0)
  + (SELECT coalesce(sum(512 + octet_length(record)), 0) FROM steps s WHERE s.run_id = runs.run_id)
  + (SELECT coalesce(sum(512 + octet_length(body)), 0) FROM events e WHERE e.run_id = runs.run_id)
  + (SELECT coalesce(sum(512 + octet_length(question) + octet_length(guards) + coalesce(octet_length(response), 0)), 0)
     FROM interrupts i WHERE i.run_id = runs.run_id)
  + (SELECT coalesce(sum(512 + octet_length(config) + octet_length(input)), 0)
     FROM work_items w WHERE w.run_id = runs.run_id)
  + (SELECT coalesce(sum(512 + octet_length(key)), 0) FROM idempotency k WHERE k.run_id = runs.run_id)
  + (SELECT 512 * count(*) FROM revoked_runs v WHERE v.run_id = runs.run_id);
INSERT INTO tenant_use(tenant, bytes) SELECT tenant, sum(held_bytes) FROM runs GROUP BY tenant;
)sql";

}  // namespace

std::span<const store::Migration> engine_migrations() {
  static const std::array<store::Migration, 3> migrations = {
      {{"engine", 1, first_migration()}, {"engine", 2, second_migration()}, {"engine", 3, kThirdMigration}}};
  return migrations;
}

}  // namespace stargraph::engine
