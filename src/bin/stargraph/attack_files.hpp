// The part of `stargraph doctor --attack` that opens what lies on the disk in the place of somebody else. Held is said
// only of folders that could be listed to their end and of paths that were all tried; no content is read.
#pragma once

#include <string>
#include <vector>

#include "attempt.hpp"
#include "doctor.hpp"

namespace stargraph::cli {

struct Tried {
  WallState state;
  std::string detail;
};

// Whether `as`, whom the detail calls `stranger`, may read or write any of these places or of what lies below them.
[[nodiscard]] Tried attack_files(const std::vector<base::Path>& places, const std::string& stranger,
                                 const Identity& as);

}  // namespace stargraph::cli
