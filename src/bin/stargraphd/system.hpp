// What stargraphd takes from and tells systemd and the kernel.
#pragma once

#include <optional>
#include <string>

#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::daemon {

// The inherited listening TCP socket: the one named `https`, or the only one. kNoInheritedSocket.
[[nodiscard]] base::Result<int> inherited_listener();

// No core dumps, no debugger, no new privileges, files for their owner only, as many descriptors as the unit allows.
[[nodiscard]] base::Result<> give_up_privileges();

// A descriptor for SIGTERM, SIGINT and SIGHUP, which are blocked in every thread from then on; SIGPIPE is ignored.
[[nodiscard]] base::Result<int> signal_descriptor();

// sd_notify(3) over a descriptor opened early: after the system-call filter there are no new sockets.
class Notifier {
 public:
  Notifier();
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;
  void tell(const std::string& state) const;  // does nothing when systemd does not listen
  // How often systemd wants to hear that we live (half of its limit); nothing when it does not.
  [[nodiscard]] std::optional<base::Duration> watchdog() const { return watchdog_; }

 private:
  int descriptor_ = -1;
  std::optional<base::Duration> watchdog_;
};

// "enforcing", "permissive" or "absent".
[[nodiscard]] std::string selinux_state();

// One line to the journal with its priority (sd-daemon(3)).
enum class Priority : int { kCritical = 2, kError = 3, kWarning = 4, kNotice = 5, kInfo = 6 };
void log(Priority priority, const std::string& text);

}  // namespace stargraph::daemon
