// Forms: the tree of parentheses that CLIPS source text is, and writing it back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/clp/token.hpp"

namespace stargraph::clp {

// A token, or a list of forms in parentheses. Never deeper than kMaxNesting, so that functions
// over forms may recurse.
struct Form {
  Token token;              // of a list: its opening parenthesis, with `end` after the closing one
  std::vector<Form> items;  // of a list

  [[nodiscard]] bool is_list() const { return token.kind == TokenKind::kOpen; }
  [[nodiscard]] std::uint32_t line() const { return token.line; }
  // The symbol that begins the list; empty when this is no list or begins otherwise.
  [[nodiscard]] std::string_view head() const;
};

// The forms of a whole source, in order. kRulesSyntax when parentheses do not balance; otherwise
// the errors of tokenize().
[[nodiscard]] base::Result<std::vector<Form>> read_forms(std::string_view source);

// Text that both scanners read as exactly this form: one space between tokens, strings quoted.
[[nodiscard]] std::string write_form(const Form& form);
[[nodiscard]] std::string write_forms(std::span<const Form> forms);

// A CLIPS string literal with this value: `"`, with `"` and `\` escaped. The value must not hold NUL
// (kMalformed).
[[nodiscard]] base::Result<std::string> quote_string(std::string_view value);
// True for ^[A-Za-z_][A-Za-z0-9_.-]*$: what may stand as a symbol where the host writes facts.
[[nodiscard]] bool is_plain_symbol(std::string_view text);
// A plain symbol as it is, anything else quoted.
[[nodiscard]] base::Result<std::string> quote_symbol_or_string(std::string_view value);

}  // namespace stargraph::clp
