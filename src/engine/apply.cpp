// One unit of a run, written: steps and events as they are appended, and what all of it takes.
#include "columns.hpp"
#include "stargraph/audit/outbox.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::engine {
namespace {

using base::Result;
using store::Connection;
using store::Statement;

// The events of a unit as they will stand, numbered after `last`, the run's last one.
std::vector<std::string> event_texts(const Unit& unit, std::int64_t last) {
  std::vector<std::string> out;
  for (const json::Object& event : unit.events) {
    ++last;
    const json::Value run_id(unit.run.id.str());
    const json::Value seq(last);
    const json::Value event_id(unit.run.id.str() + "-" + std::to_string(last));
    std::vector<json::MemberView> body{{"run_id", run_id}, {"seq", seq}, {"event_id", event_id}};
    body.insert(body.end(), event.begin(), event.end());
    out.push_back(json::canonical_of(body));
  }
  return out;
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

Result<> insert_events(Connection& db, const RunRow& run, const std::vector<std::string>& texts, std::int64_t last) {
  if (texts.empty()) return {};
  SG_TRY(Statement row, db.query("INSERT INTO events(tenant, run_id, seq, body) VALUES(?1,?2,?3,?4)"));
  for (const std::string& text : texts) {
    row.bind(1, run.tenant.str()).bind(2, run.id.str()).bind(3, ++last).bind(4, text);
    SG_TRY(row.run());
    row.reset();
  }
  return {};
}

}  // namespace

Result<> apply(Connection& db, const Unit& unit, base::Timestamp now) {
  RunRow run = unit.run;
  const std::int64_t last = run.event_seq;
  run.event_seq += static_cast<std::int64_t>(unit.events.size());
  const std::vector<std::string> events = event_texts(unit, last);
  const RunText text = text_of(run);
  std::int64_t grown = unit.written + text.held() - run.row_bytes;
  for (const StepRow& step : unit.steps) grown += held_by(step.record.size());
  for (const std::string& event : events) grown += held_by(event.size());
  std::optional<InterruptText> ask;
  if (unit.ask) grown += ask.emplace(text_of(*unit.ask)).held();
  std::optional<WorkText> work;
  if (unit.work) grown += work.emplace(text_of(*unit.work)).held();
  run.held_bytes += grown;
  SG_TRY(update_run(db, run, text));
  SG_TRY(add_use(db, run.tenant, grown));
  if (unit.close_waits) {
    SG_TRY(close_waits(db, run));
  }
  SG_TRY(insert_steps(db, unit));
  SG_TRY(insert_events(db, run, events, last));
  if (ask) {
    SG_TRY(insert_interrupt(db, run, *unit.ask, *ask));
  }
  if (work) {
    SG_TRY(insert_work(db, *unit.work, *work));
  }
  for (const audit::Event& event : unit.audit) {
    SG_TRY(audit::append(db, event, now));
  }
  return {};
}

}  // namespace stargraph::engine
