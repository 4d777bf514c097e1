#include "graph/compile.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>

#include "stargraph/clp/form.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::graph {
namespace {

// Writes `(stargraph_action (kind ...) (slot "text") ...)`.
class ActionFact {
 public:
  ActionFact(std::string_view kind, const std::string& rule_id) {
    text_ = "(stargraph_action (kind " + std::string(kind) + ")";
    slot("rule_id", rule_id);
  }

  void slot(std::string_view name, std::string_view value) { slots(name, std::span(&value, 1)); }
  void slots(std::string_view name, std::span<const std::string_view> values) {
    text_ += " (" + std::string(name);
    for (const std::string_view value : values) {
      auto quoted = clp::quote_string(value);
      if (quoted) {
        text_ += " " + *quoted;
      } else if (!error_) {
        error_ = std::move(quoted).error();
      }
    }
    text_ += ")";
  }
  void slot(std::string_view name, std::int64_t value) {
    text_ += " (" + std::string(name) + " " + std::to_string(value) + ")";
  }

  base::Result<std::string> finish() {
    if (error_) return std::unexpected(*std::move(error_));
    return text_ + ")";
  }

 private:
  std::string text_;
  std::optional<base::Error> error_;
};

void fill(ActionFact& fact, const Goto& action) { fact.slot("target", action.target); }
void fill(ActionFact& fact, const Halt& action) { fact.slot("reason", action.reason); }
void fill(ActionFact& fact, const Parallel& action) {
  const std::vector<std::string_view> targets(action.targets.begin(), action.targets.end());
  fact.slots("targets", targets);
  if (!action.join.empty()) fact.slot("join", action.join);
  fact.slot("strategy", action.strategy);
}
void fill(ActionFact& fact, const Retry& action) {
  fact.slot("target", action.target);
  fact.slot("backoff_ms", action.backoff_ms);
}
// Refused by validation: these two never reach a program.
void fill(ActionFact&, const Assert&) {}
void fill(ActionFact&, const Retract&) {}
void fill(ActionFact& fact, const Interrupt& action) {
  fact.slot("prompt", action.prompt);
  fact.slot("payload", json::canonical(json::Value(action.payload)));
  if (action.requested_capability) fact.slot("requested_capability", *action.requested_capability);
  if (action.timeout) fact.slot("timeout", base::format_iso8601_duration(*action.timeout));
  fact.slot("on_timeout", action.on_timeout);
  if (action.guards) fact.slot("guards", *action.guards);
}

// Rank of each condition: more patterns first, then as the document has them. kMaxRules ranks fit
// into CLIPS's -10000..10000.
std::vector<std::size_t> saliences(const std::vector<Condition>& conditions) {
  std::vector<std::size_t> order(conditions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t left, std::size_t right) {
    if (conditions[left].patterns != conditions[right].patterns)
      return conditions[left].patterns > conditions[right].patterns;
    return left < right;
  });
  std::vector<std::size_t> out(conditions.size());
  for (std::size_t rank = 0; rank < order.size(); ++rank) out[order[rank]] = order.size() - rank;
  return out;
}

}  // namespace

std::string defrule_name(const Rule& rule) { return "graph." + rule.id; }

base::Result<std::string> compile_rules(const Document& document, const std::vector<Condition>& conditions) {
  const std::vector<std::size_t> salience = saliences(conditions);
  std::string out;
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const Rule& rule = document.rules[conditions[i].rule];
    out += "(defrule " + defrule_name(rule) + "\n  (declare (salience " + std::to_string(salience[i]) + "))\n  " +
           conditions[i].text + "\n  =>";
    for (const Action& action : rule.then) {
      ActionFact fact(action_kind(action), rule.id);
      std::visit([&fact](const auto& one) { fill(fact, one); }, action);
      SG_TRY(const std::string text, fact.finish());
      out += "\n  (assert " + text + ")";
    }
    out += ")\n";
  }
  return out;
}

}  // namespace stargraph::graph
