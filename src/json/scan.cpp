#include "scan.hpp"

#include <algorithm>
#include <charconv>
#include <deque>
#include <tuple>

#include "stargraph/base/check.hpp"

namespace stargraph::json {
namespace {

using base::Code;
using base::Result;

// cJSON copies a number into 63 bytes and would go on behind them as if a new token began.
constexpr std::size_t kMaxNumberBytes = 63;

std::unexpected<base::Error> fail_at(Code code, std::size_t offset, std::string_view why) {
  return base::fail(code, "json: byte " + std::to_string(offset) + ": " + std::string(why));
}

std::size_t sequence_bytes(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// Only for the message: the first sequence that is not UTF-8.
std::size_t first_bad_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = sequence_bytes(text[at]);
    if (!base::is_utf8(text.substr(at, length))) break;
    at += length;
  }
  return at;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, std::uint32_t point) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | (point >> 6));
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3F));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

class Scanner {
 public:
  Scanner(std::string_view text, int max_depth) : text_(text), max_depth_(max_depth) {}

  Result<std::vector<Value>> run() {
    SG_TRY(value(0));
    skip_white_space();
    if (at_ != text_.size()) return fail_at(Code::kTrailingBytes, at_, "bytes after the value");
    return std::move(numbers_);
  }

 private:
  // A member name after its escapes, and where it stood.
  struct Name {
    std::string_view text;
    std::size_t offset;
  };

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] bool take(char c) {
    if (peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] std::unexpected<base::Error> malformed(std::string_view why) const {
    return fail_at(Code::kMalformed, at_, at_ == text_.size() ? "unexpected end" : why);
  }
  void skip_white_space() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").contains(text_[at_])) ++at_;
  }

  Result<> value(int depth) {
    skip_white_space();
    switch (peek()) {
      case '{': return object(depth + 1);
      case '[': return array(depth + 1);
      case '"': return string();
      case 't': return literal("true");
      case 'f': return literal("false");
      case 'n': return literal("null");
      default: return number();
    }
  }

  Result<> literal(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return malformed("not a JSON value");
    at_ += word.size();
    return {};
  }

  Result<> enter(int depth) {
    if (depth > max_depth_) return fail_at(Code::kTooDeep, at_, "nested deeper than " + std::to_string(max_depth_));
    ++at_;
    skip_white_space();
    return {};
  }

  Result<> array(int depth) {
    SG_TRY(enter(depth));
    if (take(']')) return {};
    for (;;) {
      SG_TRY(value(depth));
      skip_white_space();
      if (take(']')) return {};
      if (!take(',')) return malformed("expected , or ] in an array");
    }
  }

  Result<> object(int depth) {
    SG_TRY(enter(depth));
    if (take('}')) return {};
    std::vector<Name> names;
    for (;;) {
      skip_white_space();
      SG_TRY(const Name name, member_name());
      names.push_back(name);
      skip_white_space();
      if (!take(':')) return malformed("expected : after a name");
      SG_TRY(value(depth));
      skip_white_space();
      if (take('}')) return check_unique(names);
      if (!take(',')) return malformed("expected , or } in an object");
    }
  }

  // By sorting, because a hash table over names that a sender chose can be made quadratic.
  static Result<> check_unique(std::vector<Name>& names) {
    std::ranges::sort(names, {}, [](const Name& name) { return std::tie(name.text, name.offset); });
    const auto twice = std::ranges::adjacent_find(names, {}, &Name::text);
    if (twice == names.end()) return {};
    return fail_at(Code::kDuplicateKey, std::next(twice)->offset, "name stands twice in one object");
  }

  Result<Name> member_name() {
    const std::size_t start = at_;
    if (peek() != '"') return malformed("expected a name");
    SG_TRY(string());
    const std::string_view raw = text_.substr(start + 1, at_ - start - 2);
    if (!raw.contains('\\')) return Name{raw, start};
    return Name{decoded_.emplace_back(decode(raw)), start};
  }

  Result<> string() {
    ++at_;  // the opening quote
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return {};
      }
      if (static_cast<unsigned char>(c) < 0x20) return malformed("control character in a string");
      if (c == '\\') {
        SG_TRY(escape());
      } else {
        ++at_;
      }
    }
    return malformed("");
  }

  Result<> escape() {
    const std::size_t start = at_++;
    const char c = peek();
    if (c == 'u') {
      ++at_;
      return unicode_escape(start);
    }
    if (!std::string_view("\"\\/bfnrt").contains(c)) return malformed("unknown escape");
    ++at_;
    return {};
  }

  Result<> unicode_escape(std::size_t start) {
    SG_TRY(const std::uint32_t first, four_hex_digits());
    if (first == 0) return fail_at(Code::kMalformed, start, "NUL is not allowed");
    if (first >= 0xDC00 && first <= 0xDFFF) return fail_at(Code::kMalformed, start, "lone surrogate");
    if (first < 0xD800 || first > 0xDBFF) return {};
    if (!text_.substr(at_).starts_with("\\u")) return fail_at(Code::kMalformed, start, "lone surrogate");
    at_ += 2;
    SG_TRY(const std::uint32_t second, four_hex_digits());
    if (second < 0xDC00 || second > 0xDFFF) return fail_at(Code::kMalformed, start, "lone surrogate");
    return {};
  }

  Result<std::uint32_t> four_hex_digits() {
    const std::string_view digits = text_.substr(at_, 4);
    std::uint32_t point = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), point, 16);
    if (error != std::errc() || end != digits.data() + 4) return malformed("expected four hexadecimal digits");
    at_ += 4;
    return point;
  }

  // `raw` has passed string(): every escape in it is whole.
  static std::string decode(std::string_view raw) {
    std::string out;
    std::size_t at = 0;
    const auto unit = [&raw, &at] {
      std::uint32_t value = 0;
      std::from_chars(raw.data() + at + 2, raw.data() + at + 6, value, 16);
      at += 6;
      return value;
    };
    while (at < raw.size()) {
      if (raw[at] != '\\') {
        out.push_back(raw[at++]);
        continue;
      }
      if (raw[at + 1] != 'u') {
        constexpr std::string_view kLetters = "bfnrt";
        const std::size_t which = kLetters.find(raw[at + 1]);
        out.push_back(which == std::string_view::npos ? raw[at + 1] : "\b\f\n\r\t"[which]);
        at += 2;
        continue;
      }
      std::uint32_t point = unit();
      if (point >= 0xD800 && point <= 0xDBFF) point = 0x10000 + ((point - 0xD800) << 10) + (unit() - 0xDC00);
      append_utf8(out, point);
    }
    return out;
  }

  bool digits() {
    const std::size_t start = at_;
    while (is_digit(peek())) ++at_;
    return at_ != start;
  }

  Result<> number() {
    const std::size_t start = at_;
    static_cast<void>(take('-'));
    if (!is_digit(peek())) return malformed("not a JSON value");
    if (take('0') && is_digit(peek())) return malformed("number with a leading zero");
    static_cast<void>(digits());
    bool integer = true;
    if (take('.')) {
      integer = false;
      if (!digits()) return malformed("expected digits after the point");
    }
    if (take('e') || take('E')) {
      integer = false;
      if (!take('+')) static_cast<void>(take('-'));
      if (!digits()) return malformed("expected digits in the exponent");
    }
    const std::string_view token = text_.substr(start, at_ - start);
    return integer ? keep_integer(token, start) : keep_double(token, start);
  }

  Result<> keep_integer(std::string_view token, std::size_t start) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
    if (error != std::errc() || !is_portable(value)) {
      return fail_at(Code::kNumberRange, start, "integer beyond 2^53-1, write it as a string");
    }
    numbers_.emplace_back(value);
    return {};
  }

  Result<> keep_double(std::string_view token, std::size_t start) {
    if (token.size() > kMaxNumberBytes) return fail_at(Code::kNumberRange, start, "number longer than 63 bytes");
    double value = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
    if (error != std::errc()) return fail_at(Code::kNumberRange, start, "number does not fit a double");
    if (!is_portable(value))
      return fail_at(Code::kNumberRange, start, "whole number beyond 2^53-1, write it as a string");
    numbers_.emplace_back(value);
    return {};
  }

  std::string_view text_;
  int max_depth_;
  std::size_t at_ = 0;
  std::vector<Value> numbers_;
  std::deque<std::string> decoded_;  // a deque, so that views of its strings stay valid
};

}  // namespace

Result<std::vector<Value>> scan(std::string_view text, const ParseLimits& limits) {
  SG_CHECK(limits.max_depth >= 0 && limits.max_depth <= kMaxDepth);
  if (text.size() > limits.max_bytes) {
    return base::fail(Code::kTooLarge, "json: document: longer than " + std::to_string(limits.max_bytes) + " bytes");
  }
  if (!base::is_utf8(text)) return fail_at(Code::kBadUtf8, first_bad_utf8(text), "not UTF-8");
  return Scanner(text, limits.max_depth).run();
}

}  // namespace stargraph::json
