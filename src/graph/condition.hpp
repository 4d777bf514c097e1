// A rule's condition, held to more than clp::check_when holds it: it only looks. A condition that asserted
// decisions or looped would act while facts are matched, by no rule's name and in no trace.
#pragma once

#include <string_view>

#include "stargraph/base/result.hpp"
#include "stargraph/clp/when.hpp"

namespace stargraph::graph {

// The errors of clp::check_when; kRulesFunction for a function with an effect or a loop.
[[nodiscard]] base::Result<clp::When> check_condition(std::string_view text);

}  // namespace stargraph::graph
