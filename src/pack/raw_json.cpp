#include "pack/raw_json.hpp"

#include <algorithm>

#include "stargraph/json/parse.hpp"

namespace stargraph::pack {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// A cursor over text that is known to be JSON.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  void space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    space();
    if (peek() != c) return false;
    ++at_;
    space();
    return true;
  }
  // A string with its quotes.
  std::string_view string() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2U : 1U;
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(begin, at_ - begin);
  }
  // Any value. Iterative: only the depth matters, and brackets inside strings are passed over.
  std::string_view value() {
    space();
    const std::size_t begin = at_;
    int depth = 0;
    do {
      const char c = peek();
      if (c == '"') {
        string();
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        --depth;
        ++at_;
      } else if (depth > 0) {
        ++at_;
      } else {
        while (at_ < text_.size() && !is_space(peek()) && peek() != ',' && peek() != '}' && peek() != ']') ++at_;
      }
    } while (depth > 0 && at_ < text_.size());
    return text_.substr(begin, at_ - begin);
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::string escaped_unit(unsigned code) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out.push_back(kHex[(code >> shift) & 0xFU]);
  return out;
}

// What Go writes as an escape even where JSON would not ask for it: the bytes taken (0: nothing) and the code.
std::pair<std::size_t, unsigned> go_escape(std::string_view rest) {
  const char c = rest.front();
  if (c == '<' || c == '>' || c == '&') return {1, static_cast<unsigned char>(c)};
  if (rest.starts_with("\xE2\x80\xA8")) return {3, 0x2028};
  if (rest.starts_with("\xE2\x80\xA9")) return {3, 0x2029};
  return {0, 0};
}

char short_escape(char c) {
  switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return '\0';
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string_view>> raw_members(std::string_view text) {
  std::vector<std::pair<std::string, std::string_view>> members;
  Scan scan(text);
  if (!scan.take('{') || scan.peek() == '}') return members;
  do {
    const auto name = json::parse(scan.string());  // may be written with escapes
    scan.take(':');
    const std::string_view value = scan.value();
    if (name && name->string() != nullptr) members.emplace_back(*name->string(), value);
  } while (scan.take(','));
  return members;
}

std::string_view raw_member(std::string_view text, std::string_view name) {
  for (const auto& [found, value] : raw_members(text)) {
    if (found == name) return value;
  }
  return {};
}

std::string go_compact(std::string_view json) {
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size();) {
    const char c = json[i];
    if (const auto [taken, code] = go_escape(json.substr(i)); taken > 0) {
      out += escaped_unit(code);
      i += taken;
      continue;
    }
    if (c == '\\') {  // inside a string: the next character is not its end
      out += json.substr(i, 2);
      i += 2;
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (quoted || !is_space(c)) out.push_back(c);
    ++i;
  }
  return out;
}

std::string go_quoted(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (const auto [taken, code] = go_escape(text.substr(i)); taken > 0) {
      out += escaped_unit(code);
      i += taken;
      continue;
    }
    if (const char escape = short_escape(c); escape != '\0') {
      out.push_back('\\');
      out.push_back(escape);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += escaped_unit(static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
    ++i;
  }
  return out + "\"";
}

}  // namespace stargraph::pack
