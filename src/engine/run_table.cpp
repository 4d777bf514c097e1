// Tables runs, steps and events as they are read, idempotency keys and bases.
#include <limits>

#include "columns.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

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

// A page of steps or events ends with the row that brings its text to this: a record may hold a state several times.
constexpr std::size_t kPageBytes = 4 << 20;

constexpr const char* kRunColumns =
    "run_id, tenant, graph_id, graph_hash, basis_hash, state, paused_state, trigger_source, started_by, started_at, "
    "last_step_at, finished_at, "
    "deadline, ready_at, parent, steps, node, reason, error_class, error_cause, data, cursor, step_hash, "
    "decision_hash, salt, event_seq, version, held_bytes";

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
  RunText text{row.text(20), row.text(21), run.reason.size() + run.error_cause.value_or("").size()};
  run.row_bytes = text.held();
  SG_TRY(run.data, stored_object(text.data));
  SG_TRY(const json::Value cursor, stored_json(text.cursor));
  SG_TRY(run.cursor, cursor_from_json(cursor));
  SG_TRY(run.step_hash, stored_digest(row.text(22)));
  SG_TRY(run.decision_hash, stored_digest(row.text(23)));
  run.salt = row.text(24);
  run.event_seq = row.integer(25);
  run.version = row.integer(26);
  run.held_bytes = row.integer(27);
  return run;
}

// Columns that change, from parameter 1 on, in the order of kUpdate.
void bind_changing(Statement& row, const RunRow& run, const RunText& text) {
  row.bind(1, run_state_name(run.state));
  row.bind(2, run.paused_state ? std::optional<std::string_view>(run_state_name(*run.paused_state)) : std::nullopt);
  row.bind(3, to_micros(run.last_step_at)).bind(4, micros(run.finished_at)).bind(5, micros(run.ready_at));
  row.bind(6, run.steps).bind(7, run.node.str()).bind(8, run.reason).bind(9, run.error_class).bind(10, run.error_cause);
  row.bind(11, text.data).bind(12, text.cursor);
  row.bind(13, run.step_hash.hex()).bind(14, run.decision_hash.hex()).bind(15, run.event_seq);
  row.bind(16, run.held_bytes);
}

constexpr const char* kUpdate =
    "UPDATE runs SET state=?1, paused_state=?2, last_step_at=?3, finished_at=?4, ready_at=?5, steps=?6, node=?7, "
    "reason=?8, error_class=?9, "
    "error_cause=?10, data=?11, cursor=?12, step_hash=?13, decision_hash=?14, event_seq=?15, held_bytes=?16, "
    "version=version+1 WHERE run_id=?17 AND tenant=?18 AND version=?19";

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

// The states a filter's word stands for: upstream's five fold ours (its `paused` is waiting, too), the others are one
// state.
std::vector<std::string> states_of(const std::string& status) {
  std::vector<std::string> out;
  for (int i = 0; i <= static_cast<int>(RunState::kExpired); ++i) {
    const auto state = static_cast<RunState>(i);
    if (wire_status(state) == status) out.emplace_back(run_state_name(state));
  }
  if (out.empty() && run_state_from_name(status)) out.push_back(status);
  return out;
}

}  // namespace

RunText text_of(const RunRow& run) {
  return {json::canonical(run.data), json::canonical(to_json(run.cursor)),
          run.reason.size() + run.error_cause.value_or("").size()};
}

Result<> insert_run(Connection& db, const RunRow& run, std::int64_t written) {
  const RunText text = text_of(run);
  const std::int64_t held = text.held() + written;
  SG_TRY(Statement row,
         db.query("INSERT INTO runs(run_id, tenant, graph_id, graph_hash, basis_hash, state, paused_state, "
                  "trigger_source, started_by, started_at, "
                  "last_step_at, finished_at, deadline, ready_at, parent, steps, node, reason, error_class, "
                  "error_cause, data, cursor, step_hash, "
                  "decision_hash, salt, event_seq, version, held_bytes) "
                  "VALUES(?1,?2,?3,?4,?5,?6,NULL,?7,?8,?9,?10,NULL,?11,NULL,?12,?13,?14,'',NULL,NULL,?15,?16,"
                  "?17,?18,?19,0,0,?20)"));
  row.bind(1, run.id.str())
      .bind(2, run.tenant.str())
      .bind(3, run.graph.str())
      .bind(4, run.graph_hash.hex())
      .bind(5, run.basis_hash.hex());
  row.bind(6, run_state_name(run.state))
      .bind(7, run.trigger_source)
      .bind(8, run.started_by.str())
      .bind(9, to_micros(run.started_at));
  row.bind(10, to_micros(run.last_step_at)).bind(11, to_micros(run.deadline));
  row.bind(12, run.parent ? std::optional<std::string>(run.parent->str()) : std::nullopt)
      .bind(13, run.steps)
      .bind(14, run.node.str());
  row.bind(15, text.data).bind(16, text.cursor).bind(17, run.step_hash.hex());
  row.bind(18, run.decision_hash.hex()).bind(19, run.salt).bind(20, held);
  SG_TRY(row.run());
  return add_use(db, run.tenant, held);
}

