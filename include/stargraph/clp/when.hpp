// `when`: the left-hand side a graph document gives for a rule.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"

namespace stargraph::clp {

// One mention of a template. `(state (a x) (b y))` gives {"state", {"a", "b"}}.
struct PatternUse {
  std::string template_name;
  std::vector<std::string> slots;
  bool operator==(const PatternUse&) const = default;
};

struct When {
  // Normalised: one space between tokens, `(initial-fact)` rewritten to `(stargraph.run-start)`. It can stand before
  // "=>" of a defrule and is exactly conditional elements there.
  std::string text;
  std::vector<PatternUse> patterns;  // in order of mention, inside not/and/or/exists/forall too
  std::optional<std::string> node;   // X of the first `(node-id (id X))` with a literal X
  bool run_start = false;            // mentions (initial-fact)
};

// Accepts one or more complete conditional elements: patterns (`?x <-` before one at top level), not, and, or, exists,
// forall, test; predicates call allowed functions only, and none that acts or repeats. Everything else is kWhenInvalid:
// "=>", a construct's or declare's name as head, unbalanced parentheses, stray atoms, `logical`; nesting over the limit
// is kRulesNesting and a function outside the list kRulesFunction.
[[nodiscard]] base::Result<When> check_when(std::string_view text);

}  // namespace stargraph::clp
