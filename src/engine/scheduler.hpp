// Scheduler: which run is taken next, by which thread. A run is never in two hands at once; one that is made
// ready while somebody has it is taken again afterwards.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "tables.hpp"

namespace stargraph::engine {

class Scheduler {
 public:
  // Any thread. At once, or not before `at`.
  void ready(const RunKey& run);
  void ready_at(const RunKey& run, base::Timestamp at);
  // Puts what has come due by `now` into the queue.
  void due(base::Timestamp now);

  // The next run, in hand until done(). wait_next() blocks; nothing comes back after stop().
  [[nodiscard]] std::optional<RunKey> next();
  [[nodiscard]] std::optional<RunKey> wait_next();
  // Gives a run back; `again`: it has more to do now.
  void done(const RunKey& run, bool again);

  void stop();  // wakes every waiter
  // Blocks until nothing is in hand any more (after stop()).
  void wait_idle();

 private:
  std::optional<RunKey> take_locked();
  void put_locked(const RunKey& run);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<RunKey> queue_;
  std::set<RunKey> queued_;
  std::set<RunKey> in_hand_;
  std::set<RunKey> again_;
  std::multimap<base::Timestamp, RunKey> later_;
  bool stopped_ = false;
};

}  // namespace stargraph::engine
