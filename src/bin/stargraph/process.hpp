// Process: what a program of this appliance shows of itself under /proc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stargraph/base/env.hpp"

namespace stargraph::cli {

struct Process {
  std::string pid;
  std::string status;  // /proc/PID/status
  std::string label;   // of SELinux; "" without
};

// The main process of a program of ours below `root`. Where systemd runs, it is the one that systemd put into the
// program's service and that runs the installed file; a name, and the file, are anybody's. Elsewhere the executable
// decides, the installed one before another of that name, and without the right to see it (root's) the 15 bytes that
// the kernel keeps of a name, unless another executable is seen: the auditor's stargraph-audit bears the writer's.
// Nothing where two are alike: which of them is ours would be a guess.
[[nodiscard]] std::optional<Process> find_process(const base::Path& root, std::string_view program);

// "Seccomp:\t2" of /proc/PID/status: "2"; "" when there is no such line. The first of several values.
[[nodiscard]] std::string status_field(const std::string& status, const std::string& name);
// The same as a number; nothing when it is none.
[[nodiscard]] std::optional<std::uint32_t> status_number(const std::string& status, const std::string& name);

// A file of text below `root`, at most 1 MiB.
[[nodiscard]] std::optional<std::string> read_text(const base::Path& root, std::string_view path);
// `path` below `root`.
[[nodiscard]] base::Path below(const base::Path& root, std::string_view path);

}  // namespace stargraph::cli
