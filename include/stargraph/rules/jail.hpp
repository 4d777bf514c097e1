// The rules jail: CLIPS in processes that can do nothing but answer.
//
// Jail::start() forks (does not execute) a small process, the zygote: no descriptor but one socket, no
// environment, its own system-call filter, dies with its parent. For each Evaluator the zygote forks
// a process under RLIMIT_AS, RLIMIT_CPU, RLIMIT_NOFILE 0 and a strict filter (read, write, memory, clock, exit; else
// killed), which builds the program's CLIPS environments once and then answers evaluations over its one socket.
// The parent treats every byte of an answer as hostile, kills what is late or too big, and never waits
// without a deadline.
#pragma once

#include <cstdint>
#include <memory>

#include "stargraph/base/result.hpp"
#include "stargraph/rules/program.hpp"

namespace stargraph::rules {

struct JailOptions {
  // A fresh evaluator process replaces one that answered this often, or used this much time, so that
  // RLIMIT_CPU and CLIPS's symbol table start anew.
  std::uint32_t recycle_after = 100'000;
  std::uint32_t recycle_after_ms = 60'000;
  // For tests of the inner walls only: programs are not checked before they are sent.
  bool skip_source_check = false;
};

class Evaluator;
class ZygoteLink;

class Jail {
 public:
  // Call from the main thread before any other thread, key or file exists: the zygote is a copy of this
  // process. kIo when it cannot be made.
  [[nodiscard]] static base::Result<std::unique_ptr<Jail>> start(const JailOptions& options = {});
  // Ends the zygote and every evaluator. Evaluators that outlive their jail answer kJailLost.
  ~Jail();
  Jail(const Jail&) = delete;
  Jail& operator=(const Jail&) = delete;

  // A process with this program loaded. From any thread. Errors: those of check_stages(); kRulesSyntax with
  // construct and line when CLIPS refuses a construct; kPackLimit when loading takes too long or too
  // much memory; kJailLost when the zygote is gone.
  [[nodiscard]] base::Result<std::unique_ptr<Evaluator>> evaluator(const Program& program);

  // Becomes readable or hangs up only when the zygote is gone (then the daemon should end): for poll().
  [[nodiscard]] int watch_fd() const;
  [[nodiscard]] int zygote_pid() const;

 private:
  explicit Jail(std::shared_ptr<ZygoteLink> link, JailOptions options);
  std::shared_ptr<ZygoteLink> link_;
  JailOptions options_;
};

// One program in one process. One thread at a time; different evaluators may be used at the same time.
class Evaluator {
 public:
  class Impl;
  explicit Evaluator(std::unique_ptr<Impl> impl);
  ~Evaluator();  // ends the process and leaves no zombie
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  // One pass over all stages. kPackLimit when late, too many facts or firings, too much memory or output, or when the
  // process died; kRulesRuntime when a rule's own expression failed (stage and CLIPS's message);
  // kRulesTemplate and kMalformed for facts that do not fit; kJailLost when the zygote is gone.
  // After any error the next call works again, in a fresh process where that is needed.
  [[nodiscard]] base::Result<Outcome> evaluate(const EvaluationInput& input);

  [[nodiscard]] int process_id() const;  // 0 when none runs right now

 private:
  std::unique_ptr<Impl> impl_;
};

// Loads the program and evaluates it once without facts: what import does before a pack is kept.
[[nodiscard]] base::Result<> check_program(Jail& jail, const Program& program);

}  // namespace stargraph::rules
