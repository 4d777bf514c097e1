#include "bin/stargraphd/system.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "stargraph/base/env.hpp"

namespace stargraph::daemon {
namespace {

using base::Code;
using base::fail;
using base::Result;

bool is_tcp_listener(int descriptor) {
  return ::sd_is_socket(descriptor, AF_INET, SOCK_STREAM, 1) > 0 ||
         ::sd_is_socket(descriptor, AF_INET6, SOCK_STREAM, 1) > 0;
}

}  // namespace

Result<int> inherited_listener() {
  const std::vector<service::Inherited> inherited = service::inherited_descriptors();
  int found = -1;
  for (const service::Inherited& each : inherited) {
    if (inherited.size() == 1 || each.name == "https") found = each.descriptor;
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
  SG_TRY(service::give_up_privileges("stargraphd"));
  rlimit files{};
  const bool known = ::getrlimit(RLIMIT_NOFILE, &files) == 0;
  files.rlim_cur = files.rlim_max;
  if (!known || ::setrlimit(RLIMIT_NOFILE, &files) != 0)
    return fail(Code::kIo, std::string("stargraphd: limits: ") + std::strerror(errno));
  return {};
}

Result<int> signal_descriptor() {
  ::signal(SIGPIPE, SIG_IGN);
  return service::signal_descriptor("stargraphd", {SIGTERM, SIGINT, SIGHUP});
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
