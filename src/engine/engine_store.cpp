#include "stargraph/engine/engine_store.hpp"

#include <array>

#include "stargraph/audit/outbox.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/store/append_only.hpp"
#include "tables.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::fail;
using base::from_micros;
using base::Result;
using base::Timestamp;
using base::to_micros;
using store::Connection;
using store::Statement;

const std::string& first_migration() {
  static const std::string kSql =
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
CREATE TABLE work_items(
  task_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, run_id TEXT NOT NULL REFERENCES runs(run_id), step INTEGER NOT NULL,
  node TEXT NOT NULL, kind TEXT NOT NULL, config TEXT NOT NULL, input TEXT NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL,
  lease TEXT NOT NULL, owner TEXT NOT NULL, lease_until INTEGER, deadline INTEGER NOT NULL, output_digest TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX work_open ON work_items(run_id) WHERE state IN ('ready','leased');
CREATE INDEX work_ready ON work_items(tenant, kind, task_id) WHERE state = 'ready';
CREATE TABLE idempotency(
  tenant TEXT NOT NULL, key TEXT NOT NULL, request_digest TEXT NOT NULL, run_id TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY(tenant, key)
) STRICT, WITHOUT ROWID;
)sql" + store::append_only_triggers("steps") +
      store::append_only_triggers("events") + store::append_only_triggers("bases");
  return kSql;
}

constexpr auto kWorkStates = std::to_array<std::string_view>({"ready", "leased", "done", "failed", "closed"});
std::string_view work_state_name(WorkState state) { return kWorkStates[static_cast<std::size_t>(state)]; }
WorkState work_state_from_name(std::string_view name) {
  std::size_t index = 0;
  while (index + 1 < kWorkStates.size() && kWorkStates[index] != name) ++index;
  return static_cast<WorkState>(index);
}

std::optional<std::int64_t> micros(const std::optional<Timestamp>& time) {
  if (!time) return std::nullopt;
  return to_micros(*time);
}

std::optional<Timestamp> time_of(const std::optional<std::int64_t>& number) {
  if (!number) return std::nullopt;
  return from_micros(*number);
}

// What we wrote ourselves: larger and deeper than what we take from outside.
Result<json::Value> stored_json(const std::string& text) {
  json::ParseLimits limits;
  limits.max_bytes = std::size_t{64} << 20;
  limits.max_depth = 64;
  auto value = json::parse(text, limits);
  if (!value) return fail(Code::kInternal, "database: stored JSON: " + value.error().message);
  return value;
}

Result<json::Object> stored_object(const std::string& text) {
  SG_TRY(json::Value value, stored_json(text));
  if (value.object() == nullptr) return fail(Code::kInternal, "database: stored JSON: not an object");
  return std::move(*value.object());
}

Result<crypto::Digest> stored_digest(const std::string& hex) {
  auto digest = crypto::Digest::from_hex(hex);
  if (!digest) return fail(Code::kInternal, "database: stored digest: malformed");
  return digest;
}

json::Value guards_json(const std::vector<Approval>& guards) {
  json::Array out;
  for (const Approval& one : guards) out.push_back(json::Object{{"input_digest", one.input_digest}, {"node", one.node.str()}});
  return out;
}

Result<std::vector<RunKey>> keys(Statement& rows) {
  std::vector<RunKey> out;
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return out;
    out.emplace_back(base::TenantId(rows.text(0)), base::RunId(rows.text(1)));
  }
}

constexpr const char* kRunColumns =
    "run_id, tenant, graph_id, graph_hash, basis_hash, state, paused_state, trigger_source, started_by, started_at, last_step_at, finished_at, "
    "deadline, ready_at, parent, steps, node, reason, error_class, error_cause, data, cursor, step_hash, decision_hash, salt, event_seq, version";

