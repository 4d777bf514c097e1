// The FIPS switch, and what has been taken from OpenSSL since. Called once by each program before any other crypto call
// and before threads. docs/fips.md says what the mode means and what it does not.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "stargraph/base/result.hpp"

namespace stargraph::crypto {

enum class FipsMode : std::uint8_t { kOff, kRequired };

struct FipsState {
  bool enforced = false;  // default properties are fips=yes
  std::string module;     // name of the provider, empty when off
  std::string version;
};

// kRequired: loads the fips and base providers, and no other from then on (one that the system's openssl.cnf activated
// stays, and gives nothing under fips=yes); sees the module's self-test pass while it is loaded, or has it run; sets
// the default properties to fips=yes; kFipsUnavailable when any of that fails, and then digests and keys work as
// before. Again, or in a process forked from one that did it: nothing. Also initialises libsodium. kOff leaves what the
// system's openssl.cnf says in force; the state tells.
[[nodiscard]] base::Result<FipsState> initialise(FipsMode mode);
[[nodiscard]] FipsState fips_state();

// Something this module uses an algorithm of OpenSSL for, and the provider that it came from.
struct Taken {
  std::string use;        // "digest", "sign", ...
  std::string algorithm;  // "SHA2-384"
  std::string provider;   // "fips", "default", "base"
  auto operator<=>(const Taken&) const = default;
};
// All of it since the start, each once, sorted. Any thread. TLS (serve) and SQLCipher (store) take their algorithms
// themselves, under the same default properties.
[[nodiscard]] std::vector<Taken> taken();

}  // namespace stargraph::crypto