Result<> update_run(Connection& db, const RunRow& run, const RunText& text) {
  SG_TRY(Statement row, db.query(kUpdate));
  bind_changing(row, run, text);
  row.bind(17, run.id.str()).bind(18, run.tenant.str()).bind(19, run.version);
  SG_TRY(row.run());
  if (db.changes() != 1) return fail(Code::kConflict, "run: " + run.id.str() + ": changed meanwhile");
  return {};
}

Result<RunRow> load_run(Connection& db, const base::TenantId& tenant, const base::RunId& run) {
  SG_TRY(Statement row, db.query(std::string("SELECT ") + kRunColumns +
                                 " FROM runs WHERE run_id=?1 AND tenant=?2 AND state<>'removed'"));
  row.bind(1, run.str()).bind(2, tenant.str());
  SG_TRY(const bool found, row.step());
  if (found) return read_run(row);
  SG_TRY(const bool removed, was_removed(db, tenant, run));
  return removed ? fail(Code::kRunRemoved, "run: was removed: its time was over")
                 : fail(Code::kRunUnknown, "run: not known");
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
  std::string where =
      " FROM runs WHERE tenant=?1 AND started_at>=?2 AND started_at<?3 AND (?4 IS NULL OR trigger_source=?4) AND "
      "state<>'removed'";
  if (!states.empty()) where += " AND state IN (" + places(7, states.size()) + ")";
  const auto bind = [&](Statement& row) {
    row.bind(1, tenant.str())
        .bind(2, filter.since ? to_micros(*filter.since) : std::numeric_limits<std::int64_t>::min());
    row.bind(3, filter.until ? to_micros(*filter.until) : std::numeric_limits<std::int64_t>::max())
        .bind(4, filter.trigger_source);
    for (std::size_t i = 0; i < states.size(); ++i) row.bind(7 + static_cast<int>(i), states[i]);
  };
  RunPage page;
  SG_TRY(Statement count, db.query("SELECT count(*)" + where));
  bind(count);
  SG_TRY([[maybe_unused]] const bool counted, count.step());
  page.total = count.integer(0);
  SG_TRY(Statement rows, db.query(std::string("SELECT ") + kRunColumns + where +
                                  " ORDER BY started_at DESC, run_id DESC LIMIT ?5 OFFSET ?6"));
  bind(rows);
  rows.bind(5, filter.limit).bind(6, filter.offset);
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return page;
    SG_TRY(const RunRow run, read_run(rows));
    page.items.push_back(view_of(run));
  }
}

Result<std::vector<StepView>> load_steps(Connection& db, const base::TenantId& tenant, const base::RunId& run,
                                         std::int64_t from, std::int64_t limit) {
  SG_TRY(Statement rows, db.query("SELECT number, node, step_hash, decision_hash, record FROM steps WHERE run_id=?1 "
                                  "AND tenant=?2 AND number>=?3 ORDER BY number LIMIT ?4"));
  rows.bind(1, run.str()).bind(2, tenant.str()).bind(3, from).bind(4, limit);
  std::vector<StepView> out;
  std::size_t bytes = 0;
  while (bytes < kPageBytes) {
    SG_TRY(const bool more, rows.step());
    if (!more) break;
    StepView view;
    view.number = base::StepNumber(rows.integer(0));
    view.node = base::NodeId(rows.text(1));
    SG_TRY(view.step_hash, stored_digest(rows.text(2)));
    SG_TRY(view.decision_hash, stored_digest(rows.text(3)));
    const std::string record = rows.text(4);
    bytes += record.size();
    SG_TRY(view.record, stored_json(record));
    out.push_back(std::move(view));
  }
  return out;
}

Result<std::vector<EventView>> load_events(Connection& db, const base::TenantId& tenant, const base::RunId& run,
                                           std::int64_t after, std::int64_t limit) {
  SG_TRY(Statement rows,
         db.query("SELECT seq, body FROM events WHERE run_id=?1 AND tenant=?2 AND seq>?3 ORDER BY seq LIMIT ?4"));
  rows.bind(1, run.str()).bind(2, tenant.str()).bind(3, after).bind(4, limit);
  std::vector<EventView> out;
  std::size_t bytes = 0;
  while (bytes < kPageBytes) {
    SG_TRY(const bool more, rows.step());
    if (!more) break;
    EventView view;
    view.seq = base::EventSeq(rows.integer(0));
    const std::string body = rows.text(1);
    bytes += body.size();
    SG_TRY(view.body, stored_json(body));
    out.push_back(std::move(view));
  }
  return out;
}