Result<RunRow> read_run(const Statement& row) {
  RunRow run;
  run.id = base::RunId(row.text(0));
  run.tenant = base::TenantId(row.text(1));
  run.graph = base::GraphId(row.text(2));
  SG_TRY(run.graph_hash, stored_digest(row.text(3)));
  SG_TRY(run.basis_hash, stored_digest(row.text(4)));
  run.state = run_state_from_name(row.text(5)).value_or(RunState::kFailed);
  if (!row.is_null(6)) run.paused_state = run_state_from_name(row.text(6));
  run.trigger_source = row.text(7);
  run.started_by = base::ActorName(row.text(8));
  run.started_at = from_micros(row.integer(9));
  run.last_step_at = from_micros(row.integer(10));
  run.finished_at = time_of(row.optional_integer(11));
  run.deadline = from_micros(row.integer(12));
  run.ready_at = time_of(row.optional_integer(13));
  if (!row.is_null(14)) run.parent = base::RunId(row.text(14));
  run.steps = row.integer(15);
  run.node = base::NodeId(row.text(16));
  run.reason = row.text(17);
  run.error_class = row.optional_text(18);
  run.error_cause = row.optional_text(19);
  SG_TRY(run.data, stored_object(row.text(20)));
  SG_TRY(const json::Value cursor, stored_json(row.text(21)));
  SG_TRY(run.cursor, cursor_from_json(cursor));
  SG_TRY(run.step_hash, stored_digest(row.text(22)));
  SG_TRY(run.decision_hash, stored_digest(row.text(23)));
  run.salt = row.text(24);
  run.event_seq = row.integer(25);
  run.version = row.integer(26);
  return run;
}

// Columns that change, from parameter 1 on, in the order of kUpdate.
void bind_changing(Statement& row, const RunRow& run) {
  row.bind(1, run_state_name(run.state));
  row.bind(2, run.paused_state ? std::optional<std::string_view>(run_state_name(*run.paused_state)) : std::nullopt);
  row.bind(3, to_micros(run.last_step_at)).bind(4, micros(run.finished_at)).bind(5, micros(run.ready_at));
  row.bind(6, run.steps).bind(7, run.node.str()).bind(8, run.reason).bind(9, run.error_class).bind(10, run.error_cause);
  row.bind(11, json::canonical(run.data)).bind(12, json::canonical(to_json(run.cursor)));
  row.bind(13, run.step_hash.hex()).bind(14, run.decision_hash.hex()).bind(15, run.event_seq);
}

constexpr const char* kUpdate =
    "UPDATE runs SET state=?1, paused_state=?2, last_step_at=?3, finished_at=?4, ready_at=?5, steps=?6, node=?7, reason=?8, error_class=?9, "
    "error_cause=?10, data=?11, cursor=?12, step_hash=?13, decision_hash=?14, event_seq=?15, version=version+1 "
    "WHERE run_id=?16 AND tenant=?17 AND version=?18";

Result<> insert_steps(Connection& db, const Unit& unit) {
  if (unit.steps.empty()) return {};
  SG_TRY(Statement row, db.query("INSERT INTO steps(tenant, run_id, number, node, record, step_hash, decision_hash) VALUES(?1,?2,?3,?4,?5,?6,?7)"));
  for (const StepRow& step : unit.steps) {
    row.bind(1, unit.run.tenant.str()).bind(2, unit.run.id.str()).bind(3, step.number).bind(4, step.node.str());
    row.bind(5, json::canonical(step.record)).bind(6, step.step_hash.hex()).bind(7, step.decision_hash.hex());
    SG_TRY(row.run());
    row.reset();
  }
  return {};
}

// Numbers the events after `last`, the run's last one.
Result<> insert_events(Connection& db, const Unit& unit, std::int64_t last) {
  if (unit.events.empty()) return {};
  SG_TRY(Statement row, db.query("INSERT INTO events(tenant, run_id, seq, body) VALUES(?1,?2,?3,?4)"));
  for (json::Object body : unit.events) {
    ++last;
    body.set("run_id", unit.run.id.str());
    body.set("seq", last);
    body.set("event_id", unit.run.id.str() + "-" + std::to_string(last));
    row.bind(1, unit.run.tenant.str()).bind(2, unit.run.id.str()).bind(3, last).bind(4, json::canonical(body));
    SG_TRY(row.run());
    row.reset();
  }
  return {};
}

