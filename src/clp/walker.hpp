// Walks the places of a construct where CLIPS would call a function, and the patterns it mentions.
#pragma once

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
  std::set<std::string, std::less<>> templates;               // templates the text declares
};

class Walker {
 public:
  // `where` names the construct for messages; both references must outlive the walker.
  Walker(const Scope& scope, std::string where) : scope_(scope), where_(std::move(where)) {}

  // Called for every pattern: its form, and whether it stands inside `not`.
  std::function<base::Result<>(const Form& pattern, bool negated)> on_pattern;

  base::Result<> conditional_element(const Form& form, bool negated = false);
  base::Result<> expression(const Form& form);
  base::Result<> expressions(std::span<const Form> forms);
  base::Result<> fact(const Form& form);  // what assert and deffacts take

  // The deepest chain of deffunctions called so far.
  [[nodiscard]] std::size_t call_depth() const { return call_depth_; }
  [[nodiscard]] std::unexpected<base::Error> refuse(base::Code code, const Form& at, std::string_view reason) const;

 private:
  base::Result<> call(const Form& form);
  base::Result<> pattern(const Form& form, bool negated);
  base::Result<> constraints(std::span<const Form> items, bool slots_allowed);
  base::Result<> slot_values(std::span<const Form> items);
  base::Result<> switch_cases(std::span<const Form> items);

  const Scope& scope_;
  std::string where_;
  std::size_t call_depth_ = 0;
};

}  // namespace stargraph::clp
