#include "stargraph/json/write.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ranges>

#include "stargraph/base/bytes.hpp"

namespace stargraph::json {
namespace {

using base::Code;

// How a text is laid out; members are sorted only in canonical form.
struct Layout {
  bool sorted;
  bool spaced;
};

// ECMAScript's Number::toString (ECMA-262 6.1.6.1.20), which RFC 8785 3.2.2.3 takes over: the shortest
// digits that give the double back, laid out by the place n of the decimal point.
void append_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  if (number == 0) {
    out += '0';  // -0 too
    return;
  }
  std::array<char, 32> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(number), std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));  // "d.ddde+dd"
  const std::size_t e = text.find('e');
  std::string digits(text.substr(0, 1));
  if (e > 2) digits += text.substr(2, e - 2);
  const bool below_one = text[e + 1] == '-';
  int exponent = 0;
  std::from_chars(text.data() + e + 2, text.data() + text.size(), exponent);
  if (below_one) exponent = -exponent;

  const int count = static_cast<int>(digits.size());
  const int n = exponent + 1;
  if (number < 0) out += '-';
  if (n > 21 || n <= -6) {
    out += digits[0];
    if (count > 1) out.append(".").append(digits, 1);
    out.append(below_one ? "e-" : "e+").append(std::to_string(std::abs(exponent)));
  } else if (n <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-n), '0').append(digits);
  } else if (n >= count) {
    out.append(digits).append(static_cast<std::size_t>(n - count), '0');
  } else {
    out.append(digits, 0, static_cast<std::size_t>(n)).append(".").append(digits, static_cast<std::size_t>(n));
  }
}

// What stands escaped in a JSON text: control characters, quote, backslash.
bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

void append_escape(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\t': out += "\\t"; return;
    case '\n': out += "\\n"; return;
    case '\f': out += "\\f"; return;
    case '\r': out += "\\r"; return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 0xF];
}

void append_escaped(std::string& out, std::string_view text) {
  while (true) {
    const auto special = std::ranges::find_if(text, needs_escape);
    const auto plain = static_cast<std::size_t>(special - text.begin());
    out += text.substr(0, plain);
    if (plain == text.size()) return;
    append_escape(out, *special);
    text.remove_prefix(plain + 1);
  }
}

// Every byte that begins no whole UTF-8 sequence becomes U+FFFD.
std::string repaired(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t length = 1;
    while (length <= 4 && length <= text.size() && !base::is_utf8(text.substr(0, length))) ++length;
    const bool whole = length <= 4 && length <= text.size();
    out += whole ? text.substr(0, length) : std::string_view("\xEF\xBF\xBD");
    text.remove_prefix(whole ? length : 1);
  }
  return out;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  if (base::is_utf8(text)) {
    append_escaped(out, text);
  } else {
    append_escaped(out, repaired(text));
  }
  out += '"';
}

// Order by UTF-16 code units (RFC 8785 3.2.3), told from UTF-8: the order of bytes is the order of code
// points, which differs only in that U+E000..U+FFFF (lead bytes EE and EF) come after the surrogate
// pairs of everything above (lead bytes F0 to F4).
bool utf16_less(std::string_view left, std::string_view right) {
  const auto rank = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0xEE || byte == 0xEF ? byte + 0x10 : static_cast<int>(byte);
  };
  return std::ranges::lexicographical_compare(left, right, {}, rank, rank);
}

std::string_view name_of(const Member& member) { return member.first; }
const Value& value_of(const Member& member) { return member.second; }
std::string_view name_of(const MemberView& member) { return member.name; }

template <typename Members>
bool in_order(const Members& members) {
  return std::ranges::is_sorted(members, utf16_less, [](const auto& member) { return name_of(member); });
}

template <typename Members>
auto sorted(const Members& members) {
  std::vector<const std::ranges::range_value_t<Members>*> out;
  out.reserve(members.size());
  for (const auto& member : members) out.push_back(&member);
  std::ranges::sort(out, utf16_less, [](const auto* member) { return name_of(*member); });
  return out;
}

class Writer {
 public:
  explicit Writer(Layout layout) : layout_(layout) {}