Result<> insert_interrupt(Connection& db, const RunRow& run, const InterruptRow& ask) {
  SG_TRY(Statement row, db.query("INSERT INTO interrupts(interrupt_id, tenant, run_id, step, node, question, guards, state, asked_at, expires_at) "
                                 "VALUES(?1,?2,?3,?4,?5,?6,?7,'open',?8,?9)"));
  row.bind(1, ask.id.str()).bind(2, run.tenant.str()).bind(3, run.id.str()).bind(4, ask.step).bind(5, ask.node.str());
  row.bind(6, json::canonical(to_json(ask.question))).bind(7, json::canonical(guards_json(ask.guards)));
  row.bind(8, to_micros(ask.asked_at)).bind(9, micros(ask.expires_at));
  return row.run();
}

Result<> insert_work(Connection& db, const WorkRow& work) {
  SG_TRY(Statement row, db.query("INSERT INTO work_items(task_id, tenant, run_id, step, node, kind, config, input, state, attempt, lease, owner, lease_until, "
                                 "deadline, output_digest) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)"));
  row.bind(1, work.id.str()).bind(2, work.tenant.str()).bind(3, work.run.str()).bind(4, work.step).bind(5, work.node.str()).bind(6, work.kind);
  row.bind(7, json::canonical(work.config)).bind(8, json::canonical(work.input)).bind(9, work_state_name(work.state)).bind(10, work.attempt);
  row.bind(11, work.lease).bind(12, work.owner.str()).bind(13, micros(work.lease_until)).bind(14, to_micros(work.deadline)).bind(15, work.output_digest);
  return row.run();
}

Result<> close_waits(Connection& db, const RunRow& run) {
  SG_TRY(Statement interrupts, db.query("UPDATE interrupts SET state='closed' WHERE run_id=?1 AND tenant=?2 AND state='open'"));
  interrupts.bind(1, run.id.str()).bind(2, run.tenant.str());
  SG_TRY(interrupts.run());
  SG_TRY(Statement work, db.query("UPDATE work_items SET state='closed' WHERE run_id=?1 AND tenant=?2 AND state IN ('ready','leased')"));
  work.bind(1, run.id.str()).bind(2, run.tenant.str());
  return work.run();
}

Result<InterruptRow> read_interrupt_row(const Statement& row) {
  InterruptRow out;
  out.id = base::InterruptId(row.text(0));
  out.step = row.integer(1);
  out.node = base::NodeId(row.text(2));
  SG_TRY(const json::Value question, stored_json(row.text(3)));
  SG_TRY(out.question, question_from_json(question));
  SG_TRY(const json::Value guards, stored_json(row.text(4)));
  if (guards.array() != nullptr) {
    for (const json::Value& one : *guards.array()) {
      json::Reader in(one, "guard");
      out.guards.push_back({base::NodeId(in.text("node")), in.text("input_digest")});
      SG_TRY(in.finish());
    }
  }
  out.asked_at = from_micros(row.integer(5));
  out.expires_at = time_of(row.optional_integer(6));
  return out;
}

constexpr const char* kWorkColumns =
    "task_id, tenant, run_id, step, node, kind, config, input, state, attempt, lease, owner, lease_until, deadline, output_digest";

Result<WorkRow> read_work(const Statement& row) {
  WorkRow work;
  work.id = base::TaskId(row.text(0));
  work.tenant = base::TenantId(row.text(1));
  work.run = base::RunId(row.text(2));
  work.step = row.integer(3);
  work.node = base::NodeId(row.text(4));
  work.kind = row.text(5);
  SG_TRY(work.config, stored_object(row.text(6)));
  SG_TRY(work.input, stored_object(row.text(7)));
  work.state = work_state_from_name(row.text(8));
  work.attempt = row.integer(9);
  work.lease = row.text(10);
  work.owner = base::ActorName(row.text(11));
  work.lease_until = time_of(row.optional_integer(12));
  work.deadline = from_micros(row.integer(13));
  work.output_digest = row.text(14);
  return work;
}

