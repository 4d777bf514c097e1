#include "stargraph/base/time.hpp"

#include <gtest/gtest.h>

namespace stargraph::base {
namespace {

using namespace std::chrono_literals;

// Known answers from GNU date: date -u -d <text> +%s.
TEST(Rfc3339, KnownAnswers) {
  const std::pair<const char*, std::int64_t> vectors[] = {{"1970-01-01T00:00:00Z", 0},
                                                          {"2026-01-01T00:00:00.000000Z", 1767225600},
                                                          {"2024-02-29T23:59:59Z", 1709251199},
                                                          {"2026-01-02T09:00:00-05:00", 1767362400},
                                                          {"1969-12-31T23:59:59Z", -1}};
  for (const auto& [text, seconds] : vectors)
    EXPECT_EQ(to_micros(parse_rfc3339(text).value()), seconds * 1'000'000) << text;
  EXPECT_EQ(format_rfc3339(from_micros(1'709'251'199'000'042)), "2024-02-29T23:59:59.000042Z");
  EXPECT_EQ(format_rfc3339(from_micros(-1)), "1969-12-31T23:59:59.999999Z");
}

TEST(Rfc3339, RefusesWhatIsNotADateTime) {
  for (const char* bad :
       {"", "2026-01-01", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567Z", "2026-01-01T00:00:00Zx", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+24:00"}) {
    EXPECT_FALSE(parse_rfc3339(bad).has_value()) << bad;
  }
}

TEST(Iso8601Duration, KnownAnswersAndOutput) {
  EXPECT_EQ(parse_iso8601_duration("PT15M").value(), 15min);
  EXPECT_EQ(parse_iso8601_duration("PT900S").value(), 15min);
  EXPECT_EQ(parse_iso8601_duration("P1DT2H").value(), 26h);
  EXPECT_EQ(parse_iso8601_duration("PT0.5S").value(), 500ms);
  EXPECT_EQ(format_iso8601_duration(15min), "PT15M");
  EXPECT_EQ(format_iso8601_duration(26h), "P1DT2H");
  EXPECT_EQ(format_iso8601_duration(500ms), "PT0.5S");
  EXPECT_EQ(format_iso8601_duration(0s), "PT0S");
}

// A hundred years in all, whatever they are counted in: no sum comes near what 64 bits hold.
TEST(Iso8601Duration, SG_T_STATE_NoNumberOverflows) {
  const Duration most = std::chrono::hours(24 * 36'500);
  for (const char* good : {"P36500D", "PT876000H", "PT52560000M", "PT3153600000S", "P36499DT24H"})
    EXPECT_EQ(parse_iso8601_duration(good).value(), most) << good;
  for (const char* bad : {"P36501D", "PT876001H", "PT52560001M", "PT3153600001S", "PT3153600000.000001S", "P36500DT1S",
                          "PT3000000000H", "PT3153600000M", "PT9223372036854775807H"})
    EXPECT_FALSE(parse_iso8601_duration(bad).has_value()) << bad;
}

TEST(Iso8601Duration, RefusesWhatItDoesNotKnow) {
  for (const char* bad : {"", "P", "PT", "15M", "P1Y", "P1M", "PT1D", "P1H", "PT1H1H", "PT1M1H", "P-1D", "PT0.5M",
                          "PT1.S", "P99999999999D", "PT1S "}) {
    EXPECT_FALSE(parse_iso8601_duration(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace stargraph::base
