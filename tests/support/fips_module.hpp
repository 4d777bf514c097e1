// Whether this machine can enforce FIPS mode at all. Debian 13 can once openssl-provider-fips is installed and
// OPENSSL_CONF (or the system's openssl.cnf) includes what `openssl fipsinstall` wrote; Debian 12 has no such package.
#pragma once

#include "support/command.hpp"

namespace stargraph::test {

inline bool fips_module_installed() { return run_command({"openssl", "list", "-providers", "-provider", "fips"}).ok(); }

}  // namespace stargraph::test
