// The part of `stargraph doctor --attack` that knocks at the daemon's listener.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "doctor.hpp"

namespace stargraph::cli {

// Where a process listens for TCP, seen from this network; loopback where it listens everywhere.
struct Listener {
  int family;  // AF_INET or AF_INET6
  std::string host;
  std::uint16_t port;
  [[nodiscard]] std::string url() const;
};
// All of them; nothing when not all can be seen.
[[nodiscard]] std::optional<std::vector<Listener>> listeners_of(pid_t pid);

// What a server says to a TLS 1.2 ClientHello.
enum class Tls12Answer : std::uint8_t {
  kRefused,   // alert protocol_version (RFC 8446 4.1.3, D.2)
  kOther,     // another alert, of a server that may speak it with others
  kClosed,    // an end
  kAccepted,  // a ServerHello
  kNone,      // nobody answered in time
};
[[nodiscard]] Tls12Answer say_tls12_hello(const Listener& listener);

// Both walls of the listener, of several the worse ones; untested when `pid` is 0 or listens nowhere.
[[nodiscard]] std::vector<Wall> attack_listener(pid_t pid);

}  // namespace stargraph::cli
