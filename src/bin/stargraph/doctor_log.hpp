// What the audit log tells `stargraph doctor`: FIPS, clock, reviews of keys, export. The log's own proofs are
// stargraph-audit's work; here it is only read.
#pragma once

#include <vector>

#include "doctor.hpp"
#include "site.hpp"

namespace stargraph::cli {

[[nodiscard]] std::vector<Wall> log_walls(const Surroundings& around, const Site& site);

}  // namespace stargraph::cli
