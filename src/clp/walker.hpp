// Walks the places of a construct where CLIPS would call a function, and the patterns it mentions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "stargraph/base/result.hpp"
#include "stargraph/clp/form.hpp"

namespace stargraph::clp {

// What the walk needs to know of the text around, and learns for it.
struct Scope {
  std::map<std::string, std::size_t, std::less<>> functions;  // deffunctions defined so far: depth of their calls
  std::set<std::string, std::less<>> later_functions;         // those the text defines further down, or is defining
  std::set<std::string, std::less<>> acting_functions;        // of `functions`: those that reach an effect
  std::set<std::string, std::less<>> templates;               // templates the text declares
};

// What calls may do where they stand. CLIPS evaluates conditions while it matches, and defaults and globals while it
// resets: an effect there would be by no rule's name and in no trace, a loop would run without a firing to count.
enum class Calls : std::uint8_t { kLook, kAct };

// A name for a message: cut short never, left out when it is long or not plain ASCII (a terminal or a log may show it).
[[nodiscard]] std::string shown_name(std::string_view name);

class Walker {
 public:
  // `where` names the construct for messages; `scope` must outlive the walker.
  Walker(const Scope& scope, Calls calls, std::string where) : scope_(scope), calls_(calls), where_(std::move(where)) {}

  // Called for every pattern: its form, and whether it stands inside `not`.
  std::function<base::Result<>(const Form& pattern, bool negated)> on_pattern;

  base::Result<> conditional_element(const Form& form, bool negated = false);
  base::Result<> expression(const Form& form);
  base::Result<> expressions(std::span<const Form> forms);
  base::Result<> fact(const Form& form);  // what assert and deffacts take

  // The deepest chain of deffunctions called so far.
  [[nodiscard]] std::size_t call_depth() const { return call_depth_; }
  // Whether a call changes facts or a global variable.
  [[nodiscard]] bool has_effect() const { return has_effect_; }
  [[nodiscard]] std::unexpected<base::Error> refuse(base::Code code, const Form& at, std::string_view reason) const;

 private:
  base::Result<> call(const Form& form);
  base::Result<> pattern(const Form& form, bool negated);
  base::Result<> constraints(std::span<const Form> items, bool slots_allowed);
  base::Result<> slot_values(std::span<const Form> items);
  base::Result<> switch_cases(std::span<const Form> items);

  const Scope& scope_;
  Calls calls_;
  std::string where_;
  std::size_t call_depth_ = 0;
  bool has_effect_ = false;
};

}  // namespace stargraph::clp
