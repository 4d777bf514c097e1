// Time as a policy counts it: the wall clock, but never behind what the monotonic clock has measured since this was
// made.
//
// So whoever sets the wall clock back while the daemon runs does not make a policy last longer; at the next start the
// stored time floor refuses such a clock. A clock that was ahead by mistake and is set right again is believed.
#pragma once

#include <algorithm>

#include "stargraph/base/env.hpp"

namespace stargraph::policy {

class Clock {
 public:
  explicit Clock(base::Env& env) : env_(env), began_(env.now()), monotonic_(env.monotonic()) {}  // env must outlive it
  [[nodiscard]] base::Timestamp now() const {                                                    // any thread
    return std::max(env_.now(), began_ + (env_.monotonic() - monotonic_));
  }

 private:
  base::Env& env_;
  base::Timestamp began_;
  base::Duration monotonic_;
};

}  // namespace stargraph::policy
