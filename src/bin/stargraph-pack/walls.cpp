#include "walls.hpp"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <initializer_list>

#include "stargraph/walls/syscall_filter.hpp"

namespace stargraph::packcli {
namespace {

constexpr std::uint32_t kNobody = 65534;

#if !defined(STARGRAPH_COVERAGE)
constexpr bool kFiltered = walls::kAvailable;
#else
constexpr bool kFiltered = false;
#endif

// What all three do: talk over what is open, compute, end.
constexpr auto kCommon = std::to_array<walls::Call>({
    "read",
    "readv",
    "write",
    "writev",
    "recvfrom",
    "recvmsg",
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
constexpr auto kFront = std::to_array<walls::Call>({"fstat", "newfstatat", "lseek", "wait4", "getuid", "geteuid"});
// A database: its file, -wal and -shm, their locks, and the directory's entry for them.
constexpr auto kKeeper = std::to_array<walls::Call>({
    "open",    "openat",   "stat",      "lstat",      "fstat",     "newfstatat", "statx",  "statfs",
    "fstatfs", "access",   "faccessat", "faccessat2", "readlink",  "readlinkat", "getcwd", "lseek",
    "pread64", "pwrite64", "fsync",     "fdatasync",  "ftruncate", "fallocate",  "unlink", "unlinkat",
    "fchmod",  "fchown",   "getuid",    "geteuid",    "getgid",    "getegid",    "dup",
});
// What newer C libraries ask a terminal, by number: their header does not go with <termios.h>.
constexpr std::uint32_t kTcgets2 = 0x802C'542A;
constexpr std::uint32_t kTcsets2 = 0x402C'542B;
constexpr std::uint32_t kTcsetsw2 = 0x402C'542C;
constexpr std::uint32_t kTcsetsf2 = 0x402C'542D;
// Beside what no filter allows.
constexpr auto kNoSockets = std::to_array<walls::Call>({"socket", "bind", "listen", "accept", "accept4"});

walls::SyscallFilter common_filter() {
  return walls::SyscallFilter::refusing().allow(kCommon).kill(kNoSockets).allow_memory().allow_fcntl().allow_send();
}

// To a new evaluator of the rules jail, over the jail's socket.
walls::SyscallFilter filter_with_jail() { return common_filter().allow_local_pair().allow_sendmsg(); }

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
  return filter_with_jail().load().has_value();
}

// A sanitizer's report at the end wants to be the user who began.
bool confine_front() {
  static bool confined = !kFiltered;
  if (confined) return true;
  if (!become_nobody() || ::prctl(PR_SET_DUMPABLE, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return false;
  }
  auto filter = filter_with_jail().allow(kFront);
  for (const std::uint32_t request : std::initializer_list<std::uint32_t>{
           TCGETS, TCSETS, TCSETSW, TCSETSF, kTcgets2, kTcsets2, kTcsetsw2, kTcsetsf2}) {  // never TIOCSTI
    filter.allow_when("ioctl", {walls::int_is(1, request)});
  }
  confined = filter.load().has_value();
  return confined;
}

bool has_landlock() { return landlock_version() > 0; }

bool confine_keeper(const base::Path& state_directory) {
  if (!kFiltered) return true;
  const int version = landlock_version();
  if (version > 0 && !lock_to(state_directory, version)) return false;
  // The daemon is told to reload, and looked for; nothing else is sent to anybody.
  return common_filter()
      .allow(kKeeper)
      .allow_when("kill", {walls::int_is(1, 0)})
      .allow_when("kill", {walls::int_is(1, SIGHUP)})
      .load()
      .has_value();
}

}  // namespace stargraph::packcli
