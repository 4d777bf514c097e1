// What stargraphd takes from and tells systemd and the kernel.
#pragma once

#include <string>

#include "bin/service/service.hpp"
#include "stargraph/base/result.hpp"

namespace stargraph::daemon {

// The inherited listening TCP socket: the one named `https`, or the only one. kNoInheritedSocket.
[[nodiscard]] base::Result<int> inherited_listener();

// No core dumps, no debugger, no new privileges, files for their owner only, as many descriptors as the unit allows.
[[nodiscard]] base::Result<> give_up_privileges();

// A descriptor for SIGTERM, SIGINT and SIGHUP, which are blocked in every thread from then on; SIGPIPE is ignored.
[[nodiscard]] base::Result<int> signal_descriptor();

using service::Notifier;

// "enforcing", "permissive" or "absent".
[[nodiscard]] std::string selinux_state();

// One line to the journal with its priority (sd-daemon(3)).
enum class Priority : int { kCritical = 2, kError = 3, kWarning = 4, kNotice = 5, kInfo = 6 };
void log(Priority priority, const std::string& text);

}  // namespace stargraph::daemon
