// SG_CHECK: an assertion about our own code that stays on in release builds. Never for input.
#pragma once

namespace stargraph::base {

// Prints `what` with its place to stderr and aborts.
[[noreturn]] void check_failed(const char* what, const char* file, int line) noexcept;

}  // namespace stargraph::base

#define SG_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::stargraph::base::check_failed(#condition, __FILE__, __LINE__))
