#include "stargraph/serve/confine.hpp"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include <array>
#include <utility>

#include "stargraph/walls/syscall_filter.hpp"

namespace stargraph::serve {
namespace {

using base::Result;
using walls::Call;
using walls::SyscallFilter;

// clang-format off: rows by what they are for
constexpr auto kAllowed = std::to_array<Call>({
    // files, for the database, the CRL and graphs; what may be opened is the unit's business
    "read", "readv", "write", "writev", "pread64", "pwrite64", "lseek", "open", "openat", "close", "stat", "fstat", "lstat",
    "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd",
    "getdents64", "flock", "fdatasync", "fsync", "ftruncate", "fallocate", "fchmod", "fchown", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "umask", "dup",
    // waiting
    "poll", "ppoll", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "nanosleep", "clock_nanosleep",
    // sockets that are there already
    "accept4", "accept", "getsockname", "getpeername", "getsockopt", "setsockopt", "recvfrom", "recvmsg", "shutdown",
    // memory, threads, time, signals, the end
    "brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "futex", "set_robust_list", "rseq", "sched_yield",
    "sched_getaffinity", "getrandom", "clock_gettime", "clock_getres", "gettimeofday", "time", "getpid", "getppid", "gettid",
    "getuid", "geteuid", "getgid", "getegid", "getrusage", "sysinfo", "uname", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "restart_syscall", "wait4", "membarrier", "exit", "exit_group",
});
// clang-format on

SyscallFilter filter() {
  return SyscallFilter::refusing()
      .allow(kAllowed)
      .allow_memory()
      .allow_fcntl()
      .allow_abort()
      .allow_send()
      .allow_sendmsg()
      .allow_local_pair()
      .allow_when("clone", {walls::has(0, CLONE_THREAD)})
      .not_there("clone3")  // hides its flags behind a pointer
      .allow_when("ioctl", {walls::is(1, FIONREAD)})
      .allow_when("prctl", {walls::is(0, PR_SET_NAME)})
      .allow_when("prlimit64", {walls::is(2, 0)});  // asks, sets no limit
}

}  // namespace

bool confinement_available() { return walls::kAvailable; }

Result<> confine() {
  auto loaded = filter().load(SyscallFilter::Threads::kAll);
  if (!loaded) return std::unexpected(base::in_context("confine", std::move(loaded).error()));
  return {};
}

}  // namespace stargraph::serve
