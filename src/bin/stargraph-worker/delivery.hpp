// Delivery: what a task came to is offered until the daemon takes it. A command may have acted on the world, so an
// output that is thrown away because nobody could take it just then would have it act twice.
#pragma once

#include <functional>

#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::worker {

// Whether an error passes by itself: nobody answered, the daemon is busy or cannot audit, too much was asked (429,
// 503).
[[nodiscard]] bool passes(const base::Error& error);

// How long a task has still, when it was leased just now. The daemon wrote both times by its own clock. Ours may be
// wrong, but no less is left than lies between them, and no more than the longest lease besides.
[[nodiscard]] base::Duration time_left(base::Timestamp now, base::Timestamp lease_until, base::Timestamp deadline);

struct Delivery {
  std::function<base::Result<>()> offer;  // one try
  std::function<bool()> beat;             // renews the lease, one try; whether that was heard
  base::Duration lasts{0};                // until the task's deadline
  base::Duration beat_every = std::chrono::seconds(20);
};

// What waiting needs; a test brings its own.
struct Waiting {
  std::function<base::Duration()> now;  // on a clock that never goes back
  std::function<void(base::Duration)> wait;
};
[[nodiscard]] Waiting real_waiting();

// Offers until an answer is final: taken, or an error that does not pass. Between two tries 200 ms at first, 5 s at
// most; the lease is renewed besides. kTimedOut when the deadline is over and nobody has taken it.
[[nodiscard]] base::Result<> deliver(const Delivery& delivery, const Waiting& waiting);

}  // namespace stargraph::worker
