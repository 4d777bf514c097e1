// What stargraph-auditd takes from and tells systemd, and what it gives up before it serves.
#pragma once

#include <vector>

#include "bin/service/service.hpp"
#include "bin/stargraph-auditd/settings.hpp"
#include "stargraph/audit/server.hpp"
#include "stargraph/base/descriptor.hpp"

namespace stargraph::auditd {

// The listening sockets named `entries` and `trust` (sd_listen_fds_with_names(3)); kNoInheritedSocket
// without `entries`, or for anything that is not a listening AF_UNIX SOCK_SEQPACKET socket.
[[nodiscard]] base::Result<std::vector<audit::Server::Listener>> inherited_listeners(const Settings& settings);

using service::Notifier;

// A descriptor that becomes readable at SIGTERM or SIGINT, which are blocked from then on.
[[nodiscard]] base::Result<int> stop_signals();

// An exclusive lock on a directory for as long as the descriptor is open, so that two writers never share a log; kBusy
// when another process has it.
[[nodiscard]] base::Result<base::Descriptor> lock_directory(const base::Path& directory);

// "enforcing", "permissive" or "none".
[[nodiscard]] std::string_view selinux_state();
// kConfigInvalid when a label is asked for and nothing here could give one.
[[nodiscard]] base::Result<> check_labels(const Settings& settings);

// An allow-list of system calls without execve, socket, connect or new executable memory. What is not on it
// fails with EPERM. Before it: no core dumps, no new privileges.
[[nodiscard]] base::Result<> give_up_system_calls();

}  // namespace stargraph::auditd
