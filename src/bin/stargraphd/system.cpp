#include "bin/stargraphd/system.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "stargraph/base/env.hpp"

namespace stargraph::daemon {
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

bool is_tcp_listener(int descriptor) {
  return ::sd_is_socket(descriptor, AF_INET, SOCK_STREAM, 1) > 0 ||
         ::sd_is_socket(descriptor, AF_INET6, SOCK_STREAM, 1) > 0;
}

}  // namespace

Result<int> inherited_listener() {
  char** raw_names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &raw_names);
  const std::unique_ptr<char*, FreeNames> names(raw_names);
  int found = -1;
  for (int i = 0; i < count; ++i) {
    if (count == 1 || std::string_view(raw_names[i]) == "https") found = SD_LISTEN_FDS_START + i;
  }
  if (found < 0) {
    return fail(Code::kNoInheritedSocket,
                "stargraphd: no inherited socket named https; it opens none itself, so systemd must start it "
                "(systemctl start stargraphd.socket)");
  }
  if (!is_tcp_listener(found))
    return fail(Code::kNoInheritedSocket, "stargraphd: inherited socket: not a listening TCP socket");
  return found;
}

Result<> give_up_privileges() {
  ::umask(0077);
  const rlimit none{0, 0};
  rlimit files{};
  const bool done = ::setrlimit(RLIMIT_CORE, &none) == 0 && ::getrlimit(RLIMIT_NOFILE, &files) == 0 &&
                    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  files.rlim_cur = files.rlim_max;
  if (!done || ::setrlimit(RLIMIT_NOFILE, &files) != 0)
    return fail(Code::kIo, std::string("stargraphd: limits: ") + std::strerror(errno));
  return {};
}

Result<int> signal_descriptor() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return fail(Code::kIo, "stargraphd: sigprocmask: failed");
  const int descriptor = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor < 0) return fail(Code::kIo, std::string("stargraphd: signalfd: ") + std::strerror(errno));
  return descriptor;
}

Notifier::Notifier() {
  std::uint64_t limit = 0;
  if (::sd_watchdog_enabled(0, &limit) > 0) watchdog_ = base::Duration(static_cast<std::int64_t>(limit / 2));
  const char* const path = ::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) < 2 || std::strlen(path) >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::ranges::copy(std::string_view(path), address.sun_path);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  if (descriptor >= 0 && ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), size) == 0)
    descriptor_ = descriptor;
  else if (descriptor >= 0)
    ::close(descriptor);
}

Notifier::~Notifier() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Notifier::tell(const std::string& state) const {
  if (descriptor_ >= 0) static_cast<void>(::send(descriptor_, state.data(), state.size(), MSG_NOSIGNAL));
}

std::string selinux_state() {
  const auto enforce = base::real_env().read_file("/sys/fs/selinux/enforce", 16);
  if (!enforce) return "absent";
  return base::as_text(*enforce).starts_with('1') ? "enforcing" : "permissive";
}

void log(Priority priority, const std::string& text) {
  std::string line = "<" + std::to_string(static_cast<int>(priority)) + ">stargraphd: " + text;
  std::ranges::replace(line, '\n', ' ');
  line += '\n';
  static_cast<void>(std::fwrite(line.data(), 1, line.size(), stderr));
}

}  // namespace stargraph::daemon