RunView view_of(const RunRow& run) {
  RunView view;
  view.id = run.id;
  view.tenant = run.tenant;
  view.graph = run.graph;
  view.graph_hash = run.graph_hash;
  view.basis_hash = run.basis_hash;
  view.state = run.state;
  view.trigger_source = run.trigger_source;
  view.started_by = run.started_by;
  view.started_at = run.started_at;
  view.last_step_at = run.last_step_at;
  view.finished_at = run.finished_at;
  view.parent = run.parent;
  view.steps = base::StepNumber(run.steps);
  view.node = run.node;
  view.reason = run.reason;
  view.error_class = run.error_class;
  view.error_cause = run.error_cause;
  return view;
}

InterruptView view_of(const InterruptRow& row) {
  InterruptView view;
  view.id = row.id;
  view.step = base::StepNumber(row.step);
  view.node = row.node;
  view.prompt = row.question.prompt;
  view.payload = row.question.payload;
  view.requested_capability = row.question.requested_capability;
  if (!row.guards.empty()) view.guards = row.guards.front().node;
  if (!row.question.stage.empty()) view.rule = row.question.stage + "/" + row.question.rule;
  view.asked_at = row.asked_at;
  view.expires_at = row.expires_at;
  return view;
}

// "?3,?4,?5" for `count` parameters from `first` on.
std::string places(int first, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "?" : ",?") + std::to_string(first + static_cast<int>(i));
  return out;
}

// The states a filter's word stands for: one of ours, or one of upstream's five.
std::vector<std::string> states_of(const std::string& status) {
  std::vector<std::string> out;
  const bool own = run_state_from_name(status).has_value();
  for (int i = 0; i <= static_cast<int>(RunState::kExpired); ++i) {
    const auto state = static_cast<RunState>(i);
    const bool fits = own ? run_state_name(state) == status : wire_status(state) == status;
    if (fits) out.emplace_back(run_state_name(state));
  }
  return out;
}

}  // namespace

std::span<const store::Migration> engine_migrations() {
  static const std::array<store::Migration, 1> kMigrations = {{{"engine", 1, first_migration()}}};
  return kMigrations;
}

Result<> insert_run(Connection& db, const RunRow& run) {
  SG_TRY(Statement row, db.query("INSERT INTO runs(run_id, tenant, graph_id, graph_hash, basis_hash, state, paused_state, trigger_source, started_by, started_at, "
                                 "last_step_at, finished_at, deadline, ready_at, parent, steps, node, reason, error_class, error_cause, data, cursor, step_hash, "
                                 "decision_hash, salt, event_seq, version) VALUES(?1,?2,?3,?4,?5,?6,NULL,?7,?8,?9,?10,NULL,?11,NULL,?12,?13,?14,'',NULL,NULL,?15,?16,"
                                 "?17,?18,?19,0,0)"));
  row.bind(1, run.id.str()).bind(2, run.tenant.str()).bind(3, run.graph.str()).bind(4, run.graph_hash.hex()).bind(5, run.basis_hash.hex());
  row.bind(6, run_state_name(run.state)).bind(7, run.trigger_source).bind(8, run.started_by.str()).bind(9, to_micros(run.started_at));
  row.bind(10, to_micros(run.last_step_at)).bind(11, to_micros(run.deadline));
  row.bind(12, run.parent ? std::optional<std::string>(run.parent->str()) : std::nullopt).bind(13, run.steps).bind(14, run.node.str());
  row.bind(15, json::canonical(run.data)).bind(16, json::canonical(to_json(run.cursor))).bind(17, run.step_hash.hex());
  row.bind(18, run.decision_hash.hex()).bind(19, run.salt);
  return row.run();
}

Result<> apply(Connection& db, const Unit& unit, Timestamp now) {
  RunRow run = unit.run;
  const std::int64_t last = run.event_seq;
  run.event_seq += static_cast<std::int64_t>(unit.events.size());
  {
    SG_TRY(Statement row, db.query(kUpdate));
    bind_changing(row, run);
    row.bind(16, run.id.str()).bind(17, run.tenant.str()).bind(18, run.version);
    SG_TRY(row.run());
  }
  if (db.changes() != 1) return fail(Code::kConflict, "run: " + run.id.str() + ": changed meanwhile");
  if (unit.close_waits) { SG_TRY(close_waits(db, run)); }
  SG_TRY(insert_steps(db, unit));
  SG_TRY(insert_events(db, unit, last));
  if (unit.ask) { SG_TRY(insert_interrupt(db, run, *unit.ask)); }
  if (unit.work) { SG_TRY(insert_work(db, *unit.work)); }
  for (const audit::Event& event : unit.audit) { SG_TRY(audit::append(db, event, now)); }
  return {};
}

