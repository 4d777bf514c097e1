#include "graph/condition.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "stargraph/clp/form.hpp"

namespace stargraph::graph {
namespace {

// Of clp::allowed_functions(), those that change facts or variables or repeat.
constexpr auto kActing = std::to_array<std::string_view>({
    "assert",
    "bind",
    "break",
    "duplicate",
    "foreach",
    "loop-for-count",
    "modify",
    "progn",
    "progn$",
    "retract",
    "return",
    "while",
});

bool acts(const clp::Form& form) {
  if (std::ranges::find(kActing, form.head()) != kActing.end()) return true;
  return std::ranges::any_of(form.items, acts);
}

}  // namespace

base::Result<clp::When> check_condition(std::string_view text) {
  SG_TRY(clp::When when, clp::check_when(text));
  SG_TRY(const auto forms, clp::read_forms(when.text));
  if (std::ranges::any_of(forms, acts)) {
    return base::fail(base::Code::kRulesFunction, "when: condition: a function that acts or repeats");
  }
  return when;
}

}  // namespace stargraph::graph
