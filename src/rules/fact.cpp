// Values, facts and outcomes: text forms and comparison.
#include <array>
#include <charconv>
#include <cmath>

#include "stargraph/clp/form.hpp"
#include "stargraph/rules/program.hpp"

namespace stargraph::rules {
namespace {

struct AtomText {
  std::string operator()(const Symbol& symbol) const { return symbol.text; }
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(double number) const {
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
    std::string text(buffer.data(), end);
    // A float stays one when read back.
    if (std::isfinite(number) && text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
  }
  std::string operator()(const Multifield& atoms) const {
    std::string text;
    for (const Atom& atom : atoms) {
      if (!text.empty()) text.push_back(' ');
      text += std::visit(AtomText{}, atom);
    }
    return text;
  }
};

}  // namespace

std::string to_text(const SlotValue& value) { return std::visit(AtomText{}, value); }

SlotValue symbol_or_string(std::string text) {
  if (clp::is_plain_symbol(text)) return Symbol{std::move(text)};
  return text;
}

const SlotValue* Fact::find(std::string_view slot) const {
  for (const auto& [name, value] : slots) {
    if (name == slot) return &value;
  }
  return nullptr;
}

std::string Fact::text(std::string_view slot) const {
  const SlotValue* value = find(slot);
  return value == nullptr ? std::string() : to_text(*value);
}

bool Outcome::same_decision(const Outcome& other) const {
  return actions == other.actions && violations == other.violations && provided == other.provided &&
         trace == other.trace && fired == other.fired && facts == other.facts;
}

}  // namespace stargraph::rules
