#include "bin/stargraph-auditd/system.hpp"

#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

// Sanitizers need calls that the filter takes away.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SG_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SG_SANITIZED 1
#endif
#endif
#ifndef SG_SANITIZED
#define SG_SANITIZED 0
#endif

namespace stargraph::auditd {
namespace {

using base::Code;
using base::fail;
using base::Result;

struct FreeNames {
  void operator()(char** names) const {
    for (char** name = names; name != nullptr && *name != nullptr; ++name) ::free(*name);
    ::free(names);
  }
};

#if !SG_SANITIZED
// clang-format off: rows by what they are for
constexpr auto kAllowed = std::to_array<int>({
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(lseek),
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat),
    SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(getdents64), SCMP_SYS(fcntl), SCMP_SYS(fdatasync),
    SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(fchmod), SCMP_SYS(rename), SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(accept4), SCMP_SYS(getsockopt), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(brk),
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(munlock), SCMP_SYS(futex),
    SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(umask), SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
});
// clang-format on

bool add_rules(scmp_filter_ctx filter) {
  for (const int call : kAllowed) {
    if (::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) != 0) return false;
  }
  // Memory, but never executable.
  const scmp_arg_cmp not_executable{.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
  return ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable) == 0 &&
         ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable) == 0;
}
#endif

}  // namespace

Result<std::vector<audit::Server::Listener>> inherited_listeners(const Settings& settings) {
  char** raw_names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &raw_names);
  const std::unique_ptr<char*, FreeNames> names(raw_names);
  std::vector<audit::Server::Listener> listeners;
  for (int i = 0; i < count; ++i) {
    const int descriptor = SD_LISTEN_FDS_START + i;
    const std::string_view name = raw_names[i];
    if (::sd_is_socket(descriptor, AF_UNIX, SOCK_SEQPACKET, 1) <= 0 || (name != "entries" && name != "trust")) {
      return fail(Code::kNoInheritedSocket, "auditd: inherited descriptor " + std::to_string(descriptor) +
                                                ": not a listening SOCK_SEQPACKET socket named entries or trust");
    }
    const bool trust = name == "trust";
    listeners.push_back({.descriptor = descriptor,
                         .source = trust ? audit::Source::kTrust : audit::Source::kDaemon,
                         .uids = {trust ? settings.trust_uid : settings.entries_uid}});
  }
  const auto is_entries = [](const auto& listener) { return listener.source == audit::Source::kDaemon; };
  if (std::ranges::count_if(listeners, is_entries) != 1) {
    return fail(Code::kNoInheritedSocket, "auditd: needs one inherited socket named entries; start it by systemd");
  }
  return listeners;
}

Notifier::Notifier() {
  const char* path = ::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) < 2 || std::strlen(path) >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::ranges::copy(std::string_view(path), address.sun_path);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  if (descriptor >= 0 && ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), size) == 0) {
    descriptor_ = descriptor;
  } else if (descriptor >= 0) {
    ::close(descriptor);
  }
}

Notifier::~Notifier() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Notifier::tell(const char* state) const {
  if (descriptor_ >= 0) static_cast<void>(::send(descriptor_, state, std::strlen(state), MSG_NOSIGNAL));
}

Result<int> stop_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return fail(Code::kIo, "auditd: sigprocmask: failed");
  const int descriptor = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor < 0) return fail(Code::kIo, std::string("auditd: signalfd: ") + std::strerror(errno));
  return descriptor;
}

Result<> give_up_system_calls() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(Code::kIo, "auditd: prctl: failed");
  }
#if !SG_SANITIZED
  scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ERRNO(EPERM));
  const bool loaded = filter != nullptr && add_rules(filter) && ::seccomp_load(filter) == 0;
  if (filter != nullptr) ::seccomp_release(filter);
  if (!loaded) return fail(Code::kIo, "auditd: seccomp: the filter could not be loaded");
#endif
  return {};
}

}  // namespace stargraph::auditd
