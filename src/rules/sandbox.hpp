// Walls around the zygote and the evaluators: descriptors, resource limits, system-call filters.
#pragma once

#include <cstdint>

#include "stargraph/walls/syscall_filter.hpp"

namespace stargraph::rules {

// The one descriptor each of them keeps.
inline constexpr int kJailFd = 3;

// Sanitizers need address space and system calls that these walls refuse; builds with them have the filters and
// RLIMIT_AS off. Release and debug builds have them on.
inline constexpr bool kFullWalls = walls::kAvailable;

// The daemon's address space, read before descriptors are closed; 0 when it cannot be known.
[[nodiscard]] std::uint64_t address_space_in_use();

// Both move `fd` to kJailFd, close everything else and do not come back when a wall cannot be put up: the
// process then ends with kExitNoWalls. Where there is no memory for one it aborts: nothing of the daemon's that would
// catch an exception is run in here.
inline constexpr int kExitNoWalls = 71;

// Dies with its parent, not dumpable, no new privileges, no environment, default signal handlers, filter that still
// allows fork and kill.
void confine_zygote(int fd) noexcept;

struct EvaluatorLimits {
  std::uint64_t address_space = 0;  // bytes in all
  std::uint64_t cpu_seconds = 0;
};

// Also: rlimits, and a filter that leaves read and write on kJailFd, memory that is not executable, the clock, exit.
void confine_evaluator(int fd, const EvaluatorLimits& limits) noexcept;

}  // namespace stargraph::rules
