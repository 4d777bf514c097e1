#include "step_record.hpp"

#include "stargraph/engine/record.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::engine {
namespace {

json::Array trace_json(const Basis& basis, const rules::Outcome& outcome) {
  json::Array trace;
  for (const rules::Firing& firing : outcome.trace) {
    json::Array facts;
    for (const rules::FactReference& fact : firing.facts) {
      json::Object row{{"template", fact.template_name}};
      if (fact.input >= 0) row.set("input", static_cast<std::int64_t>(fact.input));
      facts.push_back(std::move(row));
    }
    trace.push_back(json::Object{
        {"facts", std::move(facts)}, {"rule", firing.rule}, {"stage", basis.program->stages[firing.stage].name}});
  }
  return trace;
}

void add_answers(json::Object& record, const std::vector<Answer>& answers) {
  json::Array interrupts;  // whole, for the record; only the responses must repeat
  json::Array responses;
  for (const Answer& one : answers) {
    interrupts.push_back(json::Object{
        {"actor", one.actor.str()}, {"interrupt_id", one.interrupt.str()}, {"question", to_json(one.question)}});
    responses.push_back(one.response);
  }
  record.set("interrupts", std::move(interrupts));
  record.set("responses", std::move(responses));
}

}  // namespace

void append_step(Unit& unit, const Basis& basis, base::Timestamp now, json::Object decision, json::Array facts,
                 const rules::Outcome& outcome) {
  RunRow& run = unit.run;
  const Cursor& cursor = run.cursor;
  json::Object record{{"basis", basis.basis_hash.hex()},
                      {"decision", std::move(decision)},
                      {"input_digest", cursor.input_digest},
                      {"node", run.node.str()},
                      {"number", run.steps},
                      {"patch", cursor.patch},
                      {"previous", run.step_hash.hex()},
                      {"ts", base::format_rfc3339(now)}};
  if (const auto index = basis.plan->index_of(run.node.str())) record.set("kind", basis.plan->nodes()[*index].kind);
  if (cursor.branches) record.set("branch", static_cast<std::int64_t>(cursor.branches->index));
  if (cursor.error) {
    record.set("error", cursor.error->code);
    record.set("attempt", cursor.error->attempt);
  }
  if (!cursor.worker.empty()) record.set("worker", cursor.worker);
  if (!facts.empty()) record.set("facts", std::move(facts));
  if (!outcome.trace.empty()) record.set("trace", trace_json(basis, outcome));
  if (!cursor.answers.empty()) add_answers(record, cursor.answers);
  StepRow row;
  row.number = run.steps;
  row.node = run.node;
  row.record = json::canonical(record);
  row.step_hash = step_hash(row.record);
  row.decision_hash = decision_hash(run.decision_hash, record);
  run.step_hash = row.step_hash;
  run.decision_hash = row.decision_hash;
  run.last_step_at = now;
  ++run.steps;
  unit.steps.push_back(std::move(row));
}

}  // namespace stargraph::engine
