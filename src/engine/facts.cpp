#include "facts.hpp"

#include "stargraph/graph/plan.hpp"
#include "stargraph/graph/state.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::engine {
namespace {

using rules::Fact;
using rules::SlotValue;
using rules::Symbol;

// Per-run constants, so that nothing a rule does can depend on which run it is or when (the step record
// and the log have the real ones).
constexpr const char* kRunPlaceholder = "this-run";

struct Mirror {
  std::string field;
  std::string template_name;
  json::Value value;
};

Fact fact(std::string name, const char* origin, const std::string& source, std::int64_t step) {
  Fact out;
  out.template_name = std::move(name);
  out.slots = {{"_origin", Symbol{origin}},
               {"_source", source},
               {"_run_id", std::string(kRunPlaceholder)},
               {"_step", step},
               {"_confidence", std::int64_t{1}},
               {"_timestamp", std::string()}};
  return out;
}

void add(Fact& fact, std::string slot, SlotValue value) { fact.slots.emplace_back(std::move(slot), std::move(value)); }

std::vector<Mirror> mirrors_of(const Basis& basis, const RunRow& run) {
  std::vector<Mirror> out;
  for (const graph::MirroredField& mirrored : basis.plan->mirrored()) {
    auto value = graph::mirrored_value(*basis.plan, mirrored, run.data);
    if (value) out.push_back({mirrored.field, mirrored.template_name, *std::move(value)});
  }
  return out;
}

void add_answers(std::vector<Fact>& facts, const RunRow& run) {
  for (const Answer& answer : run.cursor.answers) {
    for (const auto& [key, value] : answer.response) {
      if (value.is_object() || value.is_array()) continue;
      auto slot = slot_value(value, false);
      if (!slot) continue;
      Fact one = fact("stargraph.response", "user", answer.actor.str(), run.steps);
      add(one, "interrupt_id", answer.interrupt.str());
      add(one, "actor", answer.actor.str());
      add(one, "key", key);
      add(one, "value", *std::move(slot));
      facts.push_back(std::move(one));
    }
  }
}

// Facts that every stage which knows their template gets.
std::vector<Fact> common_facts(const RunRow& run, const std::vector<Mirror>& mirrors) {
  std::vector<Fact> facts;
  Fact node = fact("node-id", "runtime", "engine", run.steps);
  add(node, "id", Symbol{run.node.str()});
  facts.push_back(std::move(node));
  if (run.cursor.decisions == 0) facts.push_back(fact("stargraph.run-start", "runtime", "engine", run.steps));
  for (const Mirror& mirror : mirrors) {
    auto value = slot_value(mirror.value, false);
    if (!value) continue;
    Fact one = fact("stargraph.field", "state", "mirror", run.steps);
    add(one, "name", mirror.field);
    add(one, "value", *std::move(value));
    facts.push_back(std::move(one));
  }
  add_answers(facts, run);
  if (run.cursor.error) {
    Fact one = fact("stargraph.error", "runtime", "engine", run.steps);
    add(one, "node", run.node.str());
    add(one, "code", run.cursor.error->code);
    add(one, "attempt", run.cursor.error->attempt);
    facts.push_back(std::move(one));
  }
  return facts;
}

std::vector<Fact> graph_facts(const RunRow& run, const std::vector<Mirror>& mirrors) {
  std::vector<Fact> facts;
  Fact state = fact("state", "state", "mirror", run.steps);
  for (const Mirror& mirror : mirrors) {
    if (auto value = slot_value(mirror.value, true)) add(state, mirror.field, *std::move(value));
  }
  facts.push_back(std::move(state));
  for (const Mirror& mirror : mirrors) {
    auto text = graph::text_of(mirror.value);
    if (!text) continue;
    Fact one = fact(mirror.template_name, "state", "mirror", run.steps);
    add(one, "value", *std::move(text));
    facts.push_back(std::move(one));
  }
  return facts;
}

Fact input_fact(const Basis::InputTemplate& input, const RunRow& run, const std::vector<Mirror>& mirrors) {
  Fact out;
  out.template_name = input.template_name;
  for (const std::string& slot : input.slots) {
    if (slot == "run_id") add(out, slot, std::string(kRunPlaceholder));
    if (slot == "step") add(out, slot, run.steps);
    for (const Mirror& mirror : mirrors) {
      if (mirror.field != slot && mirror.template_name != slot) continue;
      if (auto value = slot_value(mirror.value, true)) add(out, slot, *std::move(value));
      break;
    }
  }
  return out;
}

json::Value to_json(const rules::Atom& atom) {
  if (const auto* const symbol = std::get_if<Symbol>(&atom)) return json::Object{{"symbol", symbol->text}};
  if (const auto* const text = std::get_if<std::string>(&atom)) return *text;
  if (const auto* const number = std::get_if<std::int64_t>(&atom)) {
    constexpr std::int64_t kExact = 9007199254740991;
    if (*number > kExact || *number < -kExact) return std::to_string(*number);
    return *number;
  }
  return std::get<double>(atom);
}

json::Value to_json(const SlotValue& value) {
  if (const auto* const many = std::get_if<rules::Multifield>(&value)) {
    json::Array out;
    for (const rules::Atom& atom : *many) out.push_back(to_json(atom));
    return out;
  }
  return std::visit(
      [](const auto& one) -> json::Value {
        if constexpr (std::is_same_v<std::decay_t<decltype(one)>, rules::Multifield>) {
          return nullptr;
        } else {
          return to_json(rules::Atom(one));
        }
      },
      value);
}

void append_facts(json::Array& out, const std::vector<Fact>& facts, std::string_view stage) {
  for (const Fact& one : facts) {
    json::Object slots;
    for (const auto& [slot, value] : one.slots) {
      if (!slot.starts_with('_')) slots.set(slot, to_json(value));
    }
    json::Object row{{"slots", std::move(slots)}, {"template", one.template_name}};
    if (!stage.empty()) row.set("stage", stage);
    out.emplace_back(std::move(row));
  }
}

}  // namespace

std::optional<SlotValue> slot_value(const json::Value& value, bool as_symbol) {
  if (value.is_null()) return std::nullopt;
  if (const bool* const flag = value.boolean()) return Symbol{*flag ? "TRUE" : "FALSE"};
  if (const auto* const number = value.integer()) return *number;
  if (const double* const number = value.number()) return *number;
  if (const std::string* const text = value.string()) {
    if (as_symbol) return rules::symbol_or_string(*text);
    return *text;
  }
  return json::canonical(value);
}

rules::EvaluationInput make_facts(const Basis& basis, const RunRow& run) {
  const std::vector<Mirror> mirrors = mirrors_of(basis, run);
  rules::EvaluationInput input;
  input.facts = common_facts(run, mirrors);
  const auto& stages = basis.program->stages;
  input.stage_facts.resize(stages.size());
  for (const Basis::InputTemplate& one : basis.input_templates)
    input.stage_facts[one.stage].push_back(input_fact(one, run, mirrors));
  if (stages.back().name == kGraphStage) input.stage_facts.back() = graph_facts(run, mirrors);
  return input;
}

json::Array facts_to_json(const Basis& basis, const rules::EvaluationInput& input) {
  json::Array out;
  append_facts(out, input.facts, "");
  for (std::size_t stage = 0; stage < input.stage_facts.size(); ++stage) {
    append_facts(out, input.stage_facts[stage], basis.program->stages[stage].name);
  }
  return out;
}

}  // namespace stargraph::engine
