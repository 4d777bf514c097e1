#include "stargraph/graph/plan.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "graph/compile.hpp"
#include "stargraph/clp/form.hpp"
#include "stargraph/clp/when.hpp"
#include "stargraph/graph/hash.hpp"
#include "stargraph/graph/parse.hpp"

namespace stargraph::graph {
namespace {

// What the jail declares in every stage (rules/program.hpp) and a graph's rules may match.
constexpr std::array<std::string_view, 5> kHostTemplates = {"node-id", "stargraph.error", "stargraph.field",
                                                            "stargraph.response", "stargraph.run-start"};
// Heads that CLIPS reads as something else than a template's name.
constexpr std::array<std::string_view, 9> kElementNames = {"and", "declare", "exists", "forall", "logical",
                                                           "not", "object",  "or",     "test"};

std::string template_of(std::string_view field) {
  std::string out(field);
  std::ranges::replace(out, '.', '-');
  return out;
}

// template_of(field) == name, without making it: open states have many fields, and this is asked at every step.
bool becomes(std::string_view field, std::string_view name) {
  return std::ranges::equal(field, name, [](char from, char to) { return (from == '.' ? '-' : from) == to; });
}

bool is_host_slot(std::string_view slot) { return slot.starts_with('_'); }

// Fields that patterns name by text: (stargraph.field (name "x") ...).
void add_named_fields(const clp::Form& form, std::set<std::string>& out) {
  const bool is_field = form.head() == "stargraph.field";
  for (const clp::Form& item : form.items) {
    if (is_field && item.head() == "name" && item.items.size() == 2 &&
        item.items[1].token.kind == clp::TokenKind::kString) {
      out.insert(item.items[1].token.text);
    }
    add_named_fields(item, out);
  }
}

}  // namespace

class PlanBuilder {
 public:
  PlanBuilder(Document document, std::span<const ProvidedTemplate> provided) : provided_(provided) {
    plan_.hash_ = graph_hash(document);
    plan_.schema_ = state_schema(document);
    plan_.document_ = std::move(document);
    for (const StateField& field : plan_.schema_.fields)
      field_of_template_.emplace(template_of(field.name), field.name);
  }

  base::Result<Plan> build(std::span<const std::string> pack_fields) {
    SG_TRY(index_nodes());
    SG_TRY(read_conditions());
    for (const StateField& field : plan_.schema_.fields) {
      if (field.route) fields_.insert(field.name);
    }
    if (plan_.schema_.open) fields_.insert(pack_fields.begin(), pack_fields.end());
    SG_TRY(mirror_fields());
    SG_TRY(compile());
    return std::move(plan_);
  }

 private:
  static std::unexpected<base::Error> refuse(std::string_view what, std::string_view why) {
    return base::fail(base::Code::kGraphInvalid, "graph: " + std::string(what) + ": " + std::string(why));
  }

  base::Result<> index_nodes() {
    const auto& nodes = plan_.document_.nodes;
    if (nodes.empty()) return refuse("nodes", "a graph without nodes cannot run");
    for (std::size_t i = 0; i < nodes.size(); ++i) plan_.index_.emplace(nodes[i].id.str(), i);
    return {};
  }

  base::Result<> read_conditions() {
    for (std::size_t i = 0; i < plan_.document_.rules.size(); ++i) {
      const Rule& rule = plan_.document_.rules[i];
      auto when = clp::check_when(rule.when);
      if (!when) return std::unexpected(base::in_context("graph: rule " + rule.id, std::move(when).error()));
      for (const clp::PatternUse& use : when->patterns) SG_TRY(read_use(rule, use));
      SG_TRY(const auto forms, clp::read_forms(when->text));
      for (const clp::Form& form : forms) SG_TRY(read_named(rule, form));
      plan_.rule_index_.emplace(defrule_name(rule), i);
      conditions_.push_back(Condition{.rule = i, .patterns = when->patterns.size(), .text = std::move(when->text)});
    }
    return {};
  }

  base::Result<> read_named(const Rule& rule, const clp::Form& form) {
    std::set<std::string> names;
    add_named_fields(form, names);
    for (const std::string& name : names) SG_TRY(need_field(rule, name));
    return {};
  }

  base::Result<> read_use(const Rule& rule, const clp::PatternUse& use) {
    const std::string& name = use.template_name;
    if (std::ranges::find(kHostTemplates, name) != kHostTemplates.end()) return {};
    if (name == "state") {
      for (const std::string& slot : use.slots) {
        if (!is_host_slot(slot)) SG_TRY(need_field(rule, slot));
      }
      return {};
    }
    const bool provided =
        std::ranges::any_of(provided_, [&name](const ProvidedTemplate& one) { return one.name == name; });
    if (provided) {
      foreign_.insert(name);
      return {};
    }
    const bool only_value =
        std::ranges::all_of(use.slots, [](const std::string& slot) { return slot == "value" || is_host_slot(slot); });
    if (!only_value) return refuse("rule " + rule.id, "matches a template that no mounted pack provides");
    return need_template(rule, name);
  }

