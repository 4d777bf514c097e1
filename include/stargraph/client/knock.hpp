// Knock: how a server receives somebody who has no certificate. For `stargraph doctor --attack`.
#pragma once

#include <cstdint>
#include <string>

#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::client {

enum class Welcome : std::uint8_t {
  kSentAway,  // our half of a TLS 1.3 handshake was done, and then no byte of HTTP came: an alert or an end
  kAnswered,  // HTTP
  kUnknown,   // no handshake, or silence: nobody there, an address filter, a server without TLS 1.3
};

// Asks `url` for "/" over TLS 1.3 without a certificate. Whose server it is does not matter: nothing is told to it and
// nothing it says is believed. At most `timeout`.
[[nodiscard]] base::Result<Welcome> knock(const std::string& url, base::Duration timeout);

}  // namespace stargraph::client
