// Tables interrupts and work_items: what runs wait for.
#include <array>

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

constexpr auto kWorkStates = std::to_array<std::string_view>({"ready", "leased", "done", "failed", "closed"});

std::string_view work_state_name(WorkState state) { return kWorkStates[static_cast<std::size_t>(state)]; }

WorkState work_state_from_name(std::string_view name) {
  std::size_t index = 0;
  while (index + 1 < kWorkStates.size() && kWorkStates[index] != name) ++index;
  return static_cast<WorkState>(index);
}

json::Value guards_json(const std::vector<Approval>& guards) {
  json::Array out;
  for (const Approval& one : guards)
    out.push_back(json::Object{{"input_digest", one.input_digest}, {"node", one.node.str()}});
  return out;
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
    "task_id, tenant, run_id, step, node, kind, config, input, state, attempt, lease, owner, lease_until, deadline, "
    "output_digest";

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

}  // namespace

InterruptText text_of(const InterruptRow& ask) {
  return {json::canonical(to_json(ask.question)), json::canonical(guards_json(ask.guards))};
}

WorkText text_of(const WorkRow& work) { return {json::canonical(work.config), json::canonical(work.input)}; }

Result<> insert_interrupt(Connection& db, const RunRow& run, const InterruptRow& ask, const InterruptText& text) {
  SG_TRY(Statement row, db.query("INSERT INTO interrupts(interrupt_id, tenant, run_id, step, node, question, guards, "
                                 "state, asked_at, expires_at) "
                                 "VALUES(?1,?2,?3,?4,?5,?6,?7,'open',?8,?9)"));
  row.bind(1, ask.id.str()).bind(2, run.tenant.str()).bind(3, run.id.str()).bind(4, ask.step).bind(5, ask.node.str());
  row.bind(6, text.question).bind(7, text.guards);
  row.bind(8, to_micros(ask.asked_at)).bind(9, micros(ask.expires_at));
  return row.run();
}

Result<std::optional<InterruptRow>> open_interrupt(Connection& db, const base::TenantId& tenant,
                                                   const base::RunId& run) {
  SG_TRY(Statement row, db.query("SELECT interrupt_id, step, node, question, guards, asked_at, expires_at FROM "
                                 "interrupts WHERE run_id=?1 AND tenant=?2 AND state='open'"));
  row.bind(1, run.str()).bind(2, tenant.str());
  SG_TRY(const bool found, row.step());
  if (!found) return std::nullopt;
  SG_TRY(InterruptRow interrupt, read_interrupt_row(row));
  return interrupt;
}

Result<std::int64_t> answer_interrupt(Connection& db, const base::TenantId& tenant, const InterruptRow& interrupt,
                                      const json::Object& response, const base::ActorName& actor, Timestamp now) {
  const std::string text = json::canonical(response);
  SG_TRY(Statement row, db.query("UPDATE interrupts SET state='answered', response=?1, actor=?2, answered_at=?3 WHERE "
                                 "interrupt_id=?4 AND tenant=?5 AND state='open'"));
  row.bind(1, text).bind(2, actor.str()).bind(3, to_micros(now)).bind(4, interrupt.id.str()).bind(5, tenant.str());
  SG_TRY(row.run());
  if (db.changes() != 1) return fail(Code::kRunState, "run: the question was answered already");
  return static_cast<std::int64_t>(text.size());
}

Result<std::vector<RunKey>> expired_interrupts(Connection& db, Timestamp now) {
  SG_TRY(Statement rows,
         db.query("SELECT i.tenant, i.run_id FROM interrupts i JOIN runs r ON r.run_id=i.run_id AND r.tenant=i.tenant "
                  "WHERE i.state='open' AND i.expires_at<=?1 AND r.state='waiting'"));
  rows.bind(1, to_micros(now));
  return keys(rows);
}

