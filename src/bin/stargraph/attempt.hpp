// Attempt: something that an attacker would try, done for real in a child process that ends with it. Nothing outlives
// an attempt, and none takes longer than it is given.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "stargraph/base/result.hpp"

namespace stargraph::cli {

struct Outcome {
  enum class Kind : std::uint8_t {
    kDone,     // it worked
    kRefused,  // `error` says how
    kKilled,   // the kernel ended the child for the system call
    kUnknown,  // it could not be tried, or gave no answer in time
  };
  Kind kind = Kind::kUnknown;
  int error = 0;
  [[nodiscard]] bool is(int code) const { return kind == Kind::kRefused && error == code; }
};

inline constexpr unsigned kAttemptSeconds = 3;

// Forks; the child calls `prepare`, then `act`, which gives 0 or an errno, and is ended after `seconds`. One thread
// only.
[[nodiscard]] Outcome attempt(const std::function<bool()>& prepare, const std::function<int()>& act,
                              unsigned seconds = kAttemptSeconds);

// Whose place an attempt is made from.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
};
// Becomes another user for good, with these groups alone and no capability left.
[[nodiscard]] bool become(const Identity& who);

// A system-call filter as the kernel holds it.
using Filter = std::vector<sock_filter>;

// The filters that a process runs under, the oldest first; none when it has none. Root only (CAP_SYS_ADMIN and
// CAP_SYS_PTRACE): its main thread stands still for some microseconds, and a child of ours looks, so that the
// kernel lets go of it whatever happens. kUnavailable with the kernel's reason.
[[nodiscard]] base::Result<std::vector<Filter>> filters_of(pid_t pid);
// Puts them on this process for good.
[[nodiscard]] bool put_on(const std::vector<Filter>& filters);

}  // namespace stargraph::cli
