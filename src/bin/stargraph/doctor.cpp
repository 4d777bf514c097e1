#include "doctor.hpp"

#include <algorithm>
#include <optional>
#include <sstream>

#include "doctor_log.hpp"
#include "process.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/yaml/parse.hpp"

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
  void file_walls();
  void key_walls();
  void link_wall();
  void tpm_wall();

  [[nodiscard]] Path at(std::string_view path) const { return below(around_.root, path); }
  [[nodiscard]] std::optional<std::string> text(std::string_view path) const { return read_text(around_.root, path); }
  [[nodiscard]] std::string wider_than(const Path& directory, std::uint32_t mode) const;

  void add(std::string name, WallState state, std::string detail, bool needed = true) {
    walls_.push_back({std::move(name), state, std::move(detail), needed});
  }
  void add(std::string name, bool held, std::string detail) {
    add(std::move(name), held ? WallState::kHeld : WallState::kAbsent, std::move(detail));
  }

  Surroundings around_;
  base::Env& env_ = base::real_env();
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

// In whatever form it is written, and in whatever group.
bool names_key_file(const json::Value& value) {
  if (value.array() != nullptr) return std::ranges::any_of(*value.array(), names_key_file);
  if (value.object() == nullptr) return false;
  return std::ranges::any_of(
      *value.object(), [](const auto& member) { return member.first == "key_file" || names_key_file(member.second); });
}

// The first file or folder below `directory` that others may touch; "" when there is none.
std::string Examination::wider_than(const Path& directory, std::uint32_t mode) const {
  const auto names = env_.list(directory);
  if (!names) return directory.string() + " cannot be read";
  for (const std::string& name : *names) {
    const Path path = directory / name;
    const auto info = env_.info(path);
    if (!info) continue;  // gone since
    if ((info->mode & ~mode & ~(info->directory ? 0700U : 0U)) != 0) return path.string();
    if (info->directory) {
      if (std::string found = wider_than(path, mode); !found.empty()) return found;
    }
  }
  return "";
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

void Examination::file_walls() {
  for (const char* directory : {"/var/lib/stargraph", "/var/lib/stargraph-audit", "/var/log/stargraph"}) {
    const std::string name = std::string("files.") + directory;
    const auto info = env_.info(at(directory));
    if (!info) {
      add(name, WallState::kAbsent, "is not there");
      continue;
    }
    if ((info->mode & 0077U) != 0) {
      add(name, WallState::kAbsent, "is wider than 0700");
      continue;
    }
    const auto names = env_.list(at(directory));
    if (!names) {
      add(name, WallState::kUnseen, "only its user and root may look");
      continue;
    }
    const std::string wide = wider_than(at(directory), 0600);
    add(name, wide.empty(), wide.empty() ? "0700, every file 0600" : base::printable(wide) + " is wider than 0600");
  }
  const auto config = env_.info(at("/etc/stargraph/stargraph.yaml"));
  if (!config) return add("configuration", WallState::kAbsent, "/etc/stargraph/stargraph.yaml is not there");
  add("configuration", (config->mode & 0137U) == 0, "at most 0640");
}

// Keys lie sealed, and the configuration names no key file in the open.
void Examination::key_walls() {
  const auto names = env_.list(at("/etc/credstore.encrypted"));
  const auto config = text("/etc/stargraph/stargraph.yaml");
  if (!names || !config) return add("sealed-keys", WallState::kUnseen, "only root may look");
  std::string missing;
  for (const char* name : {"stargraph-audit-key", "stargraph-state-key", "stargraph-tls-key"}) {
    const auto info = env_.info(at("/etc/credstore.encrypted") / name);
    if (!info || (info->mode & 0077U) != 0) missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  const auto document = yaml::parse(*config);
  if (!document)
    return add("sealed-keys", WallState::kAbsent, "the configuration cannot be read: whether it names a key file");
  const bool open_file = names_key_file(document->value);
  add("sealed-keys", missing.empty() && !open_file,
      !missing.empty() ? "not sealed, or readable by others: " + missing
      : open_file      ? "the configuration names a key file"
                       : "three keys, sealed (systemd-creds)");
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

void Examination::tpm_wall() {
  const bool there = env_.info(at("/sys/class/tpm/tpm0")).has_value() || env_.info(at("/dev/tpmrm0")).has_value();
  add("tpm", there ? WallState::kHeld : WallState::kAbsent,
      there ? "there is one; systemd-creds can seal to it" : "none: whoever has the whole disk has the sealed keys",
      false);
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
  file_walls();
  key_walls();
  for (Wall& wall : log_walls(around_)) walls_.push_back(std::move(wall));
  tpm_wall();
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
