#include "stargraph/clp/token.hpp"

#include <charconv>
#include <cmath>
#include <system_error>

#include "stargraph/base/bytes.hpp"

namespace stargraph::clp {
namespace {

using base::Code;
using base::fail;
using base::Result;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool is_high(char c) { return static_cast<unsigned char>(c) >= 0x80; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// What ends a symbol in CLIPS (its scanner's ScanSymbol), control characters included.
bool ends_symbol(char c) {
  return c == '<' || c == '"' || c == '(' || c == ')' || c == '&' || c == '|' || c == '~' || c == ' ' || c == ';' ||
         is_control(c);
}

enum class Shape : std::uint8_t { kSymbol, kInteger, kFloat };

// [+-]?digits is an integer; with a point or an exponent a float; anything else a symbol.
Shape shape_of(std::string_view text) {
  std::size_t i = text.starts_with('+') || text.starts_with('-') ? 1 : 0;
  std::size_t digits = 0;
  bool floating = false;
  for (; i < text.size() && is_digit(text[i]); ++i) ++digits;
  if (i < text.size() && text[i] == '.') {
    floating = true;
    for (++i; i < text.size() && is_digit(text[i]); ++i) ++digits;
  }
  if (digits == 0) return Shape::kSymbol;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    floating = true;
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (i == text.size()) return Shape::kSymbol;
    for (; i < text.size() && is_digit(text[i]); ++i) {
    }
  }
  if (i != text.size()) return Shape::kSymbol;
  return floating ? Shape::kFloat : Shape::kInteger;
}

class Scanner {
 public:
  explicit Scanner(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> run() {
    for (skip_blanks(); position_ < source_.size(); skip_blanks()) SG_TRY(next());
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return position_ + ahead < source_.size() ? source_[position_ + ahead] : '\0';
  }

  [[nodiscard]] std::unexpected<base::Error> refuse(Code code, std::string_view reason) const {
    return fail(code, "clips source: line " + std::to_string(line_) + ": " + std::string(reason));
  }

  void skip_blanks() {
    while (position_ < source_.size()) {
      const char c = source_[position_];
      if (c == ';') {
        // As CLIPS does, a carriage return ends a comment too: otherwise it could hide what CLIPS reads.
        while (position_ < source_.size() && source_[position_] != '\n' && source_[position_] != '\r') ++position_;
        continue;
      }
      if (!is_blank(c)) return;
      if (c == '\n') ++line_;
      ++position_;
    }
  }

  void push(TokenKind kind, std::string text, std::size_t begin, std::uint32_t line) {
    tokens_.push_back(Token{kind, std::move(text), begin, position_, line});
  }

  void push_single(TokenKind kind) {
    ++position_;
    push(kind, {}, position_ - 1, line_);
  }

  // The run of symbol characters from here on.
  std::string_view run_of_symbol() {
    const std::size_t begin = position_;
    while (position_ < source_.size() && !ends_symbol(source_[position_])) ++position_;
    return source_.substr(begin, position_ - begin);
  }

  Result<> next() {
    const char c = peek();
    switch (c) {
      case '(':
        if (++depth_ > kMaxNesting) return refuse(Code::kRulesNesting, "parentheses nested deeper than 64");
        push_single(TokenKind::kOpen);
        return {};
      case ')':
        if (depth_ == 0) return refuse(Code::kRulesSyntax, "a closing parenthesis too many");
        --depth_;
        push_single(TokenKind::kClose);
        return {};
      case '&': push_single(TokenKind::kAnd); return {};
      case '|': push_single(TokenKind::kOr); return {};
      case '~': push_single(TokenKind::kNot); return {};
      case '"': return string();
      case '?': return variable(1, TokenKind::kVariable, TokenKind::kWildcard);
      case '$':
        if (peek(1) == '?') return variable(2, TokenKind::kMultiVariable, TokenKind::kMultiWildcard);
        return symbol();
      default:
        if (is_control(c)) return refuse(Code::kRulesSyntax, "a control character");
        return symbol();
    }
  }

  Result<> string() {
    const std::size_t begin = position_;
    const std::uint32_t line = line_;
    std::string value;
    for (++position_; position_ < source_.size(); ++position_) {
      char c = source_[position_];
      if (c == '"') {
        ++position_;
        push(TokenKind::kString, std::move(value), begin, line);
        return {};
      }
      if (c == '\\') {
        if (++position_ == source_.size()) break;
        c = source_[position_];
      }
      if (c == '\n') ++line_;
      if (is_control(c) && !is_blank(c)) return refuse(Code::kRulesSyntax, "a control character in a string");
      value.push_back(c);
    }
    line_ = line;
    return refuse(Code::kRulesSyntax, "a string without end");
  }

  Result<> variable(std::size_t prefix, TokenKind named, TokenKind wildcard) {
    const std::size_t begin = position_;
    position_ += prefix;
    const char c = peek();
    if (!is_alpha(c) && !is_high(c) && c != '*') {
      push(wildcard, {}, begin, line_);
      return {};
    }
    std::string name(run_of_symbol());
    if (name.find(':') != std::string::npos) return refuse(Code::kRulesSyntax, "a colon in a variable's name");
    if (c == '*') {
      if (prefix != 1 || name.size() < 3 || name.back() != '*')
        return refuse(Code::kRulesSyntax, "a global variable is written ?*name*");
      push(TokenKind::kGlobal, name.substr(1, name.size() - 2), begin, line_);
      return {};
    }
    push(named, std::move(name), begin, line_);
    return {};
  }

  Result<> symbol() {
    const std::size_t begin = position_;
    if (peek() == '<') ++position_;  // "<" begins a symbol and ends one, as in CLIPS
    run_of_symbol();
    std::string text(source_.substr(begin, position_ - begin));
    const Shape shape = shape_of(text);
    if (shape == Shape::kSymbol) {
      if (text.find("::") != std::string::npos) return refuse(Code::kRulesSyntax, "a module name (\"::\")");
      push(TokenKind::kSymbol, std::move(text), begin, line_);
      return {};
    }
    SG_TRY(check_range(shape, text));
    push(shape == Shape::kInteger ? TokenKind::kInteger : TokenKind::kFloat, std::move(text), begin, line_);
    return {};
  }

  [[nodiscard]] Result<> check_range(Shape shape, std::string_view text) const {
    if (text.starts_with('+')) text.remove_prefix(1);
    const char* const first = text.data();
    const char* const last = first + text.size();
    std::errc error{};
    if (shape == Shape::kInteger) {
      std::int64_t value = 0;
      error = std::from_chars(first, last, value).ec;
    } else {
      double value = 0;
      error = std::from_chars(first, last, value).ec;
    }
    if (error != std::errc{}) return refuse(Code::kRulesSyntax, "a number out of range");
    return {};
  }

  std::string_view source_;
  std::size_t position_ = 0;
  std::size_t depth_ = 0;
  std::uint32_t line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  if (source.size() > kMaxSourceBytes) return fail(Code::kTooLarge, "clips source: text: longer than 1 MiB");
  if (!base::is_utf8(source)) return fail(Code::kBadUtf8, "clips source: text: not UTF-8");
  return Scanner(source).run();
}

}  // namespace stargraph::clp
