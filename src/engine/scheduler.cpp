#include "scheduler.hpp"

namespace stargraph::engine {

void Scheduler::put_locked(const RunKey& run) {
  if (in_hand_.contains(run)) {
    again_.insert(run);
    return;
  }
  if (!queued_.insert(run).second) return;
  queue_.push_back(run);
  wake_.notify_one();
}

void Scheduler::ready(const RunKey& run) {
  const std::scoped_lock lock(mutex_);
  put_locked(run);
}

void Scheduler::ready_at(const RunKey& run, base::Timestamp at) {
  const std::scoped_lock lock(mutex_);
  later_.emplace(at, run);
}

void Scheduler::due(base::Timestamp now) {
  const std::scoped_lock lock(mutex_);
  while (!later_.empty() && later_.begin()->first <= now) {
    put_locked(later_.begin()->second);
    later_.erase(later_.begin());
  }
}

std::optional<RunKey> Scheduler::take_locked() {
  if (stopped_ || queue_.empty()) return std::nullopt;
  RunKey run = std::move(queue_.front());
  queue_.pop_front();
  queued_.erase(run);
  in_hand_.insert(run);
  return run;
}

std::optional<RunKey> Scheduler::next() {
  const std::scoped_lock lock(mutex_);
  return take_locked();
}

std::optional<RunKey> Scheduler::wait_next() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stopped_ || !queue_.empty(); });
  return take_locked();
}

void Scheduler::done(const RunKey& run, bool again) {
  const std::scoped_lock lock(mutex_);
  in_hand_.erase(run);
  if (again_.erase(run) > 0 || again) put_locked(run);
  if (stopped_) wake_.notify_all();
}

void Scheduler::stop() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  wake_.notify_all();
}

void Scheduler::wait_idle() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return in_hand_.empty(); });
}

}  // namespace stargraph::engine
