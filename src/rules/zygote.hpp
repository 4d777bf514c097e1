// The zygote: the process that forks evaluators, and the daemon's link to it. One request at a time, each answered.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "rules/sandbox.hpp"
#include "stargraph/base/result.hpp"

namespace stargraph::rules {

// A file descriptor that closes itself.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  void reset(int fd = -1);
  [[nodiscard]] int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Spawned {
  UniqueFd socket;       // our end, does not block
  std::uint32_t id = 0;  // for reap()
  int pid = 0;           // for people and tests; never used to signal
};

class ZygoteLink {
 public:
  [[nodiscard]] static base::Result<std::shared_ptr<ZygoteLink>> start();
  ~ZygoteLink();
  ZygoteLink(const ZygoteLink&) = delete;
  ZygoteLink& operator=(const ZygoteLink&) = delete;

  // kJailLost when the zygote is gone, kIo when it could not fork.
  [[nodiscard]] base::Result<Spawned> spawn(const EvaluatorLimits& limits);
  // Kills the evaluator if it still runs and collects it; its wait status. kJailLost.
  [[nodiscard]] base::Result<int> reap(std::uint32_t id);
  // Ends the zygote, which ends all evaluators.
  void shut_down();

  [[nodiscard]] int watch_fd() const { return watch_.get(); }
  [[nodiscard]] int pid() const { return pid_; }
  // Address space of the daemon when the zygote was forked.
  [[nodiscard]] std::uint64_t baseline() const { return baseline_; }

 private:
  struct Reply {
    std::int32_t result = 0;
    std::int32_t status = 0;
  };
  ZygoteLink(UniqueFd socket, UniqueFd watch, int pid, std::uint64_t baseline);
  [[nodiscard]] base::Result<Reply> ask(void* request, std::size_t size, int fd);
  [[nodiscard]] std::unexpected<base::Error> lost();

  std::mutex mutex_;
  UniqueFd socket_;  // closed once the zygote is known to be gone
  UniqueFd watch_;
  int pid_;
  std::uint64_t baseline_;
  std::uint32_t next_id_ = 1;
};

}  // namespace stargraph::rules
