// Walls around the zygote and the evaluators: descriptors, resource limits, system-call filters.
#pragma once

#include <cstdint>

namespace stargraph::rules {

// The one descriptor each of them keeps.
inline constexpr int kJailFd = 3;

// Sanitizers need address space and system calls that these walls refuse; builds with them have the filters and
// RLIMIT_AS off. Release and debug builds have them on.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kFullWalls = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kFullWalls = false;
#else
inline constexpr bool kFullWalls = true;
#endif
#else
inline constexpr bool kFullWalls = true;
#endif

// The daemon's address space, read before descriptors are closed; 0 when it cannot be known.
[[nodiscard]] std::uint64_t address_space_in_use();

// Both move `fd` to kJailFd, close everything else and do not come back when a wall cannot be put up: the
// process then ends with kExitNoWalls.
inline constexpr int kExitNoWalls = 71;

// Dies with its parent, not dumpable, no new privileges, no environment, default signal handlers, filter that still
// allows fork and kill.
void confine_zygote(int fd);

struct EvaluatorLimits {
  std::uint64_t address_space = 0;  // bytes in all
  std::uint64_t cpu_seconds = 0;
};

// Also: rlimits, and a filter that leaves read and write on kJailFd, memory that is not executable, the clock, exit.
void confine_evaluator(int fd, const EvaluatorLimits& limits);

}  // namespace stargraph::rules
