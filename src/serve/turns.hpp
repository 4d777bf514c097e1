// Turns: so many at once may do what takes much memory; the others wait a moment, then they are told to come back.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "stargraph/base/time.hpp"

namespace stargraph::serve {

class Turns {
 public:
  explicit Turns(int at_once) : left_(at_once) {}

  class Turn {  // given back when it goes
   public:
    explicit Turn(Turns* of) : of_(of) {}
    ~Turn() {
      if (of_ != nullptr) of_->give_back();
    }
    Turn(Turn&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Turn& operator=(Turn&&) = delete;

   private:
    Turns* of_;
  };
  // Nothing when `longest` has passed and no turn was free. Any thread.
  [[nodiscard]] std::optional<Turn> take(base::Duration longest) {
    std::unique_lock lock(mutex_);
    if (!free_.wait_for(lock, longest, [this] { return left_ > 0; })) return std::nullopt;
    --left_;
    return std::optional<Turn>(std::in_place, this);
  }

 private:
  void give_back() {
    {
      const std::scoped_lock lock(mutex_);
      ++left_;
    }
    free_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable free_;
  int left_;
};

}  // namespace stargraph::serve
