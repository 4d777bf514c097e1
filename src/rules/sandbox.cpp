#include "rules/sandbox.hpp"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace stargraph::rules {
namespace {

void must(bool put_up) {
  if (!put_up) _exit(kExitNoWalls);
}

void keep_only(int fd) {
  if (fd != kJailFd) must(dup2(fd, kJailFd) == kJailFd);
  // Nothing may be opened as 0, 1 or 2 later: what libraries print there would go to the daemon.
  must(syscall(SYS_close_range, 0U, static_cast<unsigned>(kJailFd - 1), 0U) == 0);
  must(syscall(SYS_close_range, static_cast<unsigned>(kJailFd + 1), ~0U, 0U) == 0);
}

void forget_environment() {
  if (environ == nullptr) return;
  for (char** entry = environ; *entry != nullptr; ++entry) std::memset(*entry, 0, std::strlen(*entry));
  environ = nullptr;
}

void default_signals() {
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    ::signal(signal, SIG_DFL);
  }
  // Whoever stops the service signals the whole group; the jail ends with the daemon, not before it.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void limit(__rlimit_resource resource, std::uint64_t value) {
  const rlimit both{value, value};
  must(setrlimit(resource, &both) == 0);
}

constexpr auto kAnswering = std::to_array<walls::Call>({"futex", "clock_gettime", "exit", "exit_group", "rt_sigreturn",
                                                        "restart_syscall", "munmap", "brk", "mremap", "madvise"});

// clang-format off: rows by what they are for
// What the zygote does, and what an evaluator does between fork and its own filter.
constexpr auto kForking = std::to_array<walls::Call>({
    "recvmsg", "recvfrom", "read", "write", "poll", "ppoll",
    "clone", "wait4", "kill", "set_robust_list", "set_tid_address", "rseq", "getpid", "getppid", "gettid", "getrandom",
    "close", "close_range", "dup2", "dup3",
    "prlimit64", "setrlimit", "getrlimit", "prctl", "seccomp", "rt_sigaction", "rt_sigprocmask", "sigaltstack",
});
// clang-format on

// A jail that root started, for stargraph-pack say, keeps nothing of root's.
void become_nobody() {
  constexpr uid_t kNobody = 65534;
  if (geteuid() != 0) return;
  must(setgroups(0, nullptr) == 0);
  must(setresgid(kNobody, kNobody, kNobody) == 0);
  must(setresuid(kNobody, kNobody, kNobody) == 0);
}

void common_walls() {
  must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
  must(prctl(PR_SET_DUMPABLE, 0) == 0);
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

}  // namespace

std::uint64_t address_space_in_use() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  std::array<char, 64> line{};
  const bool read = std::fgets(line.data(), static_cast<int>(line.size()), file) != nullptr;
  std::fclose(file);
  // The first number: pages of the whole address space.
  return read ? std::strtoull(line.data(), nullptr, 10) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

void confine_zygote(int fd) noexcept {
  become_nobody();  // first: the kernel forgets the death signal at this
  common_walls();
  keep_only(fd);
  forget_environment();
  default_signals();
  prctl(PR_SET_NAME, "stargraph-jail");
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  if (!kFullWalls) return;
  auto filter = walls::SyscallFilter::killing().allow(kAnswering).allow(kForking);
  must(filter.allow_memory().allow_fcntl().allow_send_on(kJailFd).load().has_value());
}

void confine_evaluator(int fd, const EvaluatorLimits& limits) noexcept {
  common_walls();
  keep_only(fd);
  prctl(PR_SET_NAME, "stargraph-rules");
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, 0);
  limit(RLIMIT_NPROC, 0);
  limit(RLIMIT_MEMLOCK, 0);
  limit(RLIMIT_MSGQUEUE, 0);
  limit(RLIMIT_CPU, limits.cpu_seconds);
  const rlimit stack{std::uint64_t{8} << 20, std::uint64_t{8} << 20};
  must(setrlimit(RLIMIT_STACK, &stack) == 0);
  if (!kFullWalls) return;
  auto filter = walls::SyscallFilter::killing().allow(kAnswering).allow_memory().allow_send_on(kJailFd);
  filter.allow_on("read", kJailFd).allow_on("write", kJailFd).allow_on("recvfrom", kJailFd);
  // Last but the filter, which would not let it be set.
  if (limits.address_space != 0) limit(RLIMIT_AS, limits.address_space);
  must(filter.load().has_value());
}

}  // namespace stargraph::rules