  // A field by its name in state.
  base::Result<> need_field(const Rule& rule, const std::string& name) {
    if (plan_.schema_.open ? !is_field_name(name) : plan_.schema_.find(name) == nullptr) {
      return refuse("rule " + rule.id, "names a state field that is not declared");
    }
    fields_.insert(name);
    return {};
  }

  // A field by the name of its own template.
  base::Result<> need_template(const Rule& rule, const std::string& name) {
    if (plan_.schema_.open) return need_field(rule, name);
    const auto found = field_of_template_.find(name);
    if (found != field_of_template_.end()) return need_field(rule, found->second);
    return refuse("rule " + rule.id, "matches a template that is neither a state field nor provided by a mounted pack");
  }

  base::Result<> mirror_fields() {
    std::set<std::string> templates(foreign_);
    FactTemplate state{.name = "state", .slots = {}};
    if (fields_.size() > kMaxStateFields) return refuse("rules", "name more state fields than a document may declare");
    for (const std::string& field : fields_) {
      if (!is_field_name(field)) return refuse("mirrored field", "not a field name");
      std::string name = template_of(field);
      if (clp::is_reserved_template(name) || std::ranges::find(kElementNames, name) != kElementNames.end()) {
        return refuse("field " + field, "its name means something else in rules");
      }
      if (!templates.insert(name).second)
        return refuse("field " + field, "another mirrored name becomes the same template");
      state.slots.push_back({.name = field, .multi = false});
      plan_.mirrored_.push_back({.field = field, .template_name = std::move(name)});
    }
    plan_.fact_templates_.push_back(std::move(state));
    for (const MirroredField& mirrored : plan_.mirrored_) {
      plan_.fact_templates_.push_back({.name = mirrored.template_name, .slots = {{.name = "value", .multi = false}}});
    }
    plan_.required_templates_.assign(foreign_.begin(), foreign_.end());
    return {};
  }

  base::Result<> compile() {
    if (conditions_.empty()) return {};
    std::string text;
    for (const ProvidedTemplate& provided : provided_) {
      if (foreign_.erase(provided.name) == 1) text += provided.source + "\n";
    }
    SG_TRY(const std::string rules, compile_rules(plan_.document_, conditions_));
    text += rules;
    // Our own work is looked at as a pack's would be: what came through must be a rules source and no more.
    SG_TRY(const clp::Source source, clp::check_source(text));
    if (source.rules.size() != plan_.document_.rules.size() || !source.functions.empty()) {
      return refuse("rules", "a condition or template brought a construct along");
    }
    plan_.clips_ = std::move(text);
    return {};
  }

  Plan plan_;
  std::span<const ProvidedTemplate> provided_;
  std::vector<Condition> conditions_;
  std::map<std::string, std::string, std::less<>> field_of_template_;  // declared ones, the first in the order of names
  std::set<std::string> fields_;
  std::set<std::string> foreign_;
};

base::Result<Plan> make_plan(Document document, std::span<const ProvidedTemplate> provided,
                             std::span<const std::string> pack_fields) {
  return PlanBuilder(std::move(document), provided).build(pack_fields);
}

std::optional<std::size_t> Plan::index_of(std::string_view node_id) const {
  const auto found = index_.find(node_id);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::size_t> Plan::successor(std::size_t index) const {
  if (index + 1 >= document_.nodes.size()) return std::nullopt;
  return index + 1;
}

const Parallel* Plan::parallel_at(std::string_view node_id) const {
  const auto found = std::ranges::find_if(document_.parallel, [node_id](const Parallel& block) {
    return !block.targets.empty() && block.targets.front() == node_id;
  });
  return found == document_.parallel.end() ? nullptr : &*found;
}

const Rule* Plan::rule_of(std::string_view defrule_name) const {
  const auto found = rule_index_.find(defrule_name);
  return found == rule_index_.end() ? nullptr : &document_.rules[found->second];
}

std::optional<json::Value> mirrored_value(const Plan& plan, const MirroredField& mirrored, const json::Object& state) {
  const json::Value* value = state.find(mirrored.field);
  if (value == nullptr && plan.schema().open) {
    // The first in the order of names, whatever order the state stands in.
    const std::string* best = nullptr;
    for (const auto& [name, member] : state) {
      if (!becomes(name, mirrored.template_name) || (best != nullptr && *best <= name)) continue;
      best = &name;
      value = &member;
    }
  }
  if (value == nullptr || value->is_null()) return std::nullopt;
  return typed_value(plan.schema(), mirrored.field, *value);
}

}  // namespace stargraph::graph
