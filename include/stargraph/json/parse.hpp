// The strict JSON parser: the only door for JSON bytes.
//
// Refused before cJSON sees anything: more than `max_bytes` (kTooLarge), invalid UTF-8 (kBadUtf8), a
// name twice in one object (kDuplicateKey), nesting over `max_depth` (kTooDeep), bytes after the value
// (kTrailingBytes), NUL as byte or escape, integers beyond +-(2^53-1) and numbers that are not finite
// (kNumberRange), anything RFC 8259 does not allow (kMalformed). Messages give the byte offset, never
// the bytes.
#pragma once

#include <cstddef>
#include <string_view>

#include "stargraph/base/bytes.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::json {

struct ParseLimits {
  std::size_t max_bytes = std::size_t{1} << 20;
  int max_depth = 32;
};

[[nodiscard]] base::Result<Value> parse(std::string_view text, const ParseLimits& limits = {});
[[nodiscard]] base::Result<Value> parse(base::BytesView bytes, const ParseLimits& limits = {});

}  // namespace stargraph::json
