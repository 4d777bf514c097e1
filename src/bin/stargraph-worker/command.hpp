// One local command, run for one task: JSON on its stdin, JSON from its stdout.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::worker {

struct CommandResult {
  int exit_code = -1;  // 128 + signal when it was killed
  std::string output;  // stdout
};

struct CommandLimits {
  std::size_t max_output = std::size_t{1} << 20;
  base::Duration timeout = std::chrono::seconds(300);
  base::Duration beat_every = std::chrono::seconds(20);
};

// Runs `argv` (looked up in PATH, no shell) in a process group of its own, feeds `input`, collects its
// output until it ends; what it left running in its group is killed then. It gets stdin, stdout and our stderr, no
// other descriptor. The caller ignores SIGPIPE. `beat` is called every `beat_every` while it runs; when it says false
// the command is killed and kLeaseLost comes back. kTimedOut after `timeout`, kTooLarge over `max_output`; the whole
// group is killed then.
[[nodiscard]] base::Result<CommandResult> run_command(const std::vector<std::string>& argv, const std::string& input,
                                                      const CommandLimits& limits, const std::function<bool()>& beat);

}  // namespace stargraph::worker
