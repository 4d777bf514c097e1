#include "bin/stargraph-auditd/system.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "stargraph/walls/syscall_filter.hpp"

namespace stargraph::auditd {
namespace {

using base::Code;
using base::fail;
using base::Result;

// clang-format off: rows by what they are for
constexpr auto kAllowed = std::to_array<walls::Call>({
    "read", "readv", "write", "writev", "pread64", "lseek",
    "open", "openat", "close", "stat", "fstat", "lstat",
    "newfstatat", "statx", "getdents64", "fdatasync",
    "fsync", "ftruncate", "fchmod", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "poll", "ppoll",
    "accept4", "getsockopt", "recvfrom", "fallocate", "brk",
    "munmap", "mremap", "madvise", "mlock", "munlock", "futex",
    "getrandom", "clock_gettime", "clock_nanosleep", "gettimeofday",
    "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid",
    "umask", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "restart_syscall", "exit", "exit_group",
});
// clang-format on

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
  auto loaded = walls::SyscallFilter::refusing()
                    .allow(kAllowed)
                    .allow_memory()
                    .allow_fcntl()
                    .allow_abort()
                    .allow_send()
                    .allow_sendmsg()
                    .load();
  if (!loaded) return std::unexpected(base::in_context("auditd", std::move(loaded).error()));
  return {};
}

}  // namespace stargraph::auditd