Result<RunRow> load_run(Connection& db, const base::TenantId& tenant, const base::RunId& run) {
  SG_TRY(Statement row, db.query(std::string("SELECT ") + kRunColumns + " FROM runs WHERE run_id=?1 AND tenant=?2"));
  row.bind(1, run.str()).bind(2, tenant.str());
  SG_TRY(const bool found, row.step());
  if (!found) return fail(Code::kRunUnknown, "run: not known");
  return read_run(row);
}

Result<RunView> load_view(Connection& db, const base::TenantId& tenant, const base::RunId& run) {
  SG_TRY(const RunRow row, load_run(db, tenant, run));
  RunView view = view_of(row);
  view.data = row.data;
  SG_TRY(const auto interrupt, open_interrupt(db, tenant, run));
  if (interrupt) view.interrupt = view_of(*interrupt);
  return view;
}

Result<RunPage> list_views(Connection& db, const base::TenantId& tenant, const RunFilter& filter) {
  std::vector<std::string> states;
  if (filter.status) {
    states = states_of(*filter.status);
    if (states.empty()) return fail(Code::kRequestInvalid, "runs: status: not a state");
  }
  std::string where = " FROM runs WHERE tenant=?1 AND started_at>=?2 AND started_at<?3 AND (?4 IS NULL OR trigger_source=?4)";
  if (!states.empty()) where += " AND state IN (" + places(7, states.size()) + ")";
  const auto bind = [&](Statement& row) {
    row.bind(1, tenant.str()).bind(2, filter.since ? to_micros(*filter.since) : std::numeric_limits<std::int64_t>::min());
    row.bind(3, filter.until ? to_micros(*filter.until) : std::numeric_limits<std::int64_t>::max()).bind(4, filter.trigger_source);
    for (std::size_t i = 0; i < states.size(); ++i) row.bind(7 + static_cast<int>(i), states[i]);
  };
  RunPage page;
  SG_TRY(Statement count, db.query("SELECT count(*)" + where));
  bind(count);
  SG_TRY([[maybe_unused]] const bool counted, count.step());
  page.total = count.integer(0);
  SG_TRY(Statement rows, db.query(std::string("SELECT ") + kRunColumns + where + " ORDER BY started_at DESC, run_id DESC LIMIT ?5 OFFSET ?6"));
  bind(rows);
  rows.bind(5, filter.limit).bind(6, filter.offset);
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return page;
    SG_TRY(const RunRow run, read_run(rows));
    page.items.push_back(view_of(run));
  }
}

Result<std::vector<StepView>> load_steps(Connection& db, const base::TenantId& tenant, const base::RunId& run, std::int64_t from, std::int64_t limit) {
  SG_TRY(Statement rows, db.query("SELECT number, node, step_hash, decision_hash, record FROM steps WHERE run_id=?1 AND tenant=?2 AND number>=?3 ORDER BY number LIMIT ?4"));
  rows.bind(1, run.str()).bind(2, tenant.str()).bind(3, from).bind(4, limit);
  std::vector<StepView> out;
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return out;
    StepView view;
    view.number = base::StepNumber(rows.integer(0));
    view.node = base::NodeId(rows.text(1));
    SG_TRY(view.step_hash, stored_digest(rows.text(2)));
    SG_TRY(view.decision_hash, stored_digest(rows.text(3)));
    SG_TRY(view.record, stored_json(rows.text(4)));
    out.push_back(std::move(view));
  }
}

Result<std::vector<EventView>> load_events(Connection& db, const base::TenantId& tenant, const base::RunId& run, std::int64_t after, std::int64_t limit) {
  SG_TRY(Statement rows, db.query("SELECT seq, body FROM events WHERE run_id=?1 AND tenant=?2 AND seq>?3 ORDER BY seq LIMIT ?4"));
  rows.bind(1, run.str()).bind(2, tenant.str()).bind(3, after).bind(4, limit);
  std::vector<EventView> out;
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return out;
    EventView view;
    view.seq = base::EventSeq(rows.integer(0));
    SG_TRY(view.body, stored_json(rows.text(1)));
    out.push_back(std::move(view));
  }
}

