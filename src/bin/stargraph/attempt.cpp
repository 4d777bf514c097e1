#include "attempt.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/descriptor.hpp"

namespace stargraph::cli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr int kNotPrepared = 255;  // above every errno
constexpr std::size_t kMaxFilters = 64;
constexpr std::size_t kMaxFilterBytes = std::size_t{kMaxFilters} * BPF_MAXINSNS * sizeof(sock_filter);

// A child that is killed for a system call leaves no core file, and none that hangs stays.
void be_short_lived(unsigned seconds) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGALRM, SIG_DFL);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::alarm(seconds);
}

// Status of a child of ours that is at its end.
int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return status;
}

bool write_all(int descriptor, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(descriptor, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    at += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

// In the looking child: each filter as its number of instructions and these; 0 or an errno. Its end lets go of `pid`.
int copy_filters(pid_t pid, int out) {
  if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) return errno;
  int status = 0;
  if (::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) != 0 || ::waitpid(pid, &status, __WALL) != pid) return errno;
  std::array<sock_filter, BPF_MAXINSNS> instructions{};
  for (std::uintptr_t i = 0; i < kMaxFilters; ++i) {
    // The address is a number: the oldest filter is 0.
    void* const number = reinterpret_cast<void*>(i);  // NOLINT(performance-no-int-to-ptr)
    const long count = ::ptrace(PTRACE_SECCOMP_GET_FILTER, pid, number, instructions.data());
    if (count < 0) return errno == ENOENT || (errno == EINVAL && i == 0) ? 0 : errno;  // no more, or no filter at all
    const auto length = static_cast<std::uint32_t>(count);
    if (!write_all(out, &length, sizeof length) || !write_all(out, instructions.data(), length * sizeof(sock_filter)))
      return EIO;
  }
  return E2BIG;
}

Result<base::Bytes> read_all(int descriptor) {
  base::Bytes bytes;
  std::array<std::byte, 16384> buffer{};
  while (true) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || bytes.size() > kMaxFilterBytes) return fail(Code::kUnavailable, "filters: pipe: unreadable");
    if (got == 0) return bytes;
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + got);
  }
}

Result<std::vector<Filter>> parse_filters(base::BytesView bytes) {
  std::vector<Filter> filters;
  while (!bytes.empty()) {
    std::uint32_t count = 0;
    if (bytes.size() < sizeof count) return fail(Code::kUnavailable, "filters: pipe: cut off");
    std::memcpy(&count, bytes.data(), sizeof count);
    bytes = bytes.subspan(sizeof count);
    if (count == 0 || count > BPF_MAXINSNS || bytes.size() < count * sizeof(sock_filter))
      return fail(Code::kUnavailable, "filters: pipe: cut off");
    Filter filter(count);
    std::memcpy(filter.data(), bytes.data(), count * sizeof(sock_filter));
    bytes = bytes.subspan(count * sizeof(sock_filter));
    filters.push_back(std::move(filter));
  }
  return filters;
}

}  // namespace

Outcome attempt(const std::function<bool()>& prepare, const std::function<int()>& act, unsigned seconds) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    be_short_lived(seconds);
    if (!prepare()) ::_exit(kNotPrepared);
    ::_exit(act());
  }
  const int status = pid < 0 ? -1 : wait_for(pid);
  if (status == -1) return {};
  if (WIFSIGNALED(status))
    return {.kind = WTERMSIG(status) == SIGSYS ? Outcome::Kind::kKilled : Outcome::Kind::kUnknown};
  const int code = WEXITSTATUS(status);
  if (code == kNotPrepared) return {};
  return {.kind = code == 0 ? Outcome::Kind::kDone : Outcome::Kind::kRefused, .error = code};
}

bool become(const Identity& who) {
  return ::setgroups(who.groups.size(), who.groups.data()) == 0 && ::setresgid(who.gid, who.gid, who.gid) == 0 &&
         ::setresuid(who.uid, who.uid, who.uid) == 0;
}

Result<std::vector<Filter>> filters_of(pid_t pid) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Code::kUnavailable, "filters: pipe: cannot be made");
  const base::Descriptor in(ends[0]);
  base::Descriptor out(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    be_short_lived(kAttemptSeconds);
    ::_exit(copy_filters(pid, out.get()));
  }
  out = base::Descriptor();
  auto bytes = child < 0 ? fail(Code::kUnavailable, "filters: fork: failed") : read_all(in.get());
  const int status = child < 0 ? -1 : wait_for(child);
  SG_TRY(bytes);
  if (status == -1 || WIFSIGNALED(status)) return fail(Code::kUnavailable, "filters: process: gave no answer");
  if (WEXITSTATUS(status) != 0) {
    return fail(Code::kUnavailable, std::string("filters: process: ") + std::strerror(WEXITSTATUS(status)));
  }
  return parse_filters(*bytes);
}

bool put_on(const std::vector<Filter>& filters) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  for (Filter filter : filters) {  // a copy: the kernel only reads, but sock_fprog has no const
    const sock_fprog program{.len = static_cast<unsigned short>(filter.size()), .filter = filter.data()};
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return false;
  }
  return true;
}

}  // namespace stargraph::cli
