#include "stargraph/clp/form.hpp"

namespace stargraph::clp {
namespace {

using base::Code;
using base::fail;
using base::Result;

void append_quoted(std::string& out, std::string_view value) {
  out.push_back('"');
  for (const char c : value) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

void append_atom(std::string& out, const Token& token) {
  switch (token.kind) {
    case TokenKind::kString: append_quoted(out, token.text); return;
    case TokenKind::kVariable: out += '?' + token.text; return;
    case TokenKind::kMultiVariable: out += "$?" + token.text; return;
    case TokenKind::kGlobal: out += "?*" + token.text + '*'; return;
    case TokenKind::kWildcard: out += '?'; return;
    case TokenKind::kMultiWildcard: out += "$?"; return;
    case TokenKind::kAnd: out += '&'; return;
    case TokenKind::kOr: out += '|'; return;
    case TokenKind::kNot: out += '~'; return;
    case TokenKind::kSymbol:
    case TokenKind::kInteger:
    case TokenKind::kFloat: out += token.text; return;
    case TokenKind::kOpen:
    case TokenKind::kClose: return;
  }
}

void append_form(std::string& out, const Form& form) {
  if (!form.is_list()) {
    append_atom(out, form.token);
    return;
  }
  out.push_back('(');
  bool first = true;
  for (const Form& item : form.items) {
    if (!first) out.push_back(' ');
    first = false;
    append_form(out, item);
  }
  out.push_back(')');
}

}  // namespace

std::string_view Form::head() const {
  if (!is_list() || items.empty() || items.front().token.kind != TokenKind::kSymbol) return {};
  return items.front().token.text;
}

Result<std::vector<Form>> read_forms(std::string_view source) {
  SG_TRY(std::vector<Token> tokens, tokenize(source));
  std::vector<Form> open;  // lists not closed yet, outermost first
  std::vector<Form> done;
  for (Token& token : tokens) {
    if (token.kind == TokenKind::kOpen) {
      open.push_back(Form{std::move(token), {}});
      continue;
    }
    Form form;
    if (token.kind == TokenKind::kClose) {  // tokenize() has refused a closing one too many
      form = std::move(open.back());
      open.pop_back();
      form.token.end = token.end;
    } else {
      form.token = std::move(token);
    }
    (open.empty() ? done : open.back().items).push_back(std::move(form));
  }
  if (!open.empty()) {
    return fail(Code::kRulesSyntax,
                "clips source: line " + std::to_string(open.back().line()) + ": a parenthesis is never closed");
  }
  return done;
}

std::string write_form(const Form& form) {
  std::string out;
  append_form(out, form);
  return out;
}

std::string write_forms(std::span<const Form> forms) {
  std::string out;
  for (const Form& form : forms) {
    if (!out.empty()) out.push_back(' ');
    append_form(out, form);
  }
  return out;
}

Result<std::string> quote_string(std::string_view value) {
  if (value.find('\0') != std::string_view::npos) return fail(Code::kMalformed, "clips source: string: NUL");
  std::string out;
  append_quoted(out, value);
  return out;
}

bool is_plain_symbol(std::string_view text) {
  if (text.empty()) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (!letter(text.front())) return false;
  for (const char c : text) {
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '.' && c != '-') return false;
  }
  return true;
}

Result<std::string> quote_symbol_or_string(std::string_view value) {
  if (is_plain_symbol(value)) return std::string(value);
  return quote_string(value);
}

}  // namespace stargraph::clp
