#include "delivery.hpp"

#include <algorithm>
#include <thread>

#include "stargraph/base/env.hpp"

namespace stargraph::worker {
namespace {

using base::Code;
using base::Duration;
using base::Result;

constexpr Duration kFirstPause = std::chrono::milliseconds(200);
constexpr Duration kLongestPause = std::chrono::seconds(5);
constexpr Duration kLongestLease = std::chrono::hours(1);  // limits.lease_seconds

}  // namespace

bool passes(const base::Error& error) { return error.kind() == base::Kind::kBusy || error.code == Code::kRateLimited; }

Duration time_left(base::Timestamp now, base::Timestamp lease_until, base::Timestamp deadline) {
  const Duration least = std::max(Duration::zero(), deadline - lease_until);
  return std::clamp(deadline - now, least, least + kLongestLease);
}

Waiting real_waiting() {
  return {[] { return base::real_env().monotonic(); }, [](Duration time) { std::this_thread::sleep_for(time); }};
}

// What a heartbeat says decides nothing: a completion whose reply was lost has ended the lease, and offered again it is
// the same completion.
Result<> deliver(const Delivery& delivery, const Waiting& waiting) {
  const Duration end = waiting.now() + delivery.lasts;
  Duration next_beat = waiting.now();
  Duration pause = kFirstPause;
  while (true) {
    Result<> told = delivery.offer();
    if (told || !passes(told.error())) return told;
    if (waiting.now() >= end)
      return base::fail(Code::kTimedOut, "task: not taken before its deadline: " + told.error().message);
    if (waiting.now() >= next_beat && delivery.beat()) next_beat = waiting.now() + delivery.beat_every;
    waiting.wait(std::clamp(end - waiting.now(), Duration::zero(), pause));
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace stargraph::worker
