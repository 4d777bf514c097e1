#include "walls.hpp"

#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <initializer_list>
#include <span>

#include "stargraph/base/sanitized.hpp"

namespace stargraph::packcli {
namespace {

constexpr std::uint32_t kNobody = 65534;

#if SG_SANITIZED == 0 && !defined(STARGRAPH_COVERAGE)
constexpr bool kFiltered = true;
#else
constexpr bool kFiltered = false;
#endif

// What all three do: talk over what is open, compute, end.
constexpr auto kCommon = std::to_array<const char*>({
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
    "nanosleep",
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
// Standard output is looked at before it is written; the ends of the other two are waited for.
constexpr auto kFront = std::to_array<const char*>({"fstat", "newfstatat", "lseek", "wait4", "getuid", "geteuid"});
// A database: its file, -wal and -shm, their locks, and the directory's entry for them.
constexpr auto kKeeper = std::to_array<const char*>({
    "open",    "openat",   "stat",      "lstat",      "fstat",     "newfstatat", "statx",  "statfs",
    "fstatfs", "access",   "faccessat", "faccessat2", "readlink",  "readlinkat", "getcwd", "lseek",
    "pread64", "pwrite64", "fsync",     "fdatasync",  "ftruncate", "fallocate",  "unlink", "unlinkat",
    "fchmod",  "fchown",   "getuid",    "geteuid",    "getgid",    "getegid",    "dup",
});
// What newer C libraries ask a terminal, by number: their header does not go with <termios.h>.
constexpr scmp_datum_t kTcgets2 = 0x802C'542A;
constexpr scmp_datum_t kTcsets2 = 0x402C'542B;
constexpr scmp_datum_t kTcsetsw2 = 0x402C'542C;
constexpr scmp_datum_t kTcsetsf2 = 0x402C'542D;
// Nothing here comes near these.
constexpr auto kDeadly = std::to_array<const char*>({"socket", "connect", "bind", "listen", "accept", "accept4",
                                                     "execve", "execveat", "fork", "vfork", "ptrace",
                                                     "process_vm_readv", "process_vm_writev", "bpf", "io_uring_setup"});

class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ERRNO(EPERM))) { good_ = context_ != nullptr; }
  ~Filter() {
    if (context_ != nullptr) ::seccomp_release(context_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // Names this architecture does not have are left out.
  Filter& add(std::span<const char* const> names, std::uint32_t action = SCMP_ACT_ALLOW) {
    for (const char* name : names) {
      const int call = ::seccomp_syscall_resolve_name(name);
      good_ = good_ && (call < 0 || ::seccomp_rule_add(context_, action, call, 0) == 0);
    }
    return *this;
  }
  Filter& add_when(int call, std::initializer_list<scmp_arg_cmp> all) {
    good_ = good_ && ::seccomp_rule_add_array(context_, SCMP_ACT_ALLOW, call, static_cast<unsigned>(all.size()),
                                              all.begin()) == 0;
    return *this;
  }
  [[nodiscard]] bool load() { return good_ && ::seccomp_load(context_) == 0; }

 private:
  scmp_filter_ctx context_;
  bool good_ = false;
};

// Descriptors, flags and locks. Never an owner or a signal of one: with those and O_ASYNC the kernel sends any signal.
void add_fcntl(Filter& filter) {
  for (const int command : {F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_GETLK, F_SETLK, F_OFD_GETLK, F_OFD_SETLK}) {
    filter.add_when(SCMP_SYS(fcntl), {{1, SCMP_CMP_MASKED_EQ, 0xFFFF'FFFFU, static_cast<scmp_datum_t>(command)}});
  }
  filter.add_when(SCMP_SYS(fcntl),
                  {{1, SCMP_CMP_MASKED_EQ, 0xFFFF'FFFFU, F_SETFL}, {2, SCMP_CMP_MASKED_EQ, O_ASYNC, 0}});
}

// mmap and mprotect, never executable.
void add_common(Filter& filter) {
  filter.add(kCommon)
      .add(kDeadly, SCMP_ACT_KILL_PROCESS)
      .add_when(SCMP_SYS(mmap), {{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}})
      .add_when(SCMP_SYS(mprotect), {{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}});
  add_fcntl(filter);
}

// To a new evaluator of the rules jail.
void add_jail(Filter& filter) { filter.add_when(SCMP_SYS(socketpair), {{0, SCMP_CMP_EQ, AF_UNIX, 0}}); }

// --- Landlock, by its numbers: the headers of the oldest build machine do not have all of it ---

constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr unsigned kVersionOnly = 1;
constexpr int kPathBeneath = 1;
constexpr std::uint64_t kWriteFile = 1U << 1U;
constexpr std::uint64_t kReadFile = 1U << 2U;
constexpr std::uint64_t kReadDirectory = 1U << 3U;
constexpr std::uint64_t kRemoveFile = 1U << 5U;
constexpr std::uint64_t kMakeRegular = 1U << 8U;
constexpr std::uint64_t kTruncate = 1U << 14U;
constexpr std::uint64_t kTcp = 3;  // bind, connect

struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
};
struct [[gnu::packed]] PathRule {
  std::uint64_t allowed = 0;
  std::int32_t directory = -1;
};

// 0: this kernel has none.
int landlock_version() {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kVersionOnly);
  return version > 0 ? static_cast<int>(version) : 0;
}

// Each right on files that a version knows; what is not handled would stay allowed.
std::uint64_t rights_of(int version) {
  const unsigned bits = version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13;
  return (std::uint64_t{1} << bits) - 1;
}

bool lock_to(const base::Path& directory, int version) {
  const Ruleset all{rights_of(version), version >= 4 ? kTcp : 0};
  const std::size_t size = version >= 4 ? sizeof all : sizeof all.files;
  const int rules = static_cast<int>(::syscall(kCreateRuleset, &all, size, 0U));
  const int fd = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  PathRule rule;
  rule.allowed = all.files & (kReadFile | kWriteFile | kReadDirectory | kMakeRegular | kRemoveFile | kTruncate);
  rule.directory = fd;
  // The seed of SQLite's random numbers, which it reads as a file.
  const int random = ::open("/dev/urandom", O_PATH | O_CLOEXEC);
  PathRule seed;
  seed.allowed = kReadFile;
  seed.directory = random;
  const bool locked =
      rules >= 0 && fd >= 0 && random >= 0 && ::syscall(kAddRule, rules, kPathBeneath, &rule, 0U) == 0 &&
      ::syscall(kAddRule, rules, kPathBeneath, &seed, 0U) == 0 && ::syscall(kRestrictSelf, rules, 0U) == 0;
  if (fd >= 0) ::close(fd);
  if (random >= 0) ::close(random);
  if (rules >= 0) ::close(rules);
  return locked;
}

}  // namespace

bool keep_only(int socket) {
  if (::setsid() < 0) return false;
  if (socket != kOwnSocket && ::dup2(socket, kOwnSocket) != kOwnSocket) return false;
  if (::syscall(SYS_close_range, static_cast<unsigned>(kOwnSocket + 1), ~0U, 0U) != 0) return false;
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return false;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(null, stream) != stream) return false;
  }
  if (null > STDERR_FILENO) ::close(null);
  return true;
}

bool become(std::uint32_t uid, std::uint32_t gid) {
  if (::geteuid() != 0 || uid == 0) return true;
  return ::setgroups(0, nullptr) == 0 && ::setresgid(gid, gid, gid) == 0 && ::setresuid(uid, uid, uid) == 0;
}

bool become_nobody() { return become(kNobody, kNobody); }

FilesAs::FilesAs(std::uint32_t uid, std::uint32_t gid) {
  if (::geteuid() != 0 || uid == 0) return;
  changed_ = true;
  good_ = ::setgroups(0, nullptr) == 0;
  ::setfsgid(gid);
  ::setfsuid(uid);
  // Each returns what was before; asked with an id that is none, what is now.
  good_ =
      good_ && static_cast<std::uint32_t>(::setfsgid(~0U)) == gid && static_cast<std::uint32_t>(::setfsuid(~0U)) == uid;
}

FilesAs::~FilesAs() {
  if (!changed_) return;
  ::setfsuid(0);
  ::setfsgid(0);
}

bool keep_private(pid_t parent) {
  const rlimit none{0, 0};
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent && ::prctl(PR_SET_DUMPABLE, 0) == 0 &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::setrlimit(RLIMIT_CORE, &none) == 0;
}

bool confine_checker() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_FSIZE, &none) != 0) return false;
  if (!kFiltered) return true;
  Filter filter;
  add_common(filter);
  add_jail(filter);
  return filter.load();
}

// A sanitizer's report at the end wants to be the user who began.
bool confine_front() {
  static bool confined = !kFiltered;
  if (confined) return true;
  if (!become_nobody() || ::prctl(PR_SET_DUMPABLE, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return false;
  }
  Filter filter;
  add_common(filter);
  add_jail(filter);
  filter.add(kFront);
  for (const scmp_datum_t request : std::initializer_list<scmp_datum_t>{
           TCGETS, TCSETS, TCSETSW, TCSETSF, kTcgets2, kTcsets2, kTcsetsw2, kTcsetsf2}) {  // never TIOCSTI
    filter.add_when(SCMP_SYS(ioctl), {{1, SCMP_CMP_MASKED_EQ, 0xFFFF'FFFFU, request}});
  }
  confined = filter.load();
  return confined;
}

bool has_landlock() { return landlock_version() > 0; }

bool confine_keeper(const base::Path& state_directory) {
  if (!kFiltered) return true;
  const int version = landlock_version();
  if (version > 0 && !lock_to(state_directory, version)) return false;
  Filter filter;
  add_common(filter);
  filter.add(kKeeper);
  // The daemon is told to reload, and looked for; nothing else is sent to anybody.
  for (const int signal : {0, SIGHUP}) {
    filter.add_when(SCMP_SYS(kill), {{1, SCMP_CMP_MASKED_EQ, 0xFFFF'FFFFU, static_cast<scmp_datum_t>(signal)}});
  }
  return filter.load();
}

}  // namespace stargraph::packcli
