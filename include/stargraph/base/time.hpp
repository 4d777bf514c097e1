// Time: wall clock instants and durations in whole microseconds.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "stargraph/base/result.hpp"

namespace stargraph::base {

using Duration = std::chrono::microseconds;
// Microseconds since 1970-01-01T00:00:00Z, no leap seconds.
using Timestamp = std::chrono::time_point<std::chrono::system_clock, Duration>;

// "2026-01-01T00:00:00.000000Z": always UTC, always six digits (docs/formats/audit.md).
[[nodiscard]] std::string format_rfc3339(Timestamp time);
// RFC 3339 with "Z" or an offset and 0 to 6 fraction digits; else kMalformed.
[[nodiscard]] Result<Timestamp> parse_rfc3339(std::string_view text);
// ISO 8601 durations of days and smaller ("PT15M", "P1DT2H", "PT0.5S"); else kMalformed.
[[nodiscard]] Result<Duration> parse_iso8601_duration(std::string_view text);
[[nodiscard]] std::string format_iso8601_duration(Duration duration);

[[nodiscard]] constexpr std::int64_t to_micros(Timestamp time) { return time.time_since_epoch().count(); }
[[nodiscard]] constexpr Timestamp from_micros(std::int64_t micros) { return Timestamp(Duration(micros)); }

}  // namespace stargraph::base