  std::string run(const Value& value) {
    append(value, 0);
    return std::move(out_);
  }
  std::string run(std::span<const MemberView> members) {
    append_members(members, 0);
    return std::move(out_);
  }

 private:
  void append(const Value& value, std::size_t level) {
    if (const auto* text = value.string()) {
      append_quoted(out_, *text);
    } else if (const auto* integer = value.integer()) {
      out_ += std::to_string(*integer);
    } else if (const auto* number = value.number()) {
      append_number(out_, *number);
    } else if (const auto* boolean = value.boolean()) {
      out_ += *boolean ? "true" : "false";
    } else if (const auto* array = value.array()) {
      append_array(*array, level);
    } else if (const auto* object = value.object()) {
      append_object(*object, level);
    } else {
      out_ += "null";
    }
  }

  void append_array(const Array& array, std::size_t level) {
    out_ += '[';
    bool first = true;
    for (const Value& item : array) {
      separate(first, level + 1);
      append(item, level + 1);
    }
    if (!array.empty()) new_line(level);
    out_ += ']';
  }

  void append_object(const Object& object, std::size_t level) { append_members(object, level); }

  // Most objects are made in the order of their names already.
  template <typename Members>
  void append_members(const Members& members, std::size_t level) {
    out_ += '{';
    bool first = true;
    if (!layout_.sorted || in_order(members)) {
      for (const auto& member : members) append_member(member, first, level + 1);
    } else {
      for (const auto* member : sorted(members)) append_member(*member, first, level + 1);
    }
    if (!members.empty()) new_line(level);
    out_ += '}';
  }

  template <typename OneMember>
  void append_member(const OneMember& member, bool& first, std::size_t level) {
    separate(first, level);
    append_quoted(out_, name_of(member));
    out_ += layout_.spaced ? ": " : ":";
    append_view(member, level);
  }

  void append_view(const Member& member, std::size_t level) { append(value_of(member), level); }
  void append_view(const MemberView& member, std::size_t level) {
    if (member.object != nullptr) {
      append_object(*member.object, level);
    } else {
      append(*member.value, level);
    }
  }

  void separate(bool& first, std::size_t level) {
    if (!first) out_ += ',';
    first = false;
    new_line(level);
  }

  void new_line(std::size_t level) {
    if (layout_.spaced) out_.append("\n").append(2 * level, ' ');
  }

  Layout layout_;
  std::string out_;
};

base::Result<> check_text(std::string_view text) {
  if (!base::is_utf8(text)) return base::fail(Code::kBadUtf8, "json: value: text is not UTF-8");
  if (text.contains('\0')) return base::fail(Code::kMalformed, "json: value: text holds NUL");
  return {};
}

base::Result<> check_level(const Value& value, int levels_left) {
  if (const auto* text = value.string()) return check_text(*text);
  const auto* integer = value.integer();
  const auto* number = value.number();
  if ((integer != nullptr && !is_portable(*integer)) || (number != nullptr && !is_portable(*number))) {
    return base::fail(Code::kNumberRange, "json: value: number beyond 2^53-1 or not finite");
  }
  if (!value.is_array() && !value.is_object()) return {};
  if (levels_left == 0) return base::fail(Code::kTooDeep, "json: value: nested too deep");
  if (const auto* array = value.array()) {
    for (const Value& item : *array) SG_TRY(check_level(item, levels_left - 1));
    return {};
  }
  for (const auto& [name, member] : *value.object()) {
    SG_TRY(check_text(name));
    SG_TRY(check_level(member, levels_left - 1));
  }
  return {};
}

}  // namespace

base::Result<> check_portable(const Value& value, int max_depth) { return check_level(value, max_depth); }

std::string canonical(const Value& value) { return Writer({.sorted = true, .spaced = false}).run(value); }
std::string canonical_of(std::span<const MemberView> members) {
  return Writer({.sorted = true, .spaced = false}).run(members);
}
std::string compact(const Value& value) { return Writer({.sorted = false, .spaced = false}).run(value); }
std::string pretty(const Value& value) { return Writer({.sorted = false, .spaced = true}).run(value); }

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

}  // namespace stargraph::json
