#include "bin/stargraph-auditd/system.hpp"

#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "stargraph/base/sanitized.hpp"

namespace stargraph::auditd {
namespace {

using base::Code;
using base::fail;
using base::Result;

#if !SG_SANITIZED
// clang-format off: rows by what they are for
constexpr auto kAllowed = std::to_array<int>({
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(lseek),
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat),
    SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(getdents64), SCMP_SYS(fcntl), SCMP_SYS(fdatasync),
    SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(fchmod), SCMP_SYS(rename), SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(accept4), SCMP_SYS(getsockopt), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(fallocate), SCMP_SYS(brk),
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
  std::vector<audit::Server::Listener> listeners;
  for (const auto& [descriptor, name] : service::inherited_descriptors()) {
    if (::sd_is_socket(descriptor, AF_UNIX, SOCK_SEQPACKET, 1) <= 0 || (name != "entries" && name != "trust")) {
      return fail(Code::kNoInheritedSocket, "auditd: inherited descriptor " + std::to_string(descriptor) +
                                                ": not a listening SOCK_SEQPACKET socket named entries or trust");
    }
    const bool trust = name == "trust";
    listeners.push_back({.descriptor = descriptor,
                         .source = trust ? audit::Source::kTrust : audit::Source::kDaemon,
                         .uids = {trust ? settings.trust_uid : settings.entries_uid},
                         .label = trust ? settings.trust_label : settings.entries_label});
  }
  const auto is_entries = [](const auto& listener) { return listener.source == audit::Source::kDaemon; };
  if (std::ranges::count_if(listeners, is_entries) != 1) {
    return fail(Code::kNoInheritedSocket, "auditd: needs one inherited socket named entries; start it by systemd");
  }
  return listeners;
}

Result<base::Descriptor> lock_directory(const base::Path& directory) {
  base::Descriptor locked(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!locked.open()) return fail(Code::kNotFound, "auditd: " + directory.string() + ": " + std::strerror(errno));
  if (::flock(locked.get(), LOCK_EX | LOCK_NB) == 0) return locked;
  if (errno == EWOULDBLOCK) return fail(Code::kBusy, "auditd: " + directory.string() + ": another audit writer has it");
  return fail(Code::kIo, "auditd: " + directory.string() + ": lock: " + std::strerror(errno));
}

std::string_view selinux_state() {
  const auto enforce = base::real_env().read_file("/sys/fs/selinux/enforce", 16);
  if (!enforce) return "none";
  return base::as_text(*enforce).starts_with('1') ? "enforcing" : "permissive";
}

Result<> check_labels(const Settings& settings) {
  if (settings.entries_label.empty() && settings.trust_label.empty()) return {};
  if (selinux_state() != "none") return {};
  return fail(Code::kConfigInvalid, "auditd: --entries-label, --trust-label: SELinux does not run here");
}

Result<int> stop_signals() { return service::signal_descriptor("auditd", {SIGTERM, SIGINT}); }

Result<> give_up_system_calls() {
  SG_TRY(service::give_up_privileges("auditd"));
#if !SG_SANITIZED
  scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ERRNO(EPERM));
  const bool loaded = filter != nullptr && add_rules(filter) && ::seccomp_load(filter) == 0;
  if (filter != nullptr) ::seccomp_release(filter);
  if (!loaded) return fail(Code::kIo, "auditd: seccomp: the filter could not be loaded");
#endif
  return {};
}

}  // namespace stargraph::auditd
