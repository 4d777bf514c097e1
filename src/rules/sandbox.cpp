#include "rules/sandbox.hpp"

#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

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

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS)) { must(context_ != nullptr); }
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // Names this architecture does not have are left out.
  void allow(std::span<const char* const> names) {
    for (const char* name : names) {
      const int number = seccomp_syscall_resolve_name(name);
      if (number != __NR_SCMP_ERROR && number >= 0) must(seccomp_rule_add(context_, SCMP_ACT_ALLOW, number, 0) == 0);
    }
  }
  void allow_on(int number, int fd) {
    const scmp_arg_cmp only{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(fd), 0};
    must(seccomp_rule_add_array(context_, SCMP_ACT_ALLOW, number, 1, &only) == 0);
  }
  // mmap and mprotect, never executable.
  void allow_memory() {
    const scmp_arg_cmp not_executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
    must(seccomp_rule_add_array(context_, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &not_executable) == 0);
    must(seccomp_rule_add_array(context_, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &not_executable) == 0);
    constexpr std::array kMemory{"munmap", "brk", "mremap", "madvise"};
    allow(kMemory);
  }
  void load() { must(seccomp_load(context_) == 0); }

 private:
  scmp_filter_ctx context_;
};

constexpr std::array kAnswering{"futex", "clock_gettime", "exit", "exit_group", "rt_sigreturn", "restart_syscall"};

// What the zygote does, and what an evaluator does between fork and its own filter.
constexpr std::array kForking{"recvmsg",
                              "sendmsg",
                              "recvfrom",
                              "sendto",
                              "read",
                              "write",
                              "poll",
                              "ppoll",
                              "clone",
                              "fork",
                              "wait4",
                              "kill",
                              "close",
                              "close_range",
                              "dup2",
                              "dup3",
                              "fcntl",
                              "prlimit64",
                              "setrlimit",
                              "getrlimit",
                              "prctl",
                              "seccomp",
                              "getpid",
                              "getppid",
                              "gettid",
                              "set_robust_list",
                              "set_tid_address",
                              "rseq",
                              "rt_sigaction",
                              "rt_sigprocmask",
                              "sigaltstack",
                              "getrandom"};

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

void confine_zygote(int fd) {
  become_nobody();  // first: the kernel forgets the death signal at this
  common_walls();
  keep_only(fd);
  forget_environment();
  default_signals();
  prctl(PR_SET_NAME, "stargraph-jail");
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  if (!kFullWalls) return;
  Filter filter;
  filter.allow(kAnswering);
  filter.allow(kForking);
  filter.allow_memory();
  filter.load();
}

void confine_evaluator(int fd, const EvaluatorLimits& limits) {
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
  Filter filter;
  filter.allow(kAnswering);
  filter.allow_memory();
  for (const int number : {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(recvfrom), SCMP_SYS(sendto)})
    filter.allow_on(number, kJailFd);
  // Last but the filter: libseccomp needs room of its own.
  if (limits.address_space != 0) limit(RLIMIT_AS, limits.address_space);
  filter.load();
}

}  // namespace stargraph::rules
