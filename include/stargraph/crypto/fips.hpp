// The FIPS switch. Called once by each program before any other crypto call and before threads.
#pragma once

#include <string>

#include "stargraph/base/result.hpp"

namespace stargraph::crypto {

enum class FipsMode : std::uint8_t { kOff, kRequired };

struct FipsState {
  bool enforced = false;  // default properties are fips=yes
  std::string module;     // name of the provider, empty when off
  std::string version;
};

// kRequired: loads the fips and base providers, sets the default properties to fips=yes, runs the
// self-test; kFipsUnavailable when any of that fails, and then nothing has changed. Also initialises libsodium.
// kOff leaves what the system's openssl.cnf says in force; the state tells.
[[nodiscard]] base::Result<FipsState> initialise(FipsMode mode);
[[nodiscard]] FipsState fips_state();

}  // namespace stargraph::crypto
