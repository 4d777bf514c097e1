// Plan: a program as the evaluator gets it, every decision about text already made outside the jail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/rules/program.hpp"

namespace stargraph::rules {

inline constexpr std::size_t kMaxStages = 64;

struct PlannedConstruct {
  std::string label;  // "defrule x", for messages
  std::uint32_t line = 0;
  std::string text;
};

struct PlannedStage {
  std::string name;
  std::vector<std::string> provides;
  std::uint32_t max_facts = 0;
  std::uint32_t max_firings = 0;
  std::vector<PlannedConstruct> constructs;  // host templates, handed-over templates, the stage's own
};

using Plan = std::vector<PlannedStage>;

[[nodiscard]] bool is_standard_template(std::string_view name);

// With `checked` false a source that cannot be split is passed on as one construct (tests of the inner walls).
[[nodiscard]] base::Result<Plan> make_plan(const Program& program, bool checked);

}  // namespace stargraph::rules
