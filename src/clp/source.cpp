#include "stargraph/clp/source.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "clp/walker.hpp"
#include "stargraph/clp/form.hpp"
#include "stargraph/clp/functions.hpp"

namespace stargraph::clp {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxCallDepth = 64;
constexpr std::int64_t kMaxSalience = 10'000;

struct KindName {
  std::string_view name;
  ConstructKind kind;
};
constexpr auto kKinds = std::to_array<KindName>({
    {"deftemplate", ConstructKind::kDeftemplate},
    {"defrule", ConstructKind::kDefrule},
    {"deffunction", ConstructKind::kDeffunction},
    {"defglobal", ConstructKind::kDefglobal},
    {"deffacts", ConstructKind::kDeffacts},
});

std::string_view name_of(ConstructKind kind) { return std::ranges::find(kKinds, kind, &KindName::kind)->name; }

std::unexpected<base::Error> refuse(Code code, const Form& at, std::string_view reason) {
  return fail(code, "rules: line " + std::to_string(at.line()) + ": " + std::string(reason));
}

Result<Construct> classify(const Form& form) {
  const auto found = std::ranges::find(kKinds, form.head(), &KindName::name);
  if (found == kKinds.end())
    return refuse(Code::kRulesConstruct, form,
                  "only deftemplate, defrule, deffunction, defglobal and deffacts may stand here");
  Construct construct{found->kind, {}, write_form(form), form.token.begin, form.token.end, form.line()};
  if (found->kind == ConstructKind::kDefglobal) return construct;
  if (form.items.size() < 2 || form.items[1].token.kind != TokenKind::kSymbol)
    return refuse(Code::kRulesSyntax, form, std::string(found->name) + " without a name");
  construct.name = form.items[1].token.text;
  return construct;
}

Result<std::vector<Construct>> classify_all(const std::vector<Form>& forms) {
  std::vector<Construct> constructs;
  constructs.reserve(forms.size());
  std::set<std::pair<ConstructKind, std::string>> seen;
  for (const Form& form : forms) {
    SG_TRY(Construct construct, classify(form));
    const bool named = construct.kind != ConstructKind::kDefglobal;
    if (named && !seen.emplace(construct.kind, construct.name).second)
      return refuse(Code::kRulesSyntax, form, std::string(name_of(construct.kind)) + " defined twice under one name");
    constructs.push_back(std::move(construct));
  }
  return constructs;
}

std::string where_of(const Construct& construct) {
  return std::string(name_of(construct.kind)) + (construct.name.empty() ? "" : ' ' + shown_name(construct.name));
}

// The items after keyword, name and the optional comment.
std::span<const Form> body_of(const Form& form) {
  std::span<const Form> items = std::span(form.items).subspan(2);
  if (!items.empty() && items.front().token.kind == TokenKind::kString) items = items.subspan(1);
  return items;
}

class Checker {
 public:
  explicit Checker(std::vector<Construct> constructs) {
    source_.constructs = std::move(constructs);
    for (const Construct& construct : source_.constructs) {
      if (construct.kind == ConstructKind::kDeftemplate) scope_.templates.insert(construct.name);
      if (construct.kind == ConstructKind::kDeffunction) scope_.later_functions.insert(construct.name);
    }
  }

  Result<Source> run(const std::vector<Form>& forms) {
    for (std::size_t i = 0; i < forms.size(); ++i) SG_TRY(construct(source_.constructs[i], forms[i]));
    return std::move(source_);
  }

 private:
  Result<> construct(const Construct& construct, const Form& form) {
    const Calls calls = construct.kind == ConstructKind::kDeffunction ? Calls::kAct : Calls::kLook;
    Walker walker(scope_, calls, where_of(construct));
    switch (construct.kind) {
      case ConstructKind::kDeftemplate: return deftemplate(construct, form, walker);
      case ConstructKind::kDefrule: return defrule(construct, form, walker);
      case ConstructKind::kDeffunction: return deffunction(construct, form, walker);
      case ConstructKind::kDefglobal: return walker.expressions(std::span(form.items).subspan(1));
      case ConstructKind::kDeffacts:
        for (const Form& item : body_of(form)) SG_TRY(walker.fact(item));
        return {};
    }
    return {};
  }

  Result<> deftemplate(const Construct& construct, const Form& form, Walker& walker) {
    if (is_reserved_template(construct.name))
      return walker.refuse(Code::kRulesTemplate, form, "the name is the host's");
    TemplateDefinition definition{construct.name, {}, construct.text, construct.line};
    std::set<std::string, std::less<>> names;
    for (const Form& item : body_of(form)) {
      SG_TRY(SlotDefinition slot, slot_of(item, walker));
      if (!names.insert(slot.name).second) return walker.refuse(Code::kRulesSyntax, item, "a slot declared twice");
      definition.slots.push_back(std::move(slot));
    }
    source_.templates.push_back(std::move(definition));
    return {};
  }

