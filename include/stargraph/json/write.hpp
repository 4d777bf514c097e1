// JSON writers. All of them write numbers as ECMAScript does and give valid UTF-8 JSON whatever the
// value holds: bytes that are not UTF-8 become U+FFFD, numbers that are not finite become null. The
// strict parser gives no such value; code that makes values of its own asks check_portable().
#pragma once

#include <string>

#include "stargraph/json/value.hpp"

namespace stargraph::json {

// RFC 8785 (JCS): members sorted by UTF-16 code units, shortest numbers as ECMAScript writes them.
[[nodiscard]] std::string canonical(const Value& value);
// Compact, members in the order they stand in memory. For documents whose order is part of a format.
[[nodiscard]] std::string compact(const Value& value);
// Two spaces a level, for people.
[[nodiscard]] std::string pretty(const Value& value);
// One JSON string with its quotes, escaped as RFC 8785 3.2.2.2.
[[nodiscard]] std::string quoted(std::string_view text);

// Whether the strict parser takes back what the writers make of `value`, with the code and the reason
// it would refuse it for: kNumberRange, kBadUtf8, kTooDeep, or kMalformed for NUL.
[[nodiscard]] base::Result<> check_portable(const Value& value, int max_depth = 32);

}  // namespace stargraph::json
