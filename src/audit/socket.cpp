#include "audit/socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

// Room for one descriptor and its header, aligned as the header must be.
struct ControlBuffer {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
};

int poll_milliseconds(base::Duration timeout) {
  // Rounded up, so that a caller who waits for the rest of a deadline does not spin.
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, 3'600'000));
}

bool wait_for(int descriptor, short events, base::Duration timeout) {
  pollfd polled{descriptor, events, 0};
  int count = 0;
  do count = ::poll(&polled, 1, poll_milliseconds(timeout));
  while (count < 0 && errno == EINTR);
  return count > 0;
}

}  // namespace

PacketSocket::PacketSocket(int descriptor) : descriptor_(descriptor) {
  const int flags = ::fcntl(descriptor_, F_GETFL);
  if (flags >= 0) ::fcntl(descriptor_, F_SETFL, flags | O_NONBLOCK);
}

PacketSocket::PacketSocket(PacketSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}

PacketSocket& PacketSocket::operator=(PacketSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

PacketSocket::~PacketSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<PacketSocket> PacketSocket::connect(const std::string& path, base::Duration timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(Code::kConfigInvalid, "audit: " + path + ": too long for a Unix socket");
  }
  std::ranges::copy(path, address.sun_path);
  const int descriptor = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return fail(Code::kIo, std::string("audit: socket: ") + std::strerror(errno));
  // The send timeout also bounds connect(2) on a listener whose queue is full.
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  timeval limit{};
  limit.tv_sec = seconds.count();
  limit.tv_usec = (timeout - seconds).count();
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  const int result = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  PacketSocket socket(descriptor);
  if (result != 0) return fail(Code::kAuditUnavailable, "audit: " + path + ": " + std::strerror(error));
  return socket;
}

Result<> PacketSocket::send(std::string_view packet, base::Duration timeout) { return send_with(packet, -1, timeout); }

Result<> PacketSocket::send_with(std::string_view packet, int descriptor, base::Duration timeout) {
  ControlBuffer control{};
  // sendmsg only reads it. NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  iovec bytes{.iov_base = const_cast<char*>(packet.data()), .iov_len = packet.size()};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  while (true) {
    // sendto(2) where there is no descriptor to send: the daemon's system-call filter knows no other.
    const ssize_t count = descriptor >= 0 ? ::sendmsg(descriptor_, &message, MSG_NOSIGNAL)
                                          : ::send(descriptor_, packet.data(), packet.size(), MSG_NOSIGNAL);
    if (count == static_cast<ssize_t>(packet.size())) return {};
    if (count >= 0) return fail(Code::kInternal, "audit: socket: a packet was cut");
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(Code::kAuditUnavailable, std::string("audit: send: ") + std::strerror(errno));
    if (!wait_for(descriptor_, POLLOUT, timeout)) return fail(Code::kTimedOut, "audit: send: no room in time");
  }
}

Result<std::optional<std::string>> PacketSocket::receive_with(std::size_t max_bytes, base::Descriptor& came) {
  if (buffer_.size() < max_bytes) buffer_.resize(max_bytes);
  ControlBuffer control{};
  iovec bytes{.iov_base = buffer_.data(), .iov_len = max_bytes};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t count = 0;
  do count = ::recvmsg(descriptor_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) return std::nullopt;
  if (count < 0) return fail(Code::kAuditUnavailable, std::string("audit: receive: ") + std::strerror(errno));
  if (count == 0) return fail(Code::kAuditUnavailable, "audit: the other side closed the connection");
  // Room for one: what else came, the kernel has closed and says so.
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header), sizeof(int));
    came = base::Descriptor(number);
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return fail(Code::kTooLarge, "audit: packet: too large");
  return buffer_.substr(0, static_cast<std::size_t>(count));
}

Result<std::optional<std::string>> PacketSocket::receive(std::size_t max_bytes) {
  if (buffer_.size() < max_bytes) buffer_.resize(max_bytes);
  ssize_t count = 0;
  // ECONNRESET is told once, when the other side went without reading all; what it said before is still here.
  int resets = 0;
  do count = ::recv(descriptor_, buffer_.data(), max_bytes, MSG_TRUNC | MSG_DONTWAIT);
  while (count < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
  if (count < 0 && errno == EAGAIN) return std::nullopt;
  if (count < 0) return fail(Code::kAuditUnavailable, std::string("audit: receive: ") + std::strerror(errno));
  if (count == 0) return fail(Code::kAuditUnavailable, "audit: the other side closed the connection");
  if (static_cast<std::size_t>(count) > max_bytes) return fail(Code::kTooLarge, "audit: packet: too large");
  return buffer_.substr(0, static_cast<std::size_t>(count));
}

bool PacketSocket::wait_readable(base::Duration timeout) const { return wait_for(descriptor_, POLLIN, timeout); }

}  // namespace stargraph::audit
