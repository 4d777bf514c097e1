// Until when TLS lets anybody in: the server's certificate, the clients' CA and the CA's list of revoked certificates.
#pragma once

#include <vector>

#include "doctor.hpp"
#include "site.hpp"

namespace stargraph::cli {

[[nodiscard]] std::vector<Wall> certificate_walls(const Surroundings& around, const Site& site);

}  // namespace stargraph::cli
