// Semantic Versioning 2.0.0, strictly: three numbers without leading zeros, optional pre-release and
// build parts, nothing else around them.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"

namespace stargraph::pack {

struct SemVer {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t patch = 0;
  std::vector<std::string> prerelease;  // dot separated identifiers
  std::string build;                    // without precedence (SemVer 10)

  // kMalformed for anything the grammar of semver.org does not allow, and over 128 bytes.
  [[nodiscard]] static base::Result<SemVer> parse(std::string_view text);
  // Precedence (SemVer 11); the build part does not take part.
  [[nodiscard]] std::strong_ordering compare(const SemVer& other) const;
};

}  // namespace stargraph::pack