Result<std::vector<RunKey>> ready_runs(Connection& db) {
  SG_TRY(Statement rows, db.query("SELECT tenant, run_id FROM runs WHERE state IN ('pending','running') ORDER BY run_id"));
  return keys(rows);
}

Result<std::vector<RunKey>> overdue_runs(Connection& db, Timestamp now) {
  SG_TRY(Statement rows, db.query("SELECT tenant, run_id FROM runs WHERE state IN ('waiting','working','paused') AND deadline<=?1"));
  rows.bind(1, to_micros(now));
  return keys(rows);
}

Result<std::optional<base::RunId>> find_key(Connection& db, const base::TenantId& tenant, const std::string& key, const std::string& request_digest) {
  SG_TRY(Statement row, db.query("SELECT run_id, request_digest FROM idempotency WHERE tenant=?1 AND key=?2"));
  row.bind(1, tenant.str()).bind(2, key);
  SG_TRY(const bool found, row.step());
  if (!found) return std::nullopt;
  if (row.text(1) != request_digest) return fail(Code::kIdempotencyConflict, "run: the key was used for another request");
  return base::RunId(row.text(0));
}

Result<> insert_key(Connection& db, const base::TenantId& tenant, const std::string& key, const std::string& request_digest, const base::RunId& run, Timestamp now) {
  SG_TRY(Statement row, db.query("INSERT INTO idempotency(tenant, key, request_digest, run_id, created_at) VALUES(?1,?2,?3,?4,?5)"));
  row.bind(1, tenant.str()).bind(2, key).bind(3, request_digest).bind(4, run.str()).bind(5, to_micros(now));
  return row.run();
}

Result<> keep_basis(Connection& db, const Basis& basis) {
  json::Array packs;
  for (const trust::PackRef& pack : basis.packs) {
    packs.push_back(json::Object{{"digest", pack.digest.hex()}, {"epoch", pack.epoch.value()}, {"id", pack.id.str()}, {"kind", pack::kind_name(pack.kind)}, {"version", pack.version}});
  }
  SG_TRY(Statement row, db.query("INSERT INTO bases(basis_hash, graph_document, packs, any_worker_kind) VALUES(?1,?2,?3,?4) ON CONFLICT DO NOTHING"));
  row.bind(1, basis.basis_hash.hex()).bind(2, basis.graph_document).bind(3, json::canonical(packs)).bind(4, basis.any_worker_kind);
  return row.run();
}

Result<StoredBasis> load_basis(Connection& db, const crypto::Digest& basis_hash) {
  SG_TRY(Statement row, db.query("SELECT graph_document, packs, any_worker_kind FROM bases WHERE basis_hash=?1"));
  row.bind(1, basis_hash.hex());
  SG_TRY(const bool found, row.step());
  if (!found) return fail(Code::kInternal, "database: basis: not there");
  StoredBasis out;
  out.graph_document = row.text(0);
  out.any_worker_kind = row.integer(2) != 0;
  SG_TRY(const json::Value packs, stored_json(row.text(1)));
  if (packs.array() == nullptr) return fail(Code::kInternal, "database: basis: packs: not a list");
  for (const json::Value& one : *packs.array()) {
    json::Reader in(one, "basis pack");
    trust::PackRef pack;
    pack.id = base::PackId(in.text("id"));
    pack.version = in.text("version");
    pack.epoch = base::Epoch(in.integer("epoch", 1, json::kMaxInteger));
    pack.kind = pack::kind_from_name(in.text("kind")).value_or(pack::PackKind::kRules);
    const std::string digest = in.text("digest");
    SG_TRY(in.finish());
    SG_TRY(pack.digest, stored_digest(digest));
    out.packs.push_back(std::move(pack));
  }
  return out;
}