Result<> insert_work(Connection& db, const WorkRow& work, const WorkText& text) {
  SG_TRY(Statement row,
         db.query("INSERT INTO work_items(task_id, tenant, run_id, step, node, kind, config, input, state, attempt, "
                  "lease, owner, lease_until, "
                  "deadline, output_digest) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)"));
  row.bind(1, work.id.str())
      .bind(2, work.tenant.str())
      .bind(3, work.run.str())
      .bind(4, work.step)
      .bind(5, work.node.str())
      .bind(6, work.kind);
  row.bind(7, text.config).bind(8, text.input).bind(9, work_state_name(work.state)).bind(10, work.attempt);
  row.bind(11, work.lease)
      .bind(12, work.owner.str())
      .bind(13, micros(work.lease_until))
      .bind(14, to_micros(work.deadline))
      .bind(15, work.output_digest);
  return row.run();
}

Result<> close_waits(Connection& db, const RunRow& run) {
  SG_TRY(Statement interrupts,
         db.query("UPDATE interrupts SET state='closed' WHERE run_id=?1 AND tenant=?2 AND state='open'"));
  interrupts.bind(1, run.id.str()).bind(2, run.tenant.str());
  SG_TRY(interrupts.run());
  SG_TRY(
      Statement work,
      db.query("UPDATE work_items SET state='closed' WHERE run_id=?1 AND tenant=?2 AND state IN ('ready','leased')"));
  work.bind(1, run.id.str()).bind(2, run.tenant.str());
  return work.run();
}

Result<std::optional<WorkRow>> oldest_ready(Connection& db, const std::vector<base::TenantId>& tenants,
                                            const std::vector<std::string>& kinds, Timestamp now) {
  const int first_kind = 2 + static_cast<int>(tenants.size());
  SG_TRY(Statement row, db.query(std::string("SELECT ") + kWorkColumns +
                                 " FROM work_items WHERE state='ready' AND deadline>?1 AND tenant IN (" +
                                 places(2, tenants.size()) + ") AND kind IN (" + places(first_kind, kinds.size()) +
                                 ") AND EXISTS(SELECT 1 FROM runs r WHERE r.run_id=work_items.run_id AND "
                                 "r.tenant=work_items.tenant AND r.state='working') ORDER BY task_id LIMIT 1"));
  row.bind(1, to_micros(now));
  for (std::size_t i = 0; i < tenants.size(); ++i) row.bind(2 + static_cast<int>(i), tenants[i].str());
  for (std::size_t i = 0; i < kinds.size(); ++i) row.bind(first_kind + static_cast<int>(i), kinds[i]);
  SG_TRY(const bool found, row.step());
  if (!found) return std::nullopt;
  SG_TRY(WorkRow work, read_work(row));
  return work;
}

Result<WorkRow> load_work(Connection& db, const std::vector<base::TenantId>& tenants, const base::TaskId& task) {
  SG_TRY(Statement row,
         db.query(std::string("SELECT ") + kWorkColumns + " FROM work_items WHERE task_id=?1 AND tenant IN (" +
                  places(2, tenants.size()) + ")"));
  row.bind(1, task.str());
  for (std::size_t i = 0; i < tenants.size(); ++i) row.bind(2 + static_cast<int>(i), tenants[i].str());
  SG_TRY(const bool found, row.step());
  if (!found) return fail(Code::kTaskUnknown, "task: not known");
  return read_work(row);
}

Result<> save_work(Connection& db, const WorkRow& work) {
  SG_TRY(Statement row, db.query("UPDATE work_items SET state=?1, attempt=?2, lease=?3, owner=?4, lease_until=?5, "
                                 "output_digest=?6 WHERE task_id=?7 AND tenant=?8"));
  row.bind(1, work_state_name(work.state))
      .bind(2, work.attempt)
      .bind(3, work.lease)
      .bind(4, work.owner.str())
      .bind(5, micros(work.lease_until));
  row.bind(6, work.output_digest).bind(7, work.id.str()).bind(8, work.tenant.str());
  return row.run();
}

Result<std::vector<DueTask>> expired_work(Connection& db, Timestamp now, std::int64_t limit) {
  SG_TRY(Statement rows, db.query("SELECT task_id, tenant, run_id FROM work_items WHERE state IN ('ready','leased') "
                                  "AND ((state='leased' AND lease_until<=?1) OR deadline<=?1) LIMIT ?2"));
  rows.bind(1, to_micros(now)).bind(2, limit);
  std::vector<DueTask> out;
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return out;
    out.push_back({base::TaskId(rows.text(0)), {base::TenantId(rows.text(1)), base::RunId(rows.text(2))}});
  }
}

}  // namespace stargraph::engine
