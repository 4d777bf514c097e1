#include "stargraph/clp/when.hpp"

#include <algorithm>
#include <array>

#include "clp/walker.hpp"
#include "stargraph/clp/form.hpp"

namespace stargraph::clp {
namespace {

using base::Code;
using base::fail;
using base::Result;

// Heads that mean something else than a pattern to a defrule, or that begin a construct.
constexpr auto kRefusedHeads = std::to_array<std::string_view>({
    "declare",
    "defclass",
    "deffacts",
    "deffunction",
    "defgeneric",
    "defglobal",
    "definstances",
    "defmessage-handler",
    "defmethod",
    "defmodule",
    "defrule",
    "deftemplate",
    "logical",
    "object",
});

constexpr std::string_view kInitialFact = "initial-fact";
constexpr std::string_view kRunStart = "stargraph.run-start";

std::unexpected<base::Error> refuse(const Form& at, std::string_view reason) {
  return fail(Code::kWhenInvalid, "when: line " + std::to_string(at.line()) + ": " + std::string(reason));
}

// An arrow never belongs into conditional elements, a binding arrow only between them.
Result<> refuse_arrows(const Form& form, bool inside_pattern) {
  if (form.token.is_symbol("=>")) return refuse(form, "an arrow");
  if (inside_pattern && form.token.is_symbol("<-")) return refuse(form, "a binding inside a pattern");
  for (const Form& item : form.items) SG_TRY(refuse_arrows(item, true));
  return {};
}

// Only where a condition may stand: a slot may well be called "object".
Result<> refuse_heads(const Form& form) {
  const std::string_view head = form.head();
  if (std::ranges::find(kRefusedHeads, head) != kRefusedHeads.end())
    return refuse(form, "no condition begins with this word");
  const bool combines = head == "and" || head == "or" || head == "not" || head == "exists" || head == "forall";
  if (!combines) return {};
  for (const Form& item : form.items) SG_TRY(refuse_heads(item));
  return {};
}

void rename_initial_fact(Form& form) {
  if (form.head() == kInitialFact && form.items.size() == 1) form.items.front().token.text = kRunStart;
  for (Form& item : form.items) rename_initial_fact(item);
}

// X of (node-id (id X)).
std::optional<std::string> node_of(const Form& pattern) {
  if (pattern.head() != "node-id") return std::nullopt;
  for (const Form& slot : pattern.items) {
    if (slot.head() != "id" || slot.items.size() != 2) continue;
    const Token& value = slot.items[1].token;
    const bool literal = value.kind == TokenKind::kSymbol || value.kind == TokenKind::kString ||
                         value.kind == TokenKind::kInteger || value.kind == TokenKind::kFloat;
    if (literal) return value.text;
  }
  return std::nullopt;
}

PatternUse use_of(const Form& pattern) {
  PatternUse use{std::string(pattern.head()), {}};
  for (const Form& item : pattern.items) {
    if (item.is_list() && !item.head().empty()) use.slots.emplace_back(item.head());
  }
  return use;
}

Result<> walk(std::vector<Form>& forms, When& when) {
  const Scope scope;
  Walker walker(scope, Calls::kLook, "when");
  walker.on_pattern = [&when](const Form& pattern, bool negated) -> Result<> {
    if (pattern.head() == kRunStart) when.run_start = true;
    if (!negated && !when.node) when.node = node_of(pattern);
    when.patterns.push_back(use_of(pattern));
    return {};
  };
  for (std::size_t i = 0; i < forms.size(); ++i) {
    SG_TRY(refuse_arrows(forms[i], false));
    const bool binds =
        forms[i].token.kind == TokenKind::kVariable && i + 2 < forms.size() && forms[i + 1].token.is_symbol("<-");
    if (binds) {
      i += 2;
      SG_TRY(refuse_arrows(forms[i], false));
    }
    if (!forms[i].is_list()) return refuse(forms[i], "only conditions in parentheses may stand here");
    SG_TRY(refuse_heads(forms[i]));
    rename_initial_fact(forms[i]);
    SG_TRY(walker.conditional_element(forms[i]));
  }
  return {};
}

}  // namespace

Result<When> check_when(std::string_view text) {
  When when;
  const auto checked = [&]() -> Result<> {
    SG_TRY(std::vector<Form> forms, read_forms(text));
    if (forms.empty()) return fail(Code::kWhenInvalid, "when: text: no condition");
    SG_TRY(walk(forms, when));
    when.text = write_forms(forms);
    return {};
  }();
  if (!checked) {
    base::Error error = checked.error();
    if (error.code == Code::kRulesSyntax) error.code = Code::kWhenInvalid;
    return std::unexpected(std::move(error));
  }
  return when;
}

}  // namespace stargraph::clp
