#include "process.hpp"

#include <charconv>
#include <sstream>
#include <vector>

namespace stargraph::cli {
namespace {

using base::Path;

constexpr std::uint64_t kMaxText = 1 << 20;
constexpr std::string_view kServiceManager = "/run/systemd/system";  // there while systemd runs: sd_booted(3)
constexpr std::size_t kKernelName = 15;                              // TASK_COMM_LEN without its NUL

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.pop_back();
  return text;
}

struct Candidate {
  std::string pid;
  std::string parent;
  bool served = false;     // in the program's service
  bool exact = false;      // its executable is seen, and bears the program's name
  bool installed = false;  // it is the package's file
  [[nodiscard]] int rank() const { return (served ? 4 : 0) + (installed ? 2 : 0) + (exact ? 1 : 0); }
};

// Whether one of the lines "HIERARCHY:CONTROLLERS:PATH" names the system's unit. Who has a part of the tree (any user
// below user.slice) makes directories of any name there: the path as a whole counts, its end does not.
bool is_served(const std::string& cgroups, std::string_view program) {
  const std::string unit = "/system.slice/" + std::string(program) + ".service";
  std::istringstream lines(cgroups);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second != std::string::npos && line.substr(second + 1) == unit) return true;
  }
  return false;
}

// A process by that name whose executable is not seen to be another one.
std::optional<Candidate> candidate(const Path& root, const std::string& pid, std::string_view program) {
  const std::string folder = "/proc/" + pid;
  const auto comm = read_text(root, folder + "/comm");
  if (!comm || trimmed(*comm) != program.substr(0, kKernelName)) return std::nullopt;
  std::error_code unseen;
  std::string file = std::filesystem::read_symlink(below(root, folder + "/exe"), unseen).string();
  constexpr std::string_view kUpgraded = " (deleted)";  // the package was, under the running program
  if (file.ends_with(kUpgraded)) file.resize(file.size() - kUpgraded.size());
  const bool exact = Path(file).filename() == program;
  // /usr/sbin leads to /usr/bin where the two are one.
  const bool installed =
      exact && (file == "/usr/sbin/" + std::string(program) || file == "/usr/bin/" + std::string(program));
  if (!file.empty() && !exact) return std::nullopt;
  const bool served = is_served(read_text(root, folder + "/cgroup").value_or(""), program);
  if (served && !file.empty() && !installed) return std::nullopt;  // the unit starts no such file
  return Candidate{.pid = pid,
                   .parent = status_field(read_text(root, folder + "/status").value_or(""), "PPid"),
                   .served = served,
                   .exact = exact,
                   .installed = installed};
}

// Of what a program forked (the rules jail bears the daemon's name too) the parent is the main process.
bool has_parent_among(const Candidate& one, const std::vector<Candidate>& all) {
  for (const Candidate& other : all) {
    if (other.pid == one.parent && other.served == one.served) return true;
  }
  return false;
}

}  // namespace

Path below(const Path& root, std::string_view path) { return root / Path(path).relative_path(); }

std::optional<std::string> read_text(const Path& root, std::string_view path) {
  const auto bytes = base::real_env().read_file(below(root, path), kMaxText);
  if (!bytes) return std::nullopt;
  return base::to_text(*bytes);
}

std::string status_field(const std::string& status, const std::string& name) {
  const auto start = status.find("\n" + name + ":");
  if (start == std::string::npos) return "";
  const auto value = status.find_first_not_of(" \t", start + name.size() + 2);
  if (value == std::string::npos) return "";
  return status.substr(value, status.find_first_of("\t\n", value) - value);
}

std::optional<std::uint32_t> status_number(const std::string& status, const std::string& name) {
  const std::string text = status_field(status, name);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Process> find_process(const Path& root, std::string_view program) {
  const auto names = base::real_env().list(below(root, "/proc"));
  if (!names) return std::nullopt;
  std::vector<Candidate> candidates;
  for (const std::string& name : *names) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (auto one = candidate(root, name, program)) candidates.push_back(*std::move(one));
  }
  // Anybody may run the installed file: where there are services, only the service is the appliance.
  const bool services = base::real_env().info(below(root, kServiceManager)).has_value();
  const Candidate* best = nullptr;
  bool alike = false;
  for (const Candidate& one : candidates) {
    if (has_parent_among(one, candidates) || (services && !one.served)) continue;
    alike = best != nullptr && (one.rank() == best->rank() || (alike && one.rank() < best->rank()));
    if (best == nullptr || one.rank() > best->rank()) best = &one;
  }
  if (best == nullptr || alike) return std::nullopt;
  const std::string folder = "/proc/" + best->pid;
  return Process{best->pid, read_text(root, folder + "/status").value_or(""),
                 trimmed(read_text(root, folder + "/attr/current").value_or(""))};
}

}  // namespace stargraph::cli
