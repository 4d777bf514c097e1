#include "attack.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <sstream>

#include "attack_files.hpp"
#include "attack_listener.hpp"
#include "attempt.hpp"
#include "process.hpp"
#include "stargraph/base/descriptor.hpp"
#include "stargraph/base/free.hpp"
#include "stargraph/base/reason.hpp"
#include "stargraph/json/parse.hpp"

namespace stargraph::cli {
namespace {

using base::Path;
using Kind = Outcome::Kind;

constexpr uid_t kNobody = 65534;  // of user and group, on every system of today
Identity nobody() { return {.uid = kNobody, .gid = kNobody, .groups = {}}; }

bool nothing() { return true; }
int result(bool done) { return done ? 0 : errno; }

// What somebody who has taken a daemon over would call first. The arguments are such that a call that comes through
// has no effect.
struct Call {
  const char* name;
  int (*act)();
};

int try_execve() {
  char name[] = "/nonexistent/stargraph-doctor";
  char* const none[] = {nullptr};
  ::execve(name, none, none);
  return errno;
}
int try_fork() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  return result(pid > 0);
}
int try_executable_memory() {
  return result(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

constexpr auto kCalls = std::to_array<Call>({
    {"execve", try_execve},
    {"fork", try_fork},
    {"socket", [] { return result(::socket(AF_INET, SOCK_STREAM, 0) >= 0); }},
    {"connect", [] { return result(::connect(-1, nullptr, 0) == 0); }},
    {"io_uring_setup", [] { return result(::syscall(SYS_io_uring_setup, 0, nullptr) >= 0); }},
    {"bpf", [] { return result(::syscall(SYS_bpf, -1, nullptr, 0) >= 0); }},
    {"ptrace", [] { return result(::ptrace(PTRACE_ATTACH, -1, nullptr, nullptr) == 0); }},
    {"setns", [] { return result(::setns(-1, 0) == 0); }},
    {"unshare", [] { return result(::unshare(0) == 0); }},
    {"mount", [] { return result(::syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr) == 0); }},
    {"kill", [] { return result(::kill(::getppid(), 0) == 0); }},
    {"executable-memory", try_executable_memory},
});

struct Address {
  const char* text;
  int family;
  bool loopback;
};
// Loopback first. The others are of RFC 5737 and RFC 3849: nobody's.
constexpr auto kAddresses = std::to_array<Address>({{"127.0.0.1", AF_INET, true},
                                                    {"192.0.2.1", AF_INET, false},
                                                    {"::1", AF_INET6, true},
                                                    {"2001:db8::1", AF_INET6, false}});

bool is_this_network(int space) {
  struct stat there{};
  struct stat here{};
  return ::fstat(space, &there) == 0 && ::stat("/proc/self/ns/net", &here) == 0 && there.st_ino == here.st_ino &&
         there.st_dev == here.st_dev;
}

// EEXIST when the network has an interface besides `lo`.
int find_only_loopback() {
  const std::unique_ptr<struct if_nameindex, base::Free<::if_freenameindex>> all(::if_nameindex());
  if (!all) return errno;
  for (const struct if_nameindex* one = all.get(); one->if_index != 0; ++one) {
    if (std::strcmp(one->if_name, "lo") != 0) return EEXIST;
  }
  return 0;
}

// A route is looked up, nothing is sent.
int try_route(const Address& address) {
  const base::Descriptor socket(::socket(address.family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) return errno;
  if (address.family == AF_INET) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    ::inet_pton(AF_INET, address.text, &to.sin_addr);
    return result(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(9);
  ::inet_pton(AF_INET6, address.text, &to.sin6_addr);
  return result(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
}

// A packet socket of the audit writer; -1 with errno.
int dial(const Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) return errno = ENAMETOOLONG, -1;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  base::Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.open()) return -1;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  return socket.release();
}

// Exit codes of a child, above every errno: what the audit writer does with whoever connects.
enum Reception : int { kSentAway = 200, kBusy, kHungUp };

// 0 when whoever is connected may stay. Only the writer's own word (encode_refusal, audit/packet.hpp) and the end of
// the connection tell a stranger sent away from a writer that has no room, or that dies.
int try_to_stay(const Path& path, std::chrono::milliseconds patience) {
  const base::Descriptor socket(dial(path));
  if (!socket.open()) return errno;
  std::array<char, 4096> packet{};
  for (int said = kHungUp;;) {
    pollfd watched{.fd = socket.get(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, static_cast<int>(patience.count())) == 0) return 0;
    const ssize_t got = ::recv(socket.get(), packet.data(), packet.size(), 0);
    if (got <= 0) return said;
    const auto answer = json::parse(std::string_view(packet.data(), static_cast<std::size_t>(got)));
    const json::Object* const refusal = answer ? answer->object() : nullptr;
    const json::Value* const code = refusal != nullptr ? refusal->find("code") : nullptr;
    if (code == nullptr || code->string() == nullptr) continue;
    if (*code->string() == base::reason(base::Code::kCapabilityDenied).name) said = kSentAway;
    if (*code->string() == base::reason(base::Code::kBusy).name) said = kBusy;
  }
}

class Attack {
 public:
  explicit Attack(const Targets& targets) : targets_(targets) {}
  std::vector<Wall> run();

 private:
  void system_calls(const std::string& name, const std::optional<Targets::Program>& program);
  void network(const std::string& name, const std::optional<Targets::Program>& program);
  void sockets();
  void writer_at_the_door();
  void files(const std::string& whose, const std::vector<Path>& places, const std::string& stranger,
             const std::optional<Identity>& as);
  void selinux();
  void add(const std::string& name, WallState state, std::string detail, bool needed = true) {
    walls_.push_back({"attack." + name, state, std::move(detail), needed});
  }

  Targets targets_;
  std::vector<Wall> walls_;
};

void list(std::string& names, const char* name) { names += (names.empty() ? "" : ", ") + std::string(name); }

void Attack::system_calls(const std::string& name, const std::optional<Targets::Program>& program) {
  const std::string wall = name + ".system-calls";
  if (!program) return add(wall, WallState::kUntested, name + " does not run");
  const auto filters = filters_of(program->pid);
  if (!filters) return add(wall, WallState::kUntested, "its filters cannot be read: " + filters.error().message);
  if (filters->empty()) return add(wall, WallState::kAbsent, "it runs without a filter");
  std::string killed;
  std::string refused;
  std::string through;
  std::string untried;
  for (const Call& call : kCalls) {
    const Outcome free = attempt(nothing, call.act);
    if (free.kind == Kind::kUnknown || free.kind == Kind::kKilled || free.is(EPERM)) {
      list(untried, call.name);
      continue;
    }
    const Outcome behind = attempt([&] { return put_on(*filters); }, call.act);
    if (behind.kind == Kind::kUnknown) {
      list(untried, call.name);
    } else {
      list(behind.kind == Kind::kKilled ? killed : behind.is(EPERM) ? refused : through, call.name);
    }
  }
  const std::string notes = untried.empty() ? "" : "; could not be tried here: " + untried;
  if (!through.empty()) return add(wall, WallState::kAbsent, "behind its own filters came through: " + through + notes);
  if (killed.empty() && refused.empty()) return add(wall, WallState::kUntested, "no call could be tried here");
  add(wall, WallState::kHeld,
      "tried behind its own filters (" + std::to_string(filters->size()) + ")" +
          (killed.empty() ? "" : "; killed: " + killed) + (refused.empty() ? "" : "; refused: " + refused) + notes);
}

void Attack::network(const std::string& name, const std::optional<Targets::Program>& program) {
  const std::string wall = name + ".network";
  if (!program) return add(wall, WallState::kUntested, name + " does not run");
  const base::Descriptor space(
      ::open(("/proc/" + std::to_string(program->pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  if (!space.open()) return add(wall, WallState::kUntested, "its network cannot be opened");
  if (attempt(nothing, [] { return try_route(kAddresses[0]); }).kind != Kind::kDone)
    return add(wall, WallState::kUntested, "this machine has no loopback to compare with");
  // A private network of systemd's has a loopback of its own, with nobody on it.
  const bool own_loopback = !is_this_network(space.get());
  const auto enter = [&] { return ::setns(space.get(), CLONE_NEWNET) == 0; };
  std::string reached;
  for (const Address& address : kAddresses) {
    const Outcome from_there = attempt(enter, [&] { return try_route(address); });
    if (from_there.kind == Kind::kUnknown) return add(wall, WallState::kUntested, "its network could not be entered");
    if (from_there.kind == Kind::kDone && !(address.loopback && own_loopback)) list(reached, address.text);
  }
  if (!reached.empty()) return add(wall, WallState::kAbsent, "from its network there is a way to " + reached);
  const Outcome interfaces = attempt(enter, [] { return find_only_loopback(); });
  if (interfaces.kind != Kind::kDone)
    return add(wall, WallState::kAbsent, "its network has an interface that is not its own loopback");
  add(wall, WallState::kHeld, "its network has no interface but a loopback of its own, and no way to anybody");
}

void Attack::sockets() {
  for (const Path& path : {targets_.entries_socket, targets_.trust_socket}) {
    const std::string wall = "socket." + path.filename().string();
    if (!targets_.writer) {
      add(wall, WallState::kUntested, "the audit writer does not run");
      continue;
    }
    const auto knock_as = [&](const Identity& who) {
      return attempt([&] { return become(who); }, [&] { return result(base::Descriptor(dial(path)).open()); });
    };
    const Outcome stranger = knock_as(nobody());
    const bool for_daemon = path == targets_.entries_socket || !targets_.daemon || targets_.daemon->identity.uid == 0;
    const Outcome daemon = for_daemon ? stranger : knock_as(targets_.daemon->identity);
    if (stranger.kind == Kind::kDone || daemon.kind == Kind::kDone) {
      add(wall, WallState::kAbsent, stranger.kind == Kind::kDone ? "anybody may connect" : "the daemon may connect");
    } else if (stranger.is(EACCES) && daemon.is(EACCES)) {
      add(wall, WallState::kHeld,
          for_daemon ? "user nobody may not connect" : "neither nobody nor the daemon may connect");
    } else {
      add(wall, WallState::kUntested,
          std::string("connecting told nothing: ") +
              (stranger.error == 0 ? "no answer" : std::strerror(stranger.error)));
    }
  }
}

// Root passes the mode of the socket; the audit writer asks the kernel who it is, and only knows the daemon's user.
void Attack::writer_at_the_door() {
  const char* const wall = "audit-writer.peer";
  if (!targets_.writer || !targets_.daemon)
    return add(wall, WallState::kUntested, "daemon and audit writer do not both run");
  if (targets_.daemon->identity.uid == 0) return add(wall, WallState::kUntested, "the daemon's user is root");
  const auto patience = targets_.patience;
  const auto limit = static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(patience).count()) + kAttemptSeconds;
  const Outcome root = attempt(nothing, [&] { return try_to_stay(targets_.entries_socket, patience); }, limit);
  if (root.kind == Kind::kDone) return add(wall, WallState::kAbsent, "it lets another user than the daemon's stay");
  if (root.is(kSentAway)) return add(wall, WallState::kHeld, "it sends root away, who is not the daemon's user");
  const char* const why = root.is(kBusy)     ? "it had no room, which says nothing of whom it lets in"
                          : root.is(kHungUp) ? "it hung up and did not say why"
                                             : "it could not be reached";
  add(wall, WallState::kUntested, why);
}

void Attack::files(const std::string& whose, const std::vector<Path>& places, const std::string& stranger,
                   const std::optional<Identity>& as) {
  const std::string wall = "files." + whose + ".from-" + stranger;
  if (!as) return add(wall, WallState::kUntested, stranger + " does not run");
  if (as->uid == 0) return add(wall, WallState::kUntested, stranger + " is root");
  auto [state, detail] = attack_files(places, stranger, *as);
  add(wall, state, std::move(detail));
}

// Not root's shell either starts a program in the daemon's domain: only the daemon's own file leads there.
void Attack::selinux() {
  const auto enforce = read_text("/", "/sys/fs/selinux/enforce");
  const char* const wall = "daemon.selinux-entry";
  if (!enforce || !enforce->starts_with('1'))
    return add(wall, WallState::kUntested, "SELinux does not enforce here", false);
  if (!targets_.daemon) return add(wall, WallState::kUntested, "daemon does not run");
  const auto label_of = [](const std::string& process) {
    const std::string label = read_text("/", "/proc/" + process + "/attr/current").value_or("");
    return label.substr(0, label.find('\0'));
  };
  const std::string daemon = label_of(std::to_string(targets_.daemon->pid));
  const std::string own = label_of("self");
  if (daemon.empty() || daemon == own) return add(wall, WallState::kUntested, "it has no domain of its own");
  const auto run_true = [] {
    char name[] = "/bin/true";
    char* const argv[] = {name, nullptr};
    ::execv(name, argv);
    return errno;
  };
  // The kernel's refusal of the label is one of entering, too.
  const auto enter = [&](const std::string& label) -> int {
    const base::Descriptor next(::open("/proc/self/attr/exec", O_WRONLY | O_CLOEXEC));
    if (!next.open()) return ENOENT;
    if (::write(next.get(), label.data(), label.size()) < 0) return errno;
    return run_true();
  };
  // Who may ask for no label at all, and who may not run this program, learns nothing of the daemon's.
  if (attempt(nothing, [&] { return enter(own); }).kind != Kind::kDone)
    return add(wall, WallState::kUntested, "/bin/true does not run in this domain when asked for by its label");
  const Outcome entered = attempt(nothing, [&] { return enter(daemon); });
  if (entered.kind == Kind::kDone) return add(wall, WallState::kAbsent, "another program ran in the daemon's domain");
  if (entered.is(EACCES) || entered.is(EPERM))
    return add(wall, WallState::kHeld, "no other program can be started in the daemon's domain");
  add(wall, WallState::kUntested, "the label could not be asked for");
}

std::vector<Wall> Attack::run() {
  const auto as = [](const std::optional<Targets::Program>& program) {
    return program ? std::optional(program->identity) : std::nullopt;
  };
  system_calls("daemon", targets_.daemon);
  system_calls("audit-writer", targets_.writer);
  network("daemon", targets_.daemon);
  network("audit-writer", targets_.writer);
  sockets();
  writer_at_the_door();
  files("state", targets_.of_daemon, "nobody", nobody());
  files("state", targets_.of_daemon, "audit-writer", as(targets_.writer));
  files("log", targets_.of_writer, "nobody", nobody());
  files("log", targets_.of_writer, "daemon", as(targets_.daemon));
  files("keys", targets_.of_root, "nobody", nobody());
  files("keys", targets_.of_root, "daemon", as(targets_.daemon));
  for (Wall& wall : attack_listener(targets_.daemon ? targets_.daemon->pid : 0)) walls_.push_back(std::move(wall));
  selinux();
  return std::move(walls_);
}

std::optional<Targets::Program> target(const char* program) {
  const auto process = find_process("/", program);
  if (!process) return std::nullopt;
  const auto uid = status_number(process->status, "Uid");
  const auto gid = status_number(process->status, "Gid");
  if (!uid || !gid) return std::nullopt;
  Targets::Program found{static_cast<pid_t>(std::stol(process->pid)), {*uid, *gid, {}}};
  std::istringstream groups(status_field(process->status, "Groups"));
  for (gid_t group = 0; groups >> group;) found.identity.groups.push_back(group);
  return found;
}

}  // namespace

Targets find_targets() {
  Targets targets;
  targets.daemon = target("stargraphd");
  targets.writer = target("stargraph-auditd");
  return targets;
}

std::vector<Wall> attack(const Targets& targets) {
  if (::geteuid() == 0) return Attack(targets).run();
  return {{"attack", WallState::kUntested, "only root can put itself in the place of others", true}};
}

}  // namespace stargraph::cli
