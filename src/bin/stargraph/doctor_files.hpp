// State, log and configuration: whose they are, and who else may touch them.
#pragma once

#include <vector>

#include "doctor.hpp"
#include "site.hpp"

namespace stargraph::cli {

[[nodiscard]] std::vector<Wall> file_walls(const Surroundings& around, const Site& site);

}  // namespace stargraph::cli
