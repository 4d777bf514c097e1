#include "stargraph/pack/semver.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace stargraph::pack {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxBytes = 128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_digits(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

bool is_identifier(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::optional<std::uint32_t> number(std::string_view text) {
  if (!is_digits(text) || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// SemVer 11.4: numbers below words, numbers by value (any length), words by ASCII.
std::strong_ordering compare_identifier(std::string_view a, std::string_view b) {
  const bool a_number = is_digits(a);
  const bool b_number = is_digits(b);
  if (a_number != b_number) return a_number ? std::strong_ordering::less : std::strong_ordering::greater;
  if (a_number && a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

}  // namespace

Result<SemVer> SemVer::parse(std::string_view text) {
  const auto refuse = [] { return fail(Code::kMalformed, "version: not a SemVer 2.0.0 version"); };
  if (text.size() > kMaxBytes) return refuse();
  SemVer version;
  if (const auto plus = text.find('+'); plus != std::string_view::npos) {
    const std::string_view build = text.substr(plus + 1);
    if (!std::ranges::all_of(split(build, '.'), is_identifier)) return refuse();
    version.build = build;
    text = text.substr(0, plus);
  }
  if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    for (const std::string_view part : split(text.substr(dash + 1), '.')) {
      const bool leading_zero = is_digits(part) && part.size() > 1 && part.front() == '0';
      if (!is_identifier(part) || leading_zero) return refuse();
      version.prerelease.emplace_back(part);
    }
    text = text.substr(0, dash);
  }
  const auto parts = split(text, '.');
  if (parts.size() != 3) return refuse();
  const auto major = number(parts[0]);
  const auto minor = number(parts[1]);
  const auto patch = number(parts[2]);
  if (!major || !minor || !patch) return refuse();
  version.major = *major;
  version.minor = *minor;
  version.patch = *patch;
  return version;
}

std::strong_ordering SemVer::compare(const SemVer& other) const {
  if (const auto order = major <=> other.major; order != 0) return order;
  if (const auto order = minor <=> other.minor; order != 0) return order;
  if (const auto order = patch <=> other.patch; order != 0) return order;
  if (prerelease.empty() != other.prerelease.empty()) {
    return prerelease.empty() ? std::strong_ordering::greater : std::strong_ordering::less;
  }
  const std::size_t shared = std::min(prerelease.size(), other.prerelease.size());
  for (std::size_t i = 0; i < shared; ++i) {
    if (const auto order = compare_identifier(prerelease[i], other.prerelease[i]); order != 0) return order;
  }
  return prerelease.size() <=> other.prerelease.size();
}

}  // namespace stargraph::pack
