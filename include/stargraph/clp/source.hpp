// Rules source: which constructs a text holds, and whether it is one the jail may be given.
//
// check_source() is the early and readable refusal (at pack build, import and graph validation); the
// jail's own walls (functions undefined, limits, seccomp, kill) hold without it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"

namespace stargraph::clp {

enum class ConstructKind : std::uint8_t { kDeftemplate, kDefrule, kDeffunction, kDefglobal, kDeffacts };

struct Construct {
  ConstructKind kind = ConstructKind::kDefrule;
  std::string name;       // empty for defglobal
  std::string text;       // as write_form() writes it; comments are gone
  std::size_t begin = 0;  // span in the source as given
  std::size_t end = 0;
  std::uint32_t line = 1;
};

struct SlotDefinition {
  std::string name;
  bool multi = false;
  auto operator<=>(const SlotDefinition&) const = default;
};

struct TemplateDefinition {
  std::string name;
  std::vector<SlotDefinition> slots;
  std::string text;  // the construct, normalised
  std::uint32_t line = 1;
};

struct RuleDefinition {
  std::string name;
  std::int64_t salience = 0;
  std::uint32_t line = 1;
};

struct Source {
  std::vector<Construct> constructs;  // in order
  std::vector<TemplateDefinition> templates;
  std::vector<RuleDefinition> rules;
  std::vector<std::string> functions;  // deffunctions

  [[nodiscard]] const TemplateDefinition* find_template(std::string_view name) const;
};

// Templates that only the host declares: `node-id`, `state`, `stargraph_action`, `initial-fact` and every name that
// begins with "stargraph.".
[[nodiscard]] bool is_reserved_template(std::string_view name);

// kRulesConstruct for anything at top level but the five constructs, kRulesSyntax for one without a name
// or a name used twice in its kind; otherwise the errors of read_forms().
[[nodiscard]] base::Result<std::vector<Construct>> split_constructs(std::string_view source);

// Everything split_constructs() refuses, and:
//   kRulesFunction   a function outside allowed_functions() that the text does not define (message: rule, line);
//                    outside actions and deffunctions also one that acts or repeats: CLIPS would call it while it
//                    matches or resets, by no rule's name and in no trace
//   kRulesRecursion  a deffunction that reaches itself
//   kRulesTemplate   a reserved template declared, or a host fact asserted (other than stargraph_action), a
//                    decision in deffacts
//   kRulesSyntax     a salience that is no integer literal in -10000..10000, auto-focus, a malformed deftemplate
[[nodiscard]] base::Result<Source> check_source(std::string_view source);

}  // namespace stargraph::clp
