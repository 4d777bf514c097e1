#include "core_schema.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>

namespace stargraph::yaml {
namespace {

using base::Code;
using base::Result;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

bool all_digits(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

std::optional<json::Value> word(std::string_view text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return json::Value(nullptr);
  if (is_one_of(text, {"true", "True", "TRUE"})) return json::Value(true);
  if (is_one_of(text, {"false", "False", "FALSE"})) return json::Value(false);
  return std::nullopt;
}

// `digits` without sign and prefix.
Result<json::Value> integer(std::string_view digits, int radix, bool negative) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, radix);
  if (error != std::errc() || !json::is_portable(value)) {
    return base::fail(Code::kNumberRange, "integer beyond 2^53-1, quote it to make it text");
  }
  return json::Value(negative ? -value : value);
}

bool is_prefixed(std::string_view text, std::string_view prefix, std::string_view digits) {
  return text.size() > prefix.size() && text.starts_with(prefix) &&
         text.find_first_not_of(digits, prefix.size()) == std::string_view::npos;
}

// (\.[0-9]+ | [0-9]+(\.[0-9]*)?) ([eE][-+]?[0-9]+)?
bool is_float(std::string_view text) {
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view exponent = text.substr(e + 1);
    if (exponent.starts_with('+') || exponent.starts_with('-')) exponent.remove_prefix(1);
    if (!all_digits(exponent)) return false;
    text = text.substr(0, e);
  }
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return all_digits(text);
  const std::string_view before = text.substr(0, point);
  const std::string_view after = text.substr(point + 1);
  return (before.empty() || all_digits(before)) && (after.empty() ? !before.empty() : all_digits(after));
}

bool is_infinite_or_nan(std::string_view text, bool has_sign) {
  return is_one_of(text, {".inf", ".Inf", ".INF"}) || (!has_sign && is_one_of(text, {".nan", ".NaN", ".NAN"}));
}

}  // namespace

Result<json::Value> plain_value(std::string_view text) {
  if (std::optional<json::Value> known = word(text)) return *std::move(known);
  if (is_prefixed(text, "0o", "01234567")) return integer(text.substr(2), 8, false);
  if (is_prefixed(text, "0x", "0123456789abcdefABCDEF")) return integer(text.substr(2), 16, false);

  const bool has_sign = text.starts_with('-') || text.starts_with('+');
  const bool negative = text.starts_with('-');
  const std::string_view number = text.substr(has_sign ? 1 : 0);
  if (is_infinite_or_nan(number, has_sign)) {
    return base::fail(Code::kNumberRange, "infinite or not a number, quote it to make it text");
  }
  if (number.size() > 1 && number[0] == '0' && is_digit(number[1])) return json::Value(text);
  if (all_digits(number)) return integer(number, 10, negative);
  if (!is_float(number)) return json::Value(text);
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc()) return base::fail(Code::kNumberRange, "number does not fit a double");
  if (!json::is_portable(value)) {
    return base::fail(Code::kNumberRange, "whole number beyond 2^53-1, quote it to make it text");
  }
  return json::Value(negative ? -value : value);
}

}  // namespace stargraph::yaml
