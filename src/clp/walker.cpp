#include "clp/walker.hpp"

#include <algorithm>
#include <array>

#include "stargraph/clp/functions.hpp"
#include "stargraph/clp/source.hpp"

namespace stargraph::clp {

using base::Code;
using base::fail;
using base::Result;

namespace {

// Of allowed_functions(), those that change facts or variables, repeat, or end what calls them.
constexpr auto kActing =
    std::to_array<std::string_view>({"assert", "bind", "break", "duplicate", "foreach", "loop-for-count", "modify",
                                     "progn", "progn$", "retract", "return", "while"});

// Variables of a function's own, and loops over them, are no effect.
bool changes_facts_or_globals(const Form& call) {
  const std::string_view head = call.head();
  if (head == "bind") return call.items.size() > 1 && call.items[1].token.kind == TokenKind::kGlobal;
  return head == "assert" || head == "duplicate" || head == "modify" || head == "retract";
}

bool binds_variable(const Form& form) {
  return form.is_list() && !form.items.empty() && form.items.front().token.kind == TokenKind::kVariable;
}

}  // namespace

std::string shown_name(std::string_view name) {
  constexpr std::size_t kShown = 64;
  const bool plain = name.size() <= kShown && std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f; });
  return plain ? std::string(name) : "(name not shown)";
}

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
    const bool acts = scope_.acting_functions.contains(head);
    has_effect_ = has_effect_ || acts;
    if (acts && calls_ == Calls::kLook)
      return refuse(Code::kRulesFunction, form, "function " + shown_name(head) + " acts, which only actions may");
    return {};
  }
  if (scope_.later_functions.contains(head)) {
    // CLIPS itself wants a function defined before it is called, so a call forward is recursion or a mistake.
    return refuse(Code::kRulesRecursion, form, "calls " + shown_name(head) + " before its definition is complete");
  }
  if (!is_allowed_function(head))
    return refuse(Code::kRulesFunction, form, "function " + shown_name(head) + " is not allowed");
  has_effect_ = has_effect_ || changes_facts_or_globals(form);
  if (calls_ == Calls::kLook && std::ranges::find(kActing, head) != kActing.end())
    return refuse(Code::kRulesFunction, form,
                  "function " + std::string(head) + " acts or repeats, which only actions may");
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
    return refuse(Code::kRulesTemplate, form, "asserts " + shown_name(name) + ", which only the host may");
  if (name == "stargraph_action" && calls_ == Calls::kLook)
    return refuse(Code::kRulesTemplate, form, "a decision that no rule makes");
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
