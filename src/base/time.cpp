#include "stargraph/base/time.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace stargraph::base {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

// Exactly `digits` decimal digits from `text`, which shrinks; -1 when they are not there.
int take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_char(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// ".123" to microseconds; 0 when there is no fraction, -1 when it is malformed or finer than 1 us.
std::int64_t take_fraction(std::string_view& text) {
  if (!take_char(text, '.')) return 0;
  std::int64_t micros = 0;
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (++digits > 6) return -1;
    micros = micros * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  if (digits == 0) return -1;
  for (; digits < 6; ++digits) micros *= 10;
  return micros;
}

std::unexpected<Error> bad_time() { return fail(Code::kMalformed, "time: not an RFC 3339 date-time"); }
std::unexpected<Error> bad_duration() {
  return fail(Code::kMalformed, "duration: not an ISO 8601 duration of days or less");
}

}  // namespace

std::string format_rfc3339(Timestamp time) {
  const auto day = std::chrono::floor<days>(time);
  const year_month_day date(day);
  const auto within = time - day;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(within);
  const auto micros = (within - seconds).count();
  std::array<char, 64> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(seconds.count() / 3600),
      static_cast<int>(seconds.count() / 60 % 60), static_cast<int>(seconds.count() % 60), static_cast<int>(micros));
  return {text.data(), static_cast<std::size_t>(size)};
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  const int year = take_number(text, 4);
  if (year < 0 || !take_char(text, '-')) return bad_time();
  const int month = take_number(text, 2);
  if (month < 0 || !take_char(text, '-')) return bad_time();
  const int day = take_number(text, 2);
  if (day < 0 || !take_char(text, 'T')) return bad_time();
  const int hour = take_number(text, 2);
  if (hour < 0 || hour > 23 || !take_char(text, ':')) return bad_time();
  const int minute = take_number(text, 2);
  if (minute < 0 || minute > 59 || !take_char(text, ':')) return bad_time();
  const int second = take_number(text, 2);
  if (second < 0 || second > 59) return bad_time();
  const std::int64_t micros = take_fraction(text);
  if (micros < 0) return bad_time();
  int offset_minutes = 0;
  if (!take_char(text, 'Z')) {
    const bool minus = !text.empty() && text.front() == '-';
    if (!take_char(text, '+') && !take_char(text, '-')) return bad_time();
    const int offset_hour = take_number(text, 2);
    if (offset_hour < 0 || offset_hour > 23 || !take_char(text, ':')) return bad_time();
    const int offset_minute = take_number(text, 2);
    if (offset_minute < 0 || offset_minute > 59) return bad_time();
    offset_minutes = (offset_hour * 60 + offset_minute) * (minus ? -1 : 1);
  }
  if (!text.empty()) return bad_time();
  const year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return bad_time();
  return Timestamp(sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute - offset_minutes) +
         std::chrono::seconds(second) + Duration(micros);
}

Result<Duration> parse_iso8601_duration(std::string_view text) {
  if (!take_char(text, 'P') || text.empty()) return bad_duration();
  constexpr auto kMost = std::chrono::seconds(36'500LL * 86'400);  // of each part, which keeps sums far from overflow
  Duration total{0};
  bool in_time = false;
  char last = 0;
  while (!text.empty()) {
    if (!in_time && take_char(text, 'T')) {
      in_time = true;
      if (text.empty()) return bad_duration();
      continue;
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0 || number > kMost.count()) return bad_duration();
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const bool has_fraction = !text.empty() && text.front() == '.';
    const std::int64_t micros = take_fraction(text);
    if (micros < 0 || text.empty()) return bad_duration();
    const char unit = text.front();
    text.remove_prefix(1);
    if (has_fraction && !(in_time && unit == 'S')) return bad_duration();
    const std::string_view order = in_time ? "HMS" : "D";
    if (order.find(unit) == std::string_view::npos) return bad_duration();
    if (last != 0 && order.find(last) != std::string_view::npos && order.find(unit) <= order.find(last))
      return bad_duration();
    last = unit;
    const std::int64_t seconds = unit == 'D' ? 86'400 : unit == 'H' ? 3'600 : unit == 'M' ? 60 : 1;
    if (number > kMost.count() / seconds) return bad_duration();
    total += std::chrono::seconds(number * seconds) + Duration(micros);
  }
  if (last == 0 || total > kMost) return bad_duration();
  return total;
}

std::string format_iso8601_duration(Duration duration) {
  if (duration.count() == 0) return "PT0S";
  std::string out = "P";
  const auto micros = duration.count();
  const std::int64_t whole = micros / 1'000'000;
  const std::int64_t fraction = micros % 1'000'000;
  if (whole / 86'400 > 0) out += std::to_string(whole / 86'400) + "D";
  const std::int64_t rest = whole % 86'400;
  if (rest == 0 && fraction == 0) return out;
  out += "T";
  if (rest / 3600 > 0) out += std::to_string(rest / 3600) + "H";
  if (rest / 60 % 60 > 0) out += std::to_string(rest / 60 % 60) + "M";
  if (rest % 60 > 0 || fraction > 0) {
    out += std::to_string(rest % 60);
    if (fraction > 0) {
      std::array<char, 16> digits{};
      std::snprintf(digits.data(), digits.size(), ".%06d", static_cast<int>(fraction));
      std::string text = digits.data();
      while (text.back() == '0') text.pop_back();
      out += text;
    }
    out += "S";
  }
  return out;
}

}  // namespace stargraph::base
