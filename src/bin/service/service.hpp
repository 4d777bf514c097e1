// What both daemons take from systemd, tell it, and give up before they serve.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::service {

// A descriptor that systemd handed over, and its name (sd_listen_fds_with_names(3)).
struct Inherited {
  int descriptor;
  std::string name;
};
// All of them, once: the environment does not name them afterwards.
[[nodiscard]] std::vector<Inherited> inherited_descriptors();

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

// A descriptor that becomes readable at one of these signals, which are blocked from then on, also in threads started
// later. Errors begin with `program`.
[[nodiscard]] base::Result<int> signal_descriptor(const char* program, std::initializer_list<int> signals);

// No core dumps, no debugger, no new privileges.
[[nodiscard]] base::Result<> give_up_privileges(const char* program);

}  // namespace stargraph::service
