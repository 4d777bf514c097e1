// How CivetWeb serves on a listener it did not open.
//
// CivetWeb has no call to adopt a socket: mg_start() calls socket(), bind() and listen(), and its master thread
// polls and accepts. This file stands behind those calls (ld --wrap, cmake/StargraphServe.cmake) and gives it, in
// place of a new socket, a copy of the lobby's *door*: an eventfd that is readable while connections with a whole
// ClientHello are ready. accept() on the door hands one of them over. So the only Internet socket in the
// process is the one systemd opened, and CivetWeb never sees a peer that has not spoken TLS.
//
// Everybody else's calls go through unchanged: the seam acts on this thread while an Adoption lives, and on the
// one descriptor that is the door.
#include "serve/adopt.hpp"

#include <fcntl.h>

#include <atomic>
#include <cerrno>

#include "stargraph/base/check.hpp"

namespace stargraph::serve {
namespace {

thread_local Lobby* adopting = nullptr;
std::atomic<Lobby*> adopted{nullptr};
std::atomic<int> adopted_door{-1};

bool is_door(int descriptor) { return descriptor >= 0 && descriptor == adopted_door.load(std::memory_order_acquire); }

}  // namespace

Adoption::Adoption(Lobby& lobby) {
  SG_CHECK(adopted.load() == nullptr);
  adopting = &lobby;
}

Adoption::~Adoption() { adopting = nullptr; }

bool Adoption::taken() const { return adopted.load() == adopting; }

void end_adoption() {
  adopted_door.store(-1);
  adopted.store(nullptr);
}

}  // namespace stargraph::serve

// NOLINTBEGIN(bugprone-reserved-identifier): the names are the linker's
extern "C" {

int __real_socket(int domain, int type, int protocol);
int __real_bind(int descriptor, const sockaddr* address, socklen_t length);
int __real_listen(int descriptor, int backlog);
int __real_getsockname(int descriptor, sockaddr* address, socklen_t* length);
int __real_accept(int descriptor, sockaddr* address, socklen_t* length);

int __wrap_socket(int domain, int type, int protocol) {
  using stargraph::serve::adopted;
  using stargraph::serve::adopted_door;
  using stargraph::serve::adopting;
  if (adopting == nullptr) return __real_socket(domain, type, protocol);
  if (adopted.load() != nullptr) {  // one listener, once
    errno = EMFILE;
    return -1;
  }
  const int door = ::fcntl(adopting->door(), F_DUPFD_CLOEXEC, 3);
  if (door < 0) return -1;
  adopted.store(adopting);
  adopted_door.store(door, std::memory_order_release);
  return door;
}

int __wrap_bind(int descriptor, const sockaddr* address, socklen_t length) {
  return stargraph::serve::is_door(descriptor) ? 0 : __real_bind(descriptor, address, length);
}

int __wrap_listen(int descriptor, int backlog) {
  return stargraph::serve::is_door(descriptor) ? 0 : __real_listen(descriptor, backlog);
}

// The door has no address of its own; CivetWeb wants to hear the listener's.
int __wrap_getsockname(int descriptor, sockaddr* address, socklen_t* length) {
  using stargraph::serve::adopted;
  using stargraph::serve::is_door;
  return __real_getsockname(is_door(descriptor) ? adopted.load()->listener() : descriptor, address, length);
}

int __wrap_accept(int descriptor, sockaddr* address, socklen_t* length) {
  using stargraph::serve::adopted;
  using stargraph::serve::is_door;
  return is_door(descriptor) ? adopted.load()->take(address, length) : __real_accept(descriptor, address, length);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
