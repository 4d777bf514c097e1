#include "doctor.hpp"

#include <algorithm>
#include <optional>
#include <sstream>

#include "doctor_certificates.hpp"
#include "doctor_files.hpp"
#include "doctor_keys.hpp"
#include "doctor_log.hpp"
#include "process.hpp"
#include "stargraph/base/printable.hpp"

namespace stargraph::cli {
namespace {

using base::Path;

class Examination {
 public:
  explicit Examination(const Surroundings& surroundings) : around_(surroundings) {}
  std::vector<Wall> run();

 private:
  void process_walls(const std::string& who, const std::optional<Process>& process);
  void selinux_wall(const std::string& who, const std::optional<Process>& process, std::string_view domain);
  void users_wall();
  void link_wall();

  [[nodiscard]] Path at(std::string_view path) const { return below(around_.root, path); }
  [[nodiscard]] std::optional<std::string> text(std::string_view path) const { return read_text(around_.root, path); }

  void add(std::string name, WallState state, std::string detail, bool needed = true) {
    walls_.push_back({std::move(name), state, std::move(detail), needed});
  }
  void add(std::vector<Wall> more) {
    for (Wall& wall : more) walls_.push_back(std::move(wall));
  }
  void add(std::string name, bool held, std::string detail) {
    add(std::move(name), held ? WallState::kHeld : WallState::kAbsent, std::move(detail));
  }

  Surroundings around_;
  std::optional<Process> daemon_;
  std::optional<Process> writer_;
  std::vector<Wall> walls_;
};

// The type of "user:role:type:level".
std::string type_of(const std::string& label) {
  const auto first = label.find(':');
  const auto second = first == std::string::npos ? first : label.find(':', first + 1);
  if (second == std::string::npos) return "";
  return label.substr(second + 1, label.find(':', second + 1) - second - 1);
}

void Examination::process_walls(const std::string& who, const std::optional<Process>& process) {
  if (!process) {
    for (const char* wall : {".system-calls", ".privileges", ".core-files", ".network"}) {
      add(who + wall, WallState::kUnseen, who + " does not run");
    }
    return;
  }
  add(who + ".system-calls", status_field(process->status, "Seccomp") == "2",
      "seccomp filter (/proc/PID/status: Seccomp)");
  const std::string effective = status_field(process->status, "CapEff");
  const bool none = !effective.empty() && effective.find_first_not_of('0') == std::string::npos;
  add(who + ".privileges", none && status_field(process->status, "NoNewPrivs") == "1",
      "no capability, no new privileges");
  const auto limits = text("/proc/" + process->pid + "/limits");
  const auto line = limits ? limits->find("Max core file size") : std::string::npos;
  if (line == std::string::npos) {
    add(who + ".core-files", WallState::kUnseen, "its limits cannot be read");
  } else {
    const auto value = limits->find_first_not_of(' ', line + std::string_view("Max core file size").size());
    add(who + ".core-files", limits->compare(value, 2, "0 ") == 0, "no core file, so no key in one");
  }
  std::error_code error;
  const Path own = std::filesystem::read_symlink(at("/proc/" + process->pid + "/ns/net"), error);
  const Path machine = error ? Path() : std::filesystem::read_symlink(at("/proc/1/ns/net"), error);
  if (error) {
    add(who + ".network", WallState::kUnseen, "only root sees whose network it has");
  } else {
    add(who + ".network", own != machine, "a network of its own, with nothing in it");
  }
}

void Examination::selinux_wall(const std::string& who, const std::optional<Process>& process, std::string_view domain) {
  const auto enforce = text("/sys/fs/selinux/enforce");
  if (!enforce) return add(who + ".selinux", WallState::kAbsent, "this machine runs without SELinux");
  if (!enforce->starts_with('1')) return add(who + ".selinux", WallState::kAbsent, "SELinux is permissive");
  if (!process) return add(who + ".selinux", WallState::kUnseen, who + " does not run");
  const std::string type = type_of(process->label);
  add(who + ".selinux", type == domain, "enforcing, in domain " + (type.empty() ? "none" : base::printable(type)));
}

void Examination::users_wall() {
  if (!daemon_ || !writer_) return add("users", WallState::kUnseen, "daemon and audit writer do not both run");
  const std::string daemon = status_field(daemon_->status, "Uid");
  const std::string writer = status_field(writer_->status, "Uid");
  add("users", daemon != "0" && writer != "0" && !daemon.empty() && daemon != writer,
      "daemon and audit writer are two users, neither is root (" + daemon + ", " + writer + ")");
}

// A connection of the daemon's to the audit writer shows as the writer's end of it, in the daemon's network.
void Examination::link_wall() {
  if (!daemon_) return add("audit-link", WallState::kUnseen, "daemon does not run");
  const auto sockets = text("/proc/" + daemon_->pid + "/net/unix");
  if (!sockets) return add("audit-link", WallState::kUnseen, "its sockets cannot be read");
  // Num RefCount Protocol Flags Type St Inode Path; type 0005 is SOCK_SEQPACKET, state 03 connected
  std::istringstream lines(*sockets);
  bool linked = false;
  for (std::string line; std::getline(lines, line);) {
    linked = linked || (line.find(" 0005 03 ") != std::string::npos && line.ends_with("/entries.sock"));
  }
  add("audit-link", linked, linked ? "the daemon is connected to the audit writer" : "no connection to entries.sock");
}

std::vector<Wall> Examination::run() {
  daemon_ = find_process(around_.root, "stargraphd");
  writer_ = find_process(around_.root, "stargraph-auditd");
  const std::string nothing = "does not run, or not as its service, or several could be it";
  add("daemon", daemon_.has_value(), daemon_ ? "runs as process " + daemon_->pid : nothing);
  add("audit-writer", writer_.has_value(), writer_ ? "runs as process " + writer_->pid : nothing);
  users_wall();
  link_wall();
  process_walls("daemon", daemon_);
  selinux_wall("daemon", daemon_, "stargraphd_t");
  process_walls("audit-writer", writer_);
  selinux_wall("audit-writer", writer_, "stargraph_audit_t");
  const Site site(around_);
  add(file_walls(around_, site));
  add(certificate_walls(around_, site));
  add(log_walls(around_, site));
  add(key_walls(around_, site));
  return std::move(walls_);
}

}  // namespace

std::vector<Wall> examine(const Surroundings& surroundings) { return Examination(surroundings).run(); }

int doctor_exit_code(const std::vector<Wall>& walls) {
  const auto some = [&](WallState state) {
    return std::ranges::any_of(walls, [&](const Wall& wall) { return wall.needed && wall.state == state; });
  };
  if (some(WallState::kAbsent)) return base::kExitFailed;
  return some(WallState::kUnseen) || some(WallState::kUntested) ? base::kExitUnavailable : base::kExitDone;
}

std::string_view wall_state_name(WallState state) {
  switch (state) {
    case WallState::kHeld: return "held";
    case WallState::kAbsent: return "absent";
    case WallState::kUnseen: return "unseen";
    case WallState::kUntested: return "untested";
  }
  return "unseen";
}

}  // namespace stargraph::cli
