#include "bin/service/service.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace stargraph::service {
namespace {

using base::Code;
using base::fail;
using base::Result;

struct FreeNames {
  void operator()(char** names) const {
    for (char** name = names; name != nullptr && *name != nullptr; ++name) ::free(*name);
    ::free(static_cast<void*>(names));
  }
};

}  // namespace

std::vector<Inherited> inherited_descriptors() {
  char** raw_names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &raw_names);
  const std::unique_ptr<char*, FreeNames> names(raw_names);
  std::vector<Inherited> inherited;
  inherited.reserve(static_cast<std::size_t>(std::max(count, 0)));
  for (int i = 0; i < count; ++i) inherited.push_back({SD_LISTEN_FDS_START + i, raw_names[i]});
  return inherited;
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

Result<int> signal_descriptor(const char* program, std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0)
    return fail(Code::kIo, std::string(program) + ": sigprocmask: " + std::strerror(errno));
  const int descriptor = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor < 0) return fail(Code::kIo, std::string(program) + ": signalfd: " + std::strerror(errno));
  return descriptor;
}

Result<> give_up_privileges(const char* program) {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(Code::kIo, std::string(program) + ": privileges: " + std::strerror(errno));
  }
  return {};
}

}  // namespace stargraph::service