  static Result<SlotDefinition> slot_of(const Form& form, Walker& walker) {
    const std::string_view head = form.head();
    const bool multi = head == "multislot" || head == "multifield";
    if (!multi && head != "slot" && head != "field")
      return walker.refuse(Code::kRulesSyntax, form, "a template holds (slot name ...) and (multislot name ...)");
    if (form.items.size() < 2 || form.items[1].token.kind != TokenKind::kSymbol)
      return walker.refuse(Code::kRulesSyntax, form, "a slot without a name");
    for (const Form& facet : std::span(form.items).subspan(2)) {
      if (facet.head().empty()) return walker.refuse(Code::kRulesSyntax, facet, "a facet is written (name value ...)");
      const std::span<const Form> values = std::span(facet.items).subspan(1);
      if (facet.head() == "default" || facet.head() == "default-dynamic") {
        SG_TRY(walker.expressions(values));
      } else if (std::ranges::any_of(values, &Form::is_list)) {
        return walker.refuse(Code::kRulesSyntax, facet, "parentheses in a facet");
      }
    }
    return SlotDefinition{form.items[1].token.text, multi};
  }

  Result<> defrule(const Construct& construct, const Form& form, Walker& walker) {
    RuleDefinition rule{construct.name, 0, construct.line};
    std::span<const Form> items = body_of(form);
    if (!items.empty() && items.front().head() == "declare") {
      SG_TRY(rule.salience, salience_of(items.front(), walker));
      items = items.subspan(1);
    }
    const auto is_arrow = [](const Form& item) { return item.token.is_symbol("=>"); };
    const auto arrow = std::ranges::find_if(items, is_arrow);
    if (arrow == items.end()) return walker.refuse(Code::kRulesSyntax, form, "a rule without =>");
    const auto left = static_cast<std::size_t>(arrow - items.begin());
    SG_TRY(left_hand_side(items.first(left), walker));
    Walker actions(scope_, Calls::kAct, where_of(construct));
    for (const Form& action : items.subspan(left + 1)) {
      if (!action.is_list()) return walker.refuse(Code::kRulesSyntax, action, "an action is written (function ...)");
      SG_TRY(actions.expression(action));
    }
    source_.rules.push_back(std::move(rule));
    return {};
  }

  static Result<> left_hand_side(std::span<const Form> items, Walker& walker) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (items[i].token.kind == TokenKind::kVariable && i + 2 < items.size() && items[i + 1].token.is_symbol("<-"))
        i += 2;
      SG_TRY(walker.conditional_element(items[i]));
    }
    return {};
  }

  static Result<std::int64_t> salience_of(const Form& form, Walker& walker) {
    std::int64_t salience = 0;
    for (const Form& item : std::span(form.items).subspan(1)) {
      const bool literal =
          item.head() == "salience" && item.items.size() == 2 && item.items[1].token.kind == TokenKind::kInteger;
      if (!literal) return walker.refuse(Code::kRulesSyntax, item, "declare takes (salience INTEGER) only");
      std::string_view digits = item.items[1].token.text;
      if (digits.starts_with('+')) digits.remove_prefix(1);
      std::from_chars(digits.data(), digits.data() + digits.size(), salience);
      if (salience < -kMaxSalience || salience > kMaxSalience)
        return walker.refuse(Code::kRulesSyntax, item, "a salience outside -10000..10000");
    }
    return salience;
  }

  // Callable only once it is complete, so that no function can reach itself.
  Result<> deffunction(const Construct& construct, const Form& form, Walker& walker) {
    if (is_allowed_function(construct.name))
      return walker.refuse(Code::kRulesFunction, form, "the name is a built-in function's");
    const std::span<const Form> items = body_of(form);
    if (items.empty() || !items.front().is_list() || std::ranges::any_of(items.front().items, &Form::is_list))
      return walker.refuse(Code::kRulesSyntax, form, "a function needs its parameters in parentheses");
    SG_TRY(walker.expressions(items.subspan(1)));
    if (walker.call_depth() >= kMaxCallDepth)
      return walker.refuse(Code::kRulesNesting, form, "functions call each other deeper than 64");
    scope_.later_functions.erase(construct.name);
    scope_.functions.emplace(construct.name, walker.call_depth() + 1);
    if (walker.has_effect()) scope_.acting_functions.insert(construct.name);
    source_.functions.push_back(construct.name);
    return {};
  }

  Source source_;
  Scope scope_;
};

}  // namespace

const TemplateDefinition* Source::find_template(std::string_view name) const {
  const auto found = std::ranges::find(templates, name, &TemplateDefinition::name);
  return found == templates.end() ? nullptr : &*found;
}

bool is_reserved_template(std::string_view name) {
  return name == "node-id" || name == "state" || name == "stargraph_action" || name == "initial-fact" ||
         name.starts_with("stargraph.");
}

Result<std::vector<Construct>> split_constructs(std::string_view source) {
  SG_TRY(const std::vector<Form> forms, read_forms(source));
  return classify_all(forms);
}

Result<Source> check_source(std::string_view source) {
  SG_TRY(const std::vector<Form> forms, read_forms(source));
  SG_TRY(std::vector<Construct> constructs, classify_all(forms));
  return Checker(std::move(constructs)).run(forms);
}

}  // namespace stargraph::clp
