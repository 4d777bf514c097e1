#include "stargraph/rules/jail.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>

#include "rules/plan.hpp"
#include "rules/wire.hpp"
#include "rules/zygote.hpp"

namespace stargraph::rules {
namespace {

using base::Code;
using base::fail;
using base::Result;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kLoadTime{5'000};
// Beside what the stages may use: CLIPS's tables, the request and the answer.
constexpr std::uint64_t kOverheadBytes = std::uint64_t{64} << 20;

std::unexpected<base::Error> limit_reached(std::string_view reason) {
  return fail(Code::kPackLimit, "rules: evaluator: " + std::string(reason));
}

// Waits until the socket is ready or the time is over.
Result<> wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return limit_reached("too late");
    pollfd wait{fd, events, 0};
    const int ready = poll(&wait, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return limit_reached("its socket failed");
  }
}

Result<> send_frame(int fd, std::string_view frame, Clock::time_point deadline) {
  while (!frame.empty()) {
    const ssize_t sent = send(fd, frame.data(), frame.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      frame.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      SG_TRY(wait_for(fd, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return limit_reached("it has ended");
    }
  }
  return {};
}

// The body of one frame, kept in `buffer`.
Result<std::string_view> receive_frame(int fd, std::string& buffer, Clock::time_point deadline) {
  std::size_t have = 0;
  for (;;) {
    SG_TRY(wait_for(fd, POLLIN, deadline));
    const ssize_t got = recv(fd, buffer.data() + have, buffer.size() - have, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return limit_reached("it has ended");
    if (got < 0) continue;
    have += static_cast<std::size_t>(got);
    std::uint32_t length = 0;
    if (have < sizeof length) continue;
    std::memcpy(&length, buffer.data(), sizeof length);
    const std::size_t whole = sizeof length + length;
    if (length > kMaxReplyBytes || have > whole) return limit_reached("an answer that is none");
    if (whole > buffer.size()) buffer.resize(whole);
    if (have == whole) return std::string_view(buffer).substr(sizeof length, length);
  }
}

Milliseconds time_allowed(const Program& program) {
  std::uint64_t sum = 0;
  for (const Stage& stage : program.stages) sum += stage.limits.max_ms;
  return Milliseconds(std::min<std::uint64_t>(sum, 600'000));
}

EvaluatorLimits limits_for(const Program& program, const JailOptions& options, std::uint64_t baseline) {
  EvaluatorLimits limits;
  std::uint64_t bytes = kOverheadBytes;
  for (const Stage& stage : program.stages) bytes += stage.limits.max_bytes;
  if (baseline != 0) limits.address_space = baseline + bytes;
  // A process that is recycled in time never meets this; one that is not is stuck.
  const std::uint64_t milliseconds =
      options.recycle_after_ms + 2 * static_cast<std::uint64_t>(time_allowed(program).count());
  limits.cpu_seconds = milliseconds / 1000 + 10;
  return limits;
}

}  // namespace

class Evaluator::Impl {
 public:
  Impl(std::shared_ptr<ZygoteLink> link, const JailOptions& options, const Program& program, std::string program_frame)
      : link_(std::move(link)),
        options_(options),
        limits_(limits_for(program, options, link_->baseline())),
        time_allowed_(rules::time_allowed(program)),
        stages_(program.stages.size()),
        program_frame_(std::move(program_frame)),
        buffer_(std::size_t{64} << 10, '\0') {}
  ~Impl() { discard(); }

  // A process with the program loaded.
  Result<> ensure() {
    if (process_.socket.get() >= 0) return {};
    SG_TRY(process_, link_->spawn(limits_));
    uses_ = 0;
    used_ = {};
    auto loaded = exchange(program_frame_, Clock::now() + std::max(kLoadTime, time_allowed_));
    if (loaded) return {};
    if (process_.socket.get() >= 0) discard();
    return std::unexpected(std::move(loaded).error());
  }

  Result<Outcome> evaluate(const EvaluationInput& input) {
    SG_TRY(const std::string frame, encode_input(input));
    SG_TRY(ensure());
    const auto start = Clock::now();
    const Milliseconds allowed = input.deadline ? std::min(*input.deadline, time_allowed_) : time_allowed_;
    auto outcome = exchange(frame, start + allowed);
    const auto taken = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    used_ += taken;
    ++uses_;
    if (outcome) outcome->micros = static_cast<std::uint64_t>(taken.count());
    const bool worn = uses_ >= options_.recycle_after || used_ >= Milliseconds(options_.recycle_after_ms);
    if (process_.socket.get() >= 0 && worn) discard();
    return outcome;
  }

  [[nodiscard]] int pid() const { return process_.socket.get() >= 0 ? process_.pid : 0; }

 private:
  // One request and its answer. After kPackLimit the process is gone.
  Result<Outcome> exchange(std::string_view frame, Clock::time_point deadline) {
    auto answered = [&]() -> Result<Outcome> {
      SG_TRY(send_frame(process_.socket.get(), frame, deadline));
      SG_TRY(const std::string_view body, receive_frame(process_.socket.get(), buffer_, deadline));
      return decode_reply(body, stages_);
    }();
    if (answered || answered.error().code != Code::kPackLimit) return answered;
    // Late, dead, or at a limit of its own: its memory is not worth keeping, and a lost jail shows here.
    process_.socket.reset();
    const auto ended = link_->reap(process_.id);
    if (!ended) return std::unexpected(ended.error());
    if (WIFSIGNALED(*ended) && WTERMSIG(*ended) != SIGKILL)
      return limit_reached("it has ended (signal " + std::to_string(WTERMSIG(*ended)) + ")");
    return answered;
  }

  void discard() {
    if (process_.socket.get() < 0) return;
    process_.socket.reset();
    [[maybe_unused]] const auto ended = link_->reap(process_.id);  // a lost jail took the process with it
    if (buffer_.size() > (std::size_t{1} << 20)) buffer_ = std::string(std::size_t{64} << 10, '\0');
  }

  std::shared_ptr<ZygoteLink> link_;
  JailOptions options_;
  EvaluatorLimits limits_;
  Milliseconds time_allowed_;
  std::size_t stages_;
  std::string program_frame_;
  std::string buffer_;
  Spawned process_;
  std::uint32_t uses_ = 0;
  std::chrono::microseconds used_{0};
};

Jail::Jail(std::shared_ptr<ZygoteLink> link, JailOptions options) : link_(std::move(link)), options_(options) {}
Jail::~Jail() { link_->shut_down(); }

Result<std::unique_ptr<Jail>> Jail::start(const JailOptions& options) {
  SG_TRY(std::shared_ptr<ZygoteLink> link, ZygoteLink::start());
  return std::unique_ptr<Jail>(new Jail(std::move(link), options));
}

int Jail::watch_fd() const { return link_->watch_fd(); }
int Jail::zygote_pid() const { return link_->pid(); }

Result<std::unique_ptr<Evaluator>> Jail::evaluator(const Program& program) {
  if (!options_.skip_source_check) SG_TRY(check_stages(program));
  SG_TRY(const Plan plan, make_plan(program, !options_.skip_source_check));
  SG_TRY(std::string frame, encode_program(plan));
  auto impl = std::make_unique<Evaluator::Impl>(link_, options_, program, std::move(frame));
  SG_TRY(impl->ensure());
  return std::make_unique<Evaluator>(std::move(impl));
}

Evaluator::Evaluator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Evaluator::~Evaluator() = default;

Result<Outcome> Evaluator::evaluate(const EvaluationInput& input) { return impl_->evaluate(input); }
int Evaluator::process_id() const { return impl_->pid(); }

Result<> check_program(Jail& jail, const Program& program) {
  SG_TRY(const std::unique_ptr<Evaluator> evaluator, jail.evaluator(program));
  SG_TRY(evaluator->evaluate({}));
  return {};
}

}  // namespace stargraph::rules