Result<std::vector<ReadyRun>> ready_runs(Connection& db) {
  SG_TRY(Statement rows,
         db.query(
             "SELECT tenant, run_id, steps, ready_at FROM runs WHERE state IN ('pending','running') ORDER BY run_id"));
  std::vector<ReadyRun> out;
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return out;
    out.push_back({{base::TenantId(rows.text(0)), base::RunId(rows.text(1))},
                   rows.integer(2),
                   time_of(rows.optional_integer(3))});
  }
}

Result<std::vector<RunKey>> overdue_runs(Connection& db, Timestamp now) {
  SG_TRY(Statement rows, db.query("SELECT tenant, run_id FROM runs WHERE state IN "
                                  "('pending','running','waiting','working','paused') AND deadline<=?1"));
  rows.bind(1, to_micros(now));
  return keys(rows);
}

Result<std::optional<base::RunId>> find_key(Connection& db, const base::TenantId& tenant, const std::string& key,
                                            const std::string& request_digest) {
  SG_TRY(Statement row, db.query("SELECT run_id, request_digest FROM idempotency WHERE tenant=?1 AND key=?2"));
  row.bind(1, tenant.str()).bind(2, key);
  SG_TRY(const bool found, row.step());
  if (!found) return std::nullopt;
  if (row.text(1) != request_digest)
    return fail(Code::kIdempotencyConflict, "run: the key was used for another request");
  return base::RunId(row.text(0));
}

Result<std::int64_t> insert_key(Connection& db, const base::TenantId& tenant, const std::string& key,
                                const std::string& request_digest, const base::RunId& run, Timestamp now) {
  SG_TRY(Statement row,
         db.query("INSERT INTO idempotency(tenant, key, request_digest, run_id, created_at) VALUES(?1,?2,?3,?4,?5)"));
  row.bind(1, tenant.str()).bind(2, key).bind(3, request_digest).bind(4, run.str()).bind(5, to_micros(now));
  SG_TRY(row.run());
  return held_by(key.size());
}

namespace {

json::Value to_json(const trust::PackRef& pack) {
  return json::Object{{"digest", pack.digest.hex()},
                      {"epoch", pack.epoch.value()},
                      {"id", pack.id.str()},
                      {"kind", pack::kind_name(pack.kind)},
                      {"version", pack.version}};
}

Result<trust::PackRef> pack_from_json(const json::Value& value) {
  json::Reader in(value, "basis pack");
  trust::PackRef pack;
  pack.id = base::PackId(in.text("id"));
  pack.version = in.text("version");
  pack.epoch = base::Epoch(in.integer("epoch", 1, json::kMaxInteger));
  pack.kind = pack::kind_from_name(in.text("kind")).value_or(pack::PackKind::kRules);
  const std::string digest = in.text("digest");
  SG_TRY(in.finish());
  SG_TRY(pack.digest, stored_digest(digest));
  return pack;
}

}  // namespace

Result<> keep_basis(Connection& db, const Basis& basis) {
  json::Array packs;
  for (const trust::PackRef& pack : basis.packs) packs.push_back(to_json(pack));
  SG_TRY(Statement row, db.query("INSERT INTO bases(basis_hash, graph_document, packs, any_worker_kind, policy) "
                                 "VALUES(?1,?2,?3,?4,?5) ON CONFLICT DO NOTHING"));
  row.bind(1, basis.basis_hash.hex())
      .bind(2, basis.graph_document)
      .bind(3, json::canonical(packs))
      .bind(4, basis.any_worker_kind)
      .bind(5, basis.policy ? std::optional(json::canonical(to_json(*basis.policy))) : std::nullopt);
  return row.run();
}

Result<StoredBasis> load_basis(Connection& db, const crypto::Digest& basis_hash) {
  SG_TRY(Statement row,
         db.query("SELECT graph_document, packs, any_worker_kind, policy FROM bases WHERE basis_hash=?1"));
  row.bind(1, basis_hash.hex());
  SG_TRY(const bool found, row.step());
  if (!found) return fail(Code::kInternal, "database: basis: not there");
  StoredBasis out;
  out.graph_document = row.text(0);
  out.any_worker_kind = row.integer(2) != 0;
  SG_TRY(const json::Value packs, stored_json(row.text(1)));
  if (packs.array() == nullptr) return fail(Code::kInternal, "database: basis: packs: not a list");
  for (const json::Value& one : *packs.array()) {
    SG_TRY(trust::PackRef pack, pack_from_json(one));
    out.packs.push_back(std::move(pack));
  }
  if (!row.is_null(3)) {
    SG_TRY(const json::Value policy, stored_json(row.text(3)));
    SG_TRY(out.policy, pack_from_json(policy));
  }
  return out;
}

}  // namespace stargraph::engine
