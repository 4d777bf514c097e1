// The checker's process: its walls, and the two ends of its socket.
#include "checker.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "commands.hpp"
#include "stargraph/base/sanitized.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxAnswer = std::size_t{64} << 10;
constexpr auto kAnswerTime = std::chrono::seconds(60);
constexpr std::uint32_t kNobody = 65534;
constexpr int kExitNoWalls = 71;

// --- inside ---

#if SG_SANITIZED == 0
constexpr auto kAllowed = std::to_array<const char*>({
    "read",
    "readv",
    "write",
    "writev",
    "recvfrom",
    "sendto",
    "recvmsg",
    "sendmsg",
    "poll",
    "ppoll",
    "close",
    "fcntl",
    "brk",
    "munmap",
    "mremap",
    "madvise",
    "mlock",
    "mlock2",
    "munlock",
    "futex",
    "getrandom",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "gettimeofday",
    "time",
    "getpid",
    "gettid",
    "getrusage",
    "sched_yield",
    "sched_getaffinity",
    "sysinfo",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "restart_syscall",
    "exit",
    "exit_group",
});
// Nothing here comes near these.
constexpr auto kDeadly = std::to_array<const char*>({"socket", "connect", "bind", "listen", "accept", "accept4",
                                                     "execve", "execveat", "fork", "vfork", "ptrace",
                                                     "process_vm_readv", "process_vm_writev", "bpf", "io_uring_setup"});

bool load_filter() {
  scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ERRNO(EPERM));
  const auto add = [&](const char* name, std::uint32_t action) {
    const int call = ::seccomp_syscall_resolve_name(name);
    return call < 0 || ::seccomp_rule_add(filter, action, call, 0) == 0;
  };
  const auto add_when = [&](int call, const scmp_arg_cmp& condition) {
    return ::seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition) == 0;
  };
  bool good = filter != nullptr;
  for (const char* name : kAllowed) good = good && add(name, SCMP_ACT_ALLOW);
  for (const char* name : kDeadly) good = good && add(name, SCMP_ACT_KILL_PROCESS);
  good = good && add_when(SCMP_SYS(mmap), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}) &&
         add_when(SCMP_SYS(mprotect), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}) &&
         add_when(SCMP_SYS(socketpair), {0, SCMP_CMP_EQ, AF_UNIX, 0}) &&  // to a new evaluator of the jail
         ::seccomp_load(filter) == 0;
  if (filter != nullptr) ::seccomp_release(filter);
  return good;
}
#else
bool load_filter() { return true; }
#endif

// The socket becomes descriptor 3 and the only one besides the standard streams: whatever this process inherited from
// the shell that started it is closed.
constexpr int kOwnSocket = 3;

bool keep_only(int socket) {
  return (socket == kOwnSocket || ::dup2(socket, kOwnSocket) == kOwnSocket) &&
         ::syscall(SYS_close_range, static_cast<unsigned>(kOwnSocket + 1), ~0U, 0U) == 0;
}

// Nobody's process, that writes no file, leaves no core and ends with its parent. Standard streams lead nowhere: a pack
// that took it over cannot write on the admin's terminal.
bool put_up_walls(pid_t parent) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return false;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(null, stream) != stream) return false;
  }
  if (null > STDERR_FILENO) ::close(null);
  if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
                           ::setresuid(kNobody, kNobody, kNobody) != 0)) {
    return false;
  }
  const rlimit none{0, 0};
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent && ::prctl(PR_SET_DUMPABLE, 0) == 0 &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::setrlimit(RLIMIT_CORE, &none) == 0 &&
         ::setrlimit(RLIMIT_FSIZE, &none) == 0;
}

bool read_all(int fd, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::read(fd, out.data(), out.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool write_all(int fd, base::BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

bool write_frame(int fd, base::BytesView body) {
  base::Bytes size;
  base::append_u32_be(size, static_cast<std::uint32_t>(body.size()));
  return write_all(fd, size) && write_all(fd, body);
}

// Until the parent closes its end.
void answer(int fd, rules::Jail* jail) {
  std::array<std::byte, 4> size{};
  while (read_all(fd, size)) {
    const std::size_t bytes = base::read_u32_be(size);
    if (bytes > pack::kMaxPackBytes) return;
    base::Bytes pack(bytes);
    if (!read_all(fd, pack)) return;
    if (!write_frame(fd, base::as_bytes(encode_verdict(look_at(jail, pack))))) return;
  }
}

[[noreturn]] void be_the_checker(int socket, pid_t parent, bool fips_required) {
  const int fd = kOwnSocket;
  if (!keep_only(socket) || !put_up_walls(parent)) ::_exit(kExitNoWalls);
  const auto jail = rules::Jail::start();
  if (!start_crypto(fips_required) || !load_filter()) ::_exit(kExitNoWalls);
  if (!write_frame(fd, {})) ::_exit(kExitNoWalls);  // ready
  answer(fd, jail ? jail->get() : nullptr);
  ::_exit(0);
}

// --- outside ---

Result<> wait_readable(int fd, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return fail(Code::kTimedOut, "checker: the pack keeps it busy for more than a minute");
    pollfd wait{fd, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(Code::kIo, "checker: poll: failed");
  }
}

Result<> read_by(int fd, std::span<std::byte> out, Clock::time_point deadline) {
  while (!out.empty()) {
    SG_TRY(wait_readable(fd, deadline));
    const ssize_t got = ::read(fd, out.data(), out.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(Code::kJailLost, "checker: the process that looks at packs has ended");
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

Result<base::Bytes> read_frame(int fd) {
  const Clock::time_point deadline = Clock::now() + kAnswerTime;
  std::array<std::byte, 4> size{};
  SG_TRY(read_by(fd, size, deadline));
  const std::size_t bytes = base::read_u32_be(size);
  if (bytes > kMaxAnswer) return fail(Code::kJailLost, "checker: an answer that is none");
  base::Bytes body(bytes);
  SG_TRY(read_by(fd, body, deadline));
  return body;
}

}  // namespace

Result<std::unique_ptr<Checker>> Checker::start(bool fips_required) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(Code::kIo, "checker: socketpair: failed");
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    be_the_checker(ends[1], parent, fips_required);
  }
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return fail(Code::kIo, "checker: fork: failed");
  }
  std::unique_ptr<Checker> checker(new Checker(ends[0], pid));
  if (const auto ready = read_frame(checker->socket_); !ready) {
    return fail(Code::kIo, "checker: the walls around the process that looks at packs could not be put up");
  }
  return checker;
}

Checker::~Checker() {
  // It ends when its socket does, and with this process at the latest; nobody waits for one that does not.
  ::close(socket_);
  int status = 0;
  static_cast<void>(::waitpid(pid_, &status, WNOHANG));
}

Result<Verdict> Checker::check(base::BytesView pack) {
  if (!write_frame(socket_, pack)) {
    return fail(Code::kJailLost, "checker: the process that looks at packs has ended");
  }
  SG_TRY(const base::Bytes answer, read_frame(socket_));
  auto verdict = decode_verdict(base::as_text(answer));
  if (!verdict) return fail(Code::kJailLost, "checker: an answer that is none");
  return verdict;
}

}  // namespace stargraph::packcli
