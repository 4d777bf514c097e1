// The strict JSON parser: the only door for JSON bytes.
//
// Refused before cJSON sees anything: more than `max_bytes` (kTooLarge), invalid UTF-8 (kBadUtf8), a
// name twice in one object, also when one is written with escapes (kDuplicateKey), nesting over
// `max_depth` (kTooDeep), bytes after the value (kTrailingBytes), numbers that are not portable (see
// value.hpp), do not fit a double or are longer than 63 bytes (kNumberRange), NUL as byte or escape,
// lone surrogates, and anything RFC 8259 does not allow, a byte order mark among it (kMalformed).
// Messages give the byte offset, never the bytes.
//
// What it takes, the writers of write.hpp write so that it takes it again as an equal value. A number
// without fraction and exponent is an integer (-0 is 0), any other is a double. May be called from any
// thread. Time is O(n log n) in the size of the text, whatever it holds.
#pragma once

#include <cstddef>
#include <string_view>

#include "stargraph/base/bytes.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::json {

struct ParseLimits {
  std::size_t max_bytes = std::size_t{1} << 20;
  int max_depth = 32;  // arrays and objects inside each other; at most kMaxDepth
};

// No caller may ask for more: parser, writers and destructors recurse.
inline constexpr int kMaxDepth = 256;

[[nodiscard]] base::Result<Value> parse(std::string_view text, const ParseLimits& limits = {});
[[nodiscard]] base::Result<Value> parse(base::BytesView bytes, const ParseLimits& limits = {});

}  // namespace stargraph::json
