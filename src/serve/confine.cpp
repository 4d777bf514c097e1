#include "stargraph/serve/confine.hpp"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "stargraph/base/sanitized.hpp"

namespace stargraph::serve {

using base::Code;
using base::fail;
using base::Result;

#if SG_SANITIZED
bool confinement_available() { return false; }
Result<> confine() { return {}; }
#else
namespace {

// By name: a name this architecture does not have is passed over.
// clang-format off: rows by what they are for
constexpr auto kAllowed = std::to_array<const char*>({
    // files, for the database, the CRL and graphs; what may be opened is the unit's business
    "read", "readv", "write", "writev", "pread64", "pwrite64", "lseek", "open", "openat", "close", "stat", "fstat", "lstat",
    "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd",
    "getdents64", "fcntl", "flock", "fdatasync", "fsync", "ftruncate", "fallocate", "fchmod", "fchown", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "umask", "dup",
    // waiting
    "poll", "ppoll", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "nanosleep", "clock_nanosleep",
    // sockets that are there already
    "accept4", "accept", "getsockname", "getpeername", "getsockopt", "setsockopt", "recvfrom", "recvmsg", "shutdown",
    // (sendto and sendmsg: below)
    // memory (mmap and mprotect: below), threads, time, signals, the end
    "brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "futex", "set_robust_list", "rseq", "sched_yield",
    "sched_getaffinity", "getrandom", "clock_gettime", "clock_getres", "gettimeofday", "time", "getpid", "getppid", "gettid",
    "getuid", "geteuid", "getgid", "getegid", "getrusage", "sysinfo", "uname", "tgkill", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "restart_syscall", "wait4", "membarrier", "exit", "exit_group",
});
// clang-format on

// Our own code never comes near these.
constexpr auto kDeadly = std::to_array<const char*>({
    "connect",       "execve",         "execveat",         "fork",
    "vfork",         "ptrace",         "process_vm_readv", "process_vm_writev",
    "bpf",           "io_uring_setup", "io_uring_enter",   "io_uring_register",
    "mount",         "umount2",        "pivot_root",       "chroot",
    "setns",         "unshare",        "init_module",      "finit_module",
    "delete_module", "kexec_load",     "kexec_file_load",  "perf_event_open",
    "userfaultfd",   "memfd_create",   "memfd_secret",     "open_by_handle_at",
    "pidfd_getfd",   "keyctl",         "add_key",          "request_key",
    "personality",   "swapon",         "reboot",
});

struct Release {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};

bool add(void* filter, std::uint32_t action, const char* name) {
  const int call = ::seccomp_syscall_resolve_name(name);
  return call < 0 || ::seccomp_rule_add(filter, action, call, 0) == 0;
}

template <typename... Conditions>
bool add_when(void* filter, const char* name, const Conditions&... all_of) {
  const std::array<scmp_arg_cmp, sizeof...(Conditions)> conditions{all_of...};
  return ::seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, ::seccomp_syscall_resolve_name(name), conditions.size(),
                                  conditions.data()) == 0;
}

bool add_rules(void* filter) {
  for (const char* name : kAllowed) {
    if (!add(filter, SCMP_ACT_ALLOW, name)) return false;
  }
  for (const char* name : kDeadly) {
    if (!add(filter, SCMP_ACT_KILL_PROCESS, name)) return false;
  }
  // With this flag they dial as connect() does, from any socket that was shut down. sendto() has no address to go to.
  const auto does_not_dial = [](unsigned argument) {
    return scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0};
  };
  const scmp_arg_cmp to_its_peer{4, SCMP_CMP_EQ, 0, 0};
  const scmp_arg_cmp not_executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
  const scmp_arg_cmp a_thread{0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD};
  const scmp_arg_cmp how_much_is_there{1, SCMP_CMP_EQ, FIONREAD, 0};
  const scmp_arg_cmp thread_name{0, SCMP_CMP_EQ, PR_SET_NAME, 0};
  const scmp_arg_cmp only_ask{2, SCMP_CMP_EQ, 0, 0};          // prlimit64 without a new limit
  const scmp_arg_cmp local_pair{0, SCMP_CMP_EQ, AF_UNIX, 0};  // to a new evaluator, over the jail's socket
  // clone3 hides its flags behind a pointer; told that it is not there, the C library takes clone.
  return add_when(filter, "mmap", not_executable) && add_when(filter, "mprotect", not_executable) &&
         add_when(filter, "clone", a_thread) && add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3") &&
         add_when(filter, "ioctl", how_much_is_there) && add_when(filter, "prctl", thread_name) &&
         add_when(filter, "prlimit64", only_ask) && add_when(filter, "socketpair", local_pair) &&
         add_when(filter, "sendto", does_not_dial(3), to_its_peer) && add_when(filter, "sendmsg", does_not_dial(2));
}

}  // namespace

bool confinement_available() { return true; }

Result<> confine() {
  const std::unique_ptr<void, Release> filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  const bool loaded = filter && ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
                      add_rules(filter.get()) && ::seccomp_load(filter.get()) == 0;
  if (!loaded) return fail(Code::kIo, "confine: system-call filter: could not be loaded");
  return {};
}
#endif

}  // namespace stargraph::serve