Result<std::optional<InterruptRow>> open_interrupt(Connection& db, const base::TenantId& tenant, const base::RunId& run) {
  SG_TRY(Statement row, db.query("SELECT interrupt_id, step, node, question, guards, asked_at, expires_at FROM interrupts WHERE run_id=?1 AND tenant=?2 AND state='open'"));
  row.bind(1, run.str()).bind(2, tenant.str());
  SG_TRY(const bool found, row.step());
  if (!found) return std::nullopt;
  SG_TRY(InterruptRow interrupt, read_interrupt_row(row));
  return interrupt;
}

Result<> answer_interrupt(Connection& db, const base::TenantId& tenant, const InterruptRow& interrupt, const json::Object& response,
                          const base::ActorName& actor, Timestamp now) {
  SG_TRY(Statement row, db.query("UPDATE interrupts SET state='answered', response=?1, actor=?2, answered_at=?3 WHERE interrupt_id=?4 AND tenant=?5 AND state='open'"));
  row.bind(1, json::canonical(response)).bind(2, actor.str()).bind(3, to_micros(now)).bind(4, interrupt.id.str()).bind(5, tenant.str());
  SG_TRY(row.run());
  if (db.changes() != 1) return fail(Code::kRunState, "run: the question was answered already");
  return {};
}

Result<std::vector<RunKey>> expired_interrupts(Connection& db, Timestamp now) {
  SG_TRY(Statement rows, db.query("SELECT tenant, run_id FROM interrupts WHERE state='open' AND expires_at<=?1"));
  rows.bind(1, to_micros(now));
  return keys(rows);
}

Result<std::optional<WorkRow>> oldest_ready(Connection& db, const std::vector<base::TenantId>& tenants, const std::vector<std::string>& kinds, Timestamp now) {
  const int first_kind = 2 + static_cast<int>(tenants.size());
  SG_TRY(Statement row, db.query(std::string("SELECT ") + kWorkColumns + " FROM work_items WHERE state='ready' AND deadline>?1 AND tenant IN (" + places(2, tenants.size()) +
                                 ") AND kind IN (" + places(first_kind, kinds.size()) + ") ORDER BY task_id LIMIT 1"));
  row.bind(1, to_micros(now));
  for (std::size_t i = 0; i < tenants.size(); ++i) row.bind(2 + static_cast<int>(i), tenants[i].str());
  for (std::size_t i = 0; i < kinds.size(); ++i) row.bind(first_kind + static_cast<int>(i), kinds[i]);
  SG_TRY(const bool found, row.step());
  if (!found) return std::nullopt;
  SG_TRY(WorkRow work, read_work(row));
  return work;
}

Result<WorkRow> load_work(Connection& db, const std::vector<base::TenantId>& tenants, const base::TaskId& task) {
  SG_TRY(Statement row, db.query(std::string("SELECT ") + kWorkColumns + " FROM work_items WHERE task_id=?1 AND tenant IN (" + places(2, tenants.size()) + ")"));
  row.bind(1, task.str());
  for (std::size_t i = 0; i < tenants.size(); ++i) row.bind(2 + static_cast<int>(i), tenants[i].str());
  SG_TRY(const bool found, row.step());
  if (!found) return fail(Code::kTaskUnknown, "task: not known");
  return read_work(row);
}

Result<> save_work(Connection& db, const WorkRow& work) {
  SG_TRY(Statement row, db.query("UPDATE work_items SET state=?1, attempt=?2, lease=?3, owner=?4, lease_until=?5, output_digest=?6 WHERE task_id=?7 AND tenant=?8"));
  row.bind(1, work_state_name(work.state)).bind(2, work.attempt).bind(3, work.lease).bind(4, work.owner.str()).bind(5, micros(work.lease_until));
  row.bind(6, work.output_digest).bind(7, work.id.str()).bind(8, work.tenant.str());
  return row.run();
}

Result<std::vector<WorkRow>> expired_work(Connection& db, Timestamp now) {
  SG_TRY(Statement rows, db.query(std::string("SELECT ") + kWorkColumns + " FROM work_items WHERE (state='leased' AND lease_until<=?1) OR (state IN ('ready','leased') AND deadline<=?1)"));
  rows.bind(1, to_micros(now));
  std::vector<WorkRow> out;
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return out;
    SG_TRY(WorkRow work, read_work(rows));
    out.push_back(std::move(work));
  }
}

}  // namespace stargraph::engine
