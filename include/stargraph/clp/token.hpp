// Lexical structure of CLIPS source text, read the strict way.
//
// The scanner of CLIPS 6.30 is lenient: it stops at NUL, accepts bytes that are no text and reads
// some of them as end of file. Here such text is refused, and CLIPS only ever sees text that
// write_form() (clp/form.hpp) wrote from these tokens, so that no difference between the two
// scanners can hide a construct. All functions are pure and may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"

namespace stargraph::clp {

inline constexpr std::size_t kMaxSourceBytes = std::size_t{1} << 20;  // 1 MiB
inline constexpr std::size_t kMaxNesting = 64;

enum class TokenKind : std::uint8_t {
  kOpen,
  kClose,
  kString,         // text: the value, escapes resolved
  kSymbol,         // also "=>", "<-", ":" and "=": CLIPS reads them as symbols
  kInteger,        // text as written, within 64 bits
  kFloat,          // text as written, finite
  kVariable,       // ?x, text without "?"
  kMultiVariable,  // $?x, text without "$?"
  kGlobal,         // ?*x*, text without "?*" and "*"
  kWildcard,       // ?
  kMultiWildcard,  // $?
  kAnd,            // &
  kOr,             // |
  kNot,            // ~
};

struct Token {
  TokenKind kind = TokenKind::kSymbol;
  std::string text;
  std::size_t begin = 0;  // byte offsets into the source
  std::size_t end = 0;
  std::uint32_t line = 1;

  [[nodiscard]] bool is_symbol(std::string_view name) const { return kind == TokenKind::kSymbol && text == name; }
};

// Comments (";" to the end of the line) are dropped. Refuses: kTooLarge over kMaxSourceBytes, kBadUtf8,
// kRulesSyntax for control characters, an open string, a number out of range; kRulesNesting where
// parentheses are more than kMaxNesting deep.
[[nodiscard]] base::Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace stargraph::clp
