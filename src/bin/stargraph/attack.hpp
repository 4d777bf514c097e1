// stargraph doctor --attack: the walls that can be attacked on a live machine are, and what happened is told. Each
// attempt is made in a child (attempt.hpp), asks for what a thief would ask for and does nothing with it: no file is
// written, no packet leaves the machine, no service is started. What the appliance notes of it stays noted: a
// handshake without certificate is counted in its log, a forbidden system call in the kernel's.
//
// Before a wall is believed, the same attempt is made where the wall is not; where it fails there too, the wall is
// untested, never held.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "attempt.hpp"
#include "doctor.hpp"

namespace stargraph::cli {

// Whom to attack. What is not there is untested.
struct Targets {
  struct Program {
    pid_t pid = 0;
    Identity identity;
  };
  std::optional<Program> daemon;
  std::optional<Program> writer;
  base::Path entries_socket = "/run/stargraph/entries.sock";
  base::Path trust_socket = "/run/stargraph/trust.sock";
  // How long the audit writer, busy as it may be, has time to send a stranger away before it is said that it does not.
  std::chrono::milliseconds patience{10'000};
  // Nobody's business but root's and: the daemon's, the writer's, nobody's.
  std::vector<base::Path> of_daemon = {"/var/lib/stargraph", "/run/credentials/stargraphd.service"};
  std::vector<base::Path> of_writer = {"/var/lib/stargraph-audit", "/var/log/stargraph",
                                       "/run/credentials/stargraph-auditd.service"};
  std::vector<base::Path> of_root = {"/etc/credstore.encrypted/stargraph-audit-key",
                                     "/etc/credstore.encrypted/stargraph-state-key",
                                     "/etc/credstore.encrypted/stargraph-tls-key"};
};

// The appliance of this machine, as examine() finds it.
[[nodiscard]] Targets find_targets();

// Needs root; without, every wall is untested. Each attempt has its time (attempt.hpp), all together have none.
[[nodiscard]] std::vector<Wall> attack(const Targets& targets);

}  // namespace stargraph::cli
