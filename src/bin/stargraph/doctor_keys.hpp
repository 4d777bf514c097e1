// The appliance's keys: whether they lie sealed, and to what.
#pragma once

#include <vector>

#include "doctor.hpp"
#include "site.hpp"

namespace stargraph::cli {

// `sealed-keys` and `tpm`. A credential's header tells with what systemd-creds(1) sealed it; nothing is unsealed here.
[[nodiscard]] std::vector<Wall> key_walls(const Surroundings& around, const Site& site);

}  // namespace stargraph::cli
