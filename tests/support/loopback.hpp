// TCP on this machine's loopback, and the sends that would dial as connect(2) does.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

namespace stargraph::test {

// Port 0: the kernel chooses one when a socket is bound to it.
inline sockaddr_in loopback(std::uint16_t port = 0) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Whether one byte went there.
inline bool send_to(int socket, const sockaddr_in& to, int flags) {
  return ::sendto(socket, "x", 1, flags, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 1;
}
inline bool send_message_to(int socket, const sockaddr_in& to, int flags) {
  char byte = 'x';
  iovec part{&byte, 1};
  sockaddr_in name = to;
  msghdr message{};
  message.msg_name = &name;
  message.msg_namelen = sizeof name;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return ::sendmsg(socket, &message, flags) == 1;
}

}  // namespace stargraph::test
