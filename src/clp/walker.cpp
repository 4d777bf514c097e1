#include "clp/walker.hpp"

#include <algorithm>

#include "stargraph/clp/functions.hpp"
#include "stargraph/clp/source.hpp"

namespace stargraph::clp {

using base::Code;
using base::fail;
using base::Result;

namespace {

// Names go into messages; a long one is cut, so that a refusal stays readable.
std::string shown(std::string_view name) {
  constexpr std::size_t kShown = 64;
  return name.size() <= kShown ? std::string(name) : std::string(name.substr(0, kShown)) + "…";
}

bool binds_variable(const Form& form) {
  return form.is_list() && !form.items.empty() && form.items.front().token.kind == TokenKind::kVariable;
}

}  // namespace

std::unexpected<base::Error> Walker::refuse(Code code, const Form& at, std::string_view reason) const {
  return fail(code, "rules: " + where_ + ": line " + std::to_string(at.line()) + ": " + std::string(reason));
}

Result<> Walker::expressions(std::span<const Form> forms) {
  for (const Form& form : forms) SG_TRY(expression(form));
  return {};
}

Result<> Walker::expression(const Form& form) {
  if (!form.is_list()) return {};
  SG_TRY(call(form));
  const std::string_view head = form.head();
  const std::span<const Form> arguments = std::span(form.items).subspan(1);
  if (arguments.empty()) return {};
  if (head == "assert") {
    for (const Form& argument : arguments) SG_TRY(fact(argument));
    return {};
  }
  if (head == "modify" || head == "duplicate") {
    SG_TRY(expression(arguments.front()));
    return slot_values(arguments.subspan(1));
  }
  if (head == "switch") return switch_cases(arguments);
  if ((head == "progn$" || head == "loop-for-count") && binds_variable(arguments.front())) {
    SG_TRY(expressions(std::span(arguments.front().items).subspan(1)));
    return expressions(arguments.subspan(1));
  }
  return expressions(arguments);
}

Result<> Walker::call(const Form& form) {
  const std::string_view head = form.head();
  if (head.empty()) return refuse(Code::kRulesSyntax, form, "parentheses that do not begin with a function's name");
  if (const auto found = scope_.functions.find(head); found != scope_.functions.end()) {
    call_depth_ = std::max(call_depth_, found->second);
    return {};
  }
  if (scope_.later_functions.contains(head)) {
    // CLIPS itself wants a function defined before it is called, so a call forward is recursion or a mistake.
    return refuse(Code::kRulesRecursion, form, "calls " + shown(head) + " before its definition is complete");
  }
  if (!is_allowed_function(head))
    return refuse(Code::kRulesFunction, form, "function " + shown(head) + " is not allowed");
  return {};
}

Result<> Walker::switch_cases(std::span<const Form> items) {
  SG_TRY(expression(items.front()));
  for (const Form& item : items.subspan(1)) {
    if (item.head() != "case" && item.head() != "default")
      return refuse(Code::kRulesSyntax, item, "switch takes (case ...) and (default ...)");
    SG_TRY(expressions(std::span(item.items).subspan(1)));
  }
  return {};
}

Result<> Walker::slot_values(std::span<const Form> items) {
  for (const Form& item : items) {
    if (item.head().empty()) return refuse(Code::kRulesSyntax, item, "a slot is written (name value)");
    SG_TRY(expressions(std::span(item.items).subspan(1)));
  }
  return {};
}

Result<> Walker::fact(const Form& form) {
  const std::string_view name = form.head();
  if (name.empty()) return refuse(Code::kRulesSyntax, form, "a fact is written (template ...)");
  if (is_reserved_template(name) && name != "stargraph_action")
    return refuse(Code::kRulesTemplate, form, "asserts " + shown(name) + ", which only the host may");
  const bool declared = scope_.templates.contains(name) || name == "stargraph_action";
  for (const Form& item : std::span(form.items).subspan(1)) {
    if (!item.is_list()) continue;
    // Of a template that the text does not declare (the host may), a slot and a call look alike: what is
    // a function's name is checked as a call. Were it any other, CLIPS knows neither and refuses it.
    const std::string_view head = item.head();
    const bool callable =
        scope_.functions.contains(head) || scope_.later_functions.contains(head) || is_allowed_function(head);
    if (!declared && callable) {
      SG_TRY(expression(item));
      continue;
    }
    SG_TRY(slot_values(std::span(&item, 1)));
  }
  return {};
}

Result<> Walker::conditional_element(const Form& form, bool negated) {
  const std::string_view head = form.head();
  if (head.empty()) return refuse(Code::kRulesSyntax, form, "a condition is written (template ...)");
  const std::span<const Form> items = std::span(form.items).subspan(1);
  if (head == "test") return expressions(items);
  const bool combines =
      head == "and" || head == "or" || head == "not" || head == "exists" || head == "forall" || head == "logical";
  if (!combines) return pattern(form, negated);
  const bool inner = negated || head == "not" || head == "forall";
  for (std::size_t i = 0; i < items.size(); ++i) {
    // `?f <- (pattern)` inside `and`/`or`.
    if (items[i].token.kind == TokenKind::kVariable && i + 2 < items.size() && items[i + 1].token.is_symbol("<-"))
      i += 2;
    SG_TRY(conditional_element(items[i], inner));
  }
  return {};
}

Result<> Walker::pattern(const Form& form, bool negated) {
  SG_TRY(constraints(std::span(form.items).subspan(1), true));
  if (on_pattern) return on_pattern(form, negated);
  return {};
}

// Parentheses in a constraint are a call after ":" or "="; directly in a pattern they are a slot.
Result<> Walker::constraints(std::span<const Form> items, bool slots_allowed) {
  bool after_marker = false;
  for (const Form& item : items) {
    if (item.is_list()) {
      if (after_marker) {
        SG_TRY(expression(item));
      } else if (slots_allowed && !item.head().empty()) {
        SG_TRY(constraints(std::span(item.items).subspan(1), false));
      } else {
        return refuse(Code::kRulesSyntax, item, "parentheses where a constraint is wanted");
      }
    }
    after_marker = item.token.is_symbol(":") || item.token.is_symbol("=");
  }
  return {};
}

}  // namespace stargraph::clp
