// What goes into an evaluation and what comes out: programs, typed facts, decisions with their trace.
//
// A program is an ordered list of stages (packs in topological order, then the graph's own rules). Every
// stage is a CLIPS environment of its own; one evaluation runs all of them once, in order. Facts of a
// template that a stage provides are handed to the later stages that know that template. Within a
// stage rules fire by salience, then by CLIPS's depth strategy; the same program and input give the same outcome, bit
// for bit, on any machine with this version.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/clp/source.hpp"

namespace stargraph::rules {

struct Symbol {
  std::string text;
  auto operator<=>(const Symbol&) const = default;
};

using Atom = std::variant<Symbol, std::string, std::int64_t, double>;
using Multifield = std::vector<Atom>;  // at most kMaxMultifield
using SlotValue = std::variant<Symbol, std::string, std::int64_t, double, Multifield>;

inline constexpr std::size_t kMaxMultifield = 1024;

// A value as text, for people, audit and `<field>` facts: symbols and strings as they are, integers in decimal,
// floats in the shortest form that reads back the same; a multifield's atoms with a space between.
[[nodiscard]] std::string to_text(const SlotValue& value);
// The symbol when the text is a plain one (clp::is_plain_symbol), else the string.
[[nodiscard]] SlotValue symbol_or_string(std::string text);

struct Fact {
  std::string template_name;
  std::vector<std::pair<std::string, SlotValue>> slots;

  [[nodiscard]] const SlotValue* find(std::string_view slot) const;
  // Text of a slot, empty when absent.
  [[nodiscard]] std::string text(std::string_view slot) const;
  bool operator==(const Fact&) const = default;
};

// A template the host declares before a stage's own text. The six provenance slots are added by the jail.
struct HostTemplate {
  std::string name;
  std::vector<clp::SlotDefinition> slots;
};

// Declared in every stage: node-id, stargraph.field, stargraph.run-start, stargraph.response, stargraph.error,
// stargraph_action.
[[nodiscard]] const std::vector<HostTemplate>& standard_templates();
// _origin _source _run_id _step _confidence _timestamp
[[nodiscard]] const std::vector<std::string>& provenance_slots();

inline constexpr std::string_view kActionTemplate = "stargraph_action";
inline constexpr std::string_view kViolationTemplate = "bosun.violation";

// Of one stage in one evaluation.
struct Limits {
  std::uint32_t max_facts = 10'000;
  std::uint32_t max_firings = 100'000;
  std::uint32_t max_ms = 1'000;
  std::uint64_t max_bytes = std::uint64_t{64} << 20;
};

struct Stage {
  std::string name;    // pack id, or "graph"
  std::string digest;  // of the pack, as the trace shows it
  std::string source;  // passes clp::check_source()
  std::vector<std::string> provides;
  std::vector<std::string> requires_facts;
  std::vector<HostTemplate> host_templates;  // beside the standard ones, e.g. `state` and the mirrored fields
  Limits limits;
};

struct Program {
  std::vector<Stage> stages;
  std::string digest;  // names the program: equal digests may share evaluators
};

struct EvaluationInput {
  // Asserted in every stage that declares the template, in this order. A slot the stage's template does
  // not have is refused (kRulesTemplate). Strings must not hold NUL (kMalformed).
  std::vector<Fact> facts;
  // By stage index, may be shorter than the program; asserted after `facts`.
  std::vector<std::vector<Fact>> stage_facts;
  // Wall clock for the whole evaluation; without it the sum of the stages' max_ms.
  std::optional<std::chrono::milliseconds> deadline;
};

// A fact that a firing matched: one of the input (position in `facts` followed by the stage's
// `stage_facts`) or, with input -1, one that a stage made.
struct FactReference {
  std::string template_name;
  std::int32_t input = -1;
  bool operator==(const FactReference&) const = default;
};

struct Firing {
  std::uint32_t stage = 0;  // index into the program
  std::string rule;
  std::vector<FactReference> facts;
  bool operator==(const Firing&) const = default;
};

// A fact that a stage left behind. `rule` is the fact's own `rule_id` when it has one, else the rule that made it.
struct Derived {
  std::uint32_t stage = 0;
  std::string rule;
  Fact fact;  // slots that hold a value other than nil or (), in the template's order
  bool operator==(const Derived&) const = default;
};

struct Outcome {
  std::vector<Derived> actions;     // stargraph_action: by stage, then in order of assertion
  std::vector<Derived> violations;  // bosun.violation
  std::vector<Derived> provided;    // of templates in the stage's `provides`
  std::vector<Firing> trace;        // the first kMaxTrace firings
  std::uint64_t fired = 0;
  std::uint64_t facts = 0;                         // left in all stages at the end
  std::uint64_t micros = 0;                        // measured outside the jail; not part of the decision
  bool same_decision(const Outcome& other) const;  // everything but `micros`
};

inline constexpr std::size_t kMaxTrace = 4'096;

// What can be seen without CLIPS: every stage passes clp::check_source(), names are unique, provided templates are
// declared by their stage and not reserved, required ones are declared or provided, host templates do not collide.
[[nodiscard]] base::Result<> check_stages(const Program& program);

}  // namespace stargraph::rules
