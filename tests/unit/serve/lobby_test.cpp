// The lobby: who waits, who is let in, and who has too much.
#include "serve/lobby.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "support/loopback.hpp"

namespace stargraph::serve {
namespace {

using namespace std::chrono_literals;

sockaddr_storage address_of(int family, const char* text) {
  sockaddr_storage peer{};
  peer.ss_family = static_cast<sa_family_t>(family);
  void* const at = family == AF_INET ? static_cast<void*>(&reinterpret_cast<sockaddr_in&>(peer).sin_addr)
                                     : static_cast<void*>(&reinterpret_cast<sockaddr_in6&>(peer).sin6_addr);
  EXPECT_EQ(::inet_pton(family, text, at), 1) << text;
  return peer;
}

// A host has 2^64 addresses of its network and may use them all.
TEST(CountedAs, SG_D_HTTP_AnIpv6NetworkIsOnePeer) {
  const auto six = [](const char* text) { return counted_as(address_of(AF_INET6, text)); };
  EXPECT_EQ(six("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(six("2001:db8:1:2:ffff:ffff:ffff:ffff"), six("2001:db8:1:2::"));
  EXPECT_NE(six("2001:db8:1:3::1"), six("2001:db8:1:2::1"));
  EXPECT_EQ(six("::1"), "::/64");
}

TEST(CountedAs, SG_D_HTTP_AnIpv4AddressIsOnePeerInEitherFamily) {
  const std::string four = counted_as(address_of(AF_INET, "192.0.2.1"));
  EXPECT_EQ(four, "192.0.2.1");
  EXPECT_EQ(counted_as(address_of(AF_INET6, "::ffff:192.0.2.1")), four);
  EXPECT_NE(counted_as(address_of(AF_INET6, "::ffff:192.0.2.2")), four);
}

// A lobby on a real listener; the test is its peers and, behind the door, its
// HTTP server.
class LobbyTest : public ::testing::Test {
 protected:
  static constexpr int kLongMs = 60'000;  // of what must happen

  void open(std::size_t handshakes, std::size_t per_principal, std::size_t per_address = 32,
            base::Duration request = 10min) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = test::loopback();
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    ASSERT_EQ(::listen(listener_, 128), 0);
    ASSERT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    Lobby::Limits limits;
    limits.waiting_per_address = per_address;
    limits.handshakes = handshakes;
    limits.per_principal = per_principal;
    limits.request = request;
    limits.idle = 10min;
    auto lobby = Lobby::open(listener_, limits);
    ASSERT_TRUE(lobby.has_value());
    lobby_ = *std::move(lobby);
  }
  void TearDown() override {
    for (const int fd : peers_) ::close(fd);
    for (const int fd : taken_) {
      lobby_->closed(fd);
      ::close(fd);
    }
    lobby_.reset();
    ::close(listener_);
  }

  int dial(std::string_view says) { return dial(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), says); }
  int dial(int fd, std::string_view says) {
    const sockaddr_in address = test::loopback(port_);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    if (!says.empty()) {
      EXPECT_EQ(::send(fd, says.data(), says.size(), MSG_NOSIGNAL), static_cast<ssize_t>(says.size()));
    }
    peers_.push_back(fd);
    return fd;
  }
  static constexpr std::string_view kHello{"\x16\x03\x01\x00\x01x", 6};  // a whole handshake record
  int knock() { return dial(kHello); }
  static bool closed_by_lobby(int fd, int wait_ms = kLongMs) {
    pollfd waiting{fd, POLLIN, 0};
    char byte = 0;
    return ::poll(&waiting, 1, wait_ms) == 1 && ::recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
  }
  // As CivetWeb does: waits at the door, takes one.
  int let_in() {
    pollfd waiting{lobby_->door(), POLLIN, 0};
    EXPECT_EQ(::poll(&waiting, 1, kLongMs), 1);
    return take();
  }
  int take() {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd = lobby_->take(reinterpret_cast<sockaddr*>(&peer), &length);
    if (fd >= 0) taken_.push_back(fd);
    return fd;
  }
  void end(int fd) {
    std::erase(taken_, fd);
    lobby_->closed(fd);
    ::close(fd);
  }
  // Until the lobby has looked at all that came before: it closes what is no
  // TLS in the order of events.
  void settle() { EXPECT_TRUE(closed_by_lobby(dial("GET / HTTP/1.1\r\n\r\n"))); }
  [[nodiscard]] std::uint64_t refused(Cause cause) const {
    return lobby_->refused_by_cause()[static_cast<std::size_t>(cause)];
  }

  int listener_ = -1;
  in_port_t port_ = 0;
  std::unique_ptr<Lobby> lobby_;
  std::vector<int> peers_;
  std::vector<int> taken_;
};

// Whoever says hello and then nothing held one of the server's threads for ten
// seconds, and so all of them.
TEST_F(LobbyTest, SG_D_HTTP_NoMoreHandshakesThanMayHoldAThread) {
  open(2, 64);
  for (int i = 0; i < 5; ++i) knock();
  const int first = let_in();
  const int second = let_in();
  ASSERT_GE(first, 0);
  ASSERT_GE(second, 0);
  settle();
  EXPECT_EQ(take(), -1);
  lobby_->established(first,
                      "a");  // done: its thread serves it, and another may begin
  const int third = let_in();
  ASSERT_GE(third, 0);
  EXPECT_EQ(take(), -1);
  end(second);  // failed
  EXPECT_GE(let_in(), 0);
  EXPECT_EQ(take(), -1);
  EXPECT_EQ(lobby_->waiting(), 3U);  // two in their handshake, one before it
}

// A few who never end their handshake would keep everybody else out.
TEST_F(LobbyTest, SG_D_HTTP_WhoDawdlesInAHandshakeMakesRoom) {
  open(1, 64, 32, 5s);
  const int slow = knock();
  const int held = let_in();
  knock();
  EXPECT_TRUE(closed_by_lobby(slow));
  end(held);
  EXPECT_EQ(refused(Cause::kEvicted), 1U);
  EXPECT_GE(let_in(), 0);
}

// CivetWeb tells of an end by the handshake that its thread began last; one that could not even begin has no name.
TEST_F(LobbyTest, SG_D_HTTP_AHandshakeWhoseEndNobodyToldHoldsNothing) {
  open(1, 64);
  knock();
  const int lost = let_in();
  ASSERT_GE(lost, 0);
  const int peer = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::erase(taken_, lost);
  ::close(lost);
  dial(peer, kHello);  // gets the number that is free
  EXPECT_EQ(let_in(), lost);
  EXPECT_EQ(lobby_->waiting(), 1U);
}

// A certificate was counted with its first request only: without one it took
// every thread.
TEST_F(LobbyTest, SG_D_HTTP_ConnectionsOfOneCertificateUnderAtAndOverTheCap) {
  open(8, 2);
  std::vector<int> fds;
  std::vector<int> peers;
  for (int i = 0; i < 3; ++i) {
    peers.push_back(knock());
    fds.push_back(let_in());
    lobby_->established(fds.back(), "greedy");
  }
  EXPECT_EQ(refused(Cause::kCertificate), 1U);
  char byte = 0;
  EXPECT_EQ(::recv(fds[2], &byte, 1, MSG_DONTWAIT),
            1);  // what was sent before is still there ...
  while (::recv(fds[2], &byte, 1, MSG_DONTWAIT) > 0) {
  }
  EXPECT_EQ(::recv(fds[2], &byte, 1, MSG_DONTWAIT), 0);  // ... but then it ends
  EXPECT_FALSE(lobby_->claim(fds[2], "greedy"));         // and is not carried out
  EXPECT_TRUE(lobby_->claim(fds[0], "greedy"));
  EXPECT_TRUE(lobby_->claim(fds[1], "greedy"));
  knock();
  const int other = let_in();
  lobby_->established(other, "modest");
  EXPECT_TRUE(lobby_->claim(other, "modest"));
  EXPECT_EQ(refused(Cause::kCertificate), 1U);
  end(fds[0]);
  knock();
  const int again = let_in();
  lobby_->established(again, "greedy");
  EXPECT_EQ(refused(Cause::kCertificate), 1U);
  EXPECT_TRUE(lobby_->claim(again, "greedy"));
}

TEST_F(LobbyTest, SG_D_HTTP_WithoutAFingerprintNobodyIsLetIn) {
  open(8, 2);
  knock();
  const int fd = let_in();
  lobby_->established(fd, "");
  EXPECT_FALSE(lobby_->claim(fd, "somebody"));
  EXPECT_EQ(refused(Cause::kCertificate), 1U);
}

// One principal may have several certificates.
TEST_F(LobbyTest, SG_D_HTTP_ConnectionsOfOnePrincipalUnderAtAndOverTheCap) {
  open(8, 2);
  std::vector<int> fds;
  for (const char* certificate : {"a", "b", "c"}) {
    knock();
    fds.push_back(let_in());
    lobby_->established(fds.back(), certificate);
  }
  EXPECT_TRUE(lobby_->claim(fds[0], "alice"));
  EXPECT_TRUE(lobby_->claim(fds[0], "alice"));  // its next request
  EXPECT_TRUE(lobby_->claim(fds[1], "alice"));
  EXPECT_FALSE(lobby_->claim(fds[2], "alice"));
  EXPECT_TRUE(lobby_->claim(fds[2], "bob"));
  end(fds[0]);
  knock();
  const int again = let_in();
  lobby_->established(again, "a");
  EXPECT_TRUE(lobby_->claim(again, "alice"));
}

TEST_F(LobbyTest, SG_D_HTTP_StrangersOfOneAddressUnderAtAndOverTheCap) {
  open(8, 64, 3);
  const int first = knock();
  const int taken = let_in();
  dial("");
  dial("");
  EXPECT_TRUE(closed_by_lobby(dial("")));
  EXPECT_EQ(refused(Cause::kCrowded), 1U);
  EXPECT_EQ(lobby_->waiting(), 3U);
  lobby_->established(taken, "a");  // no stranger any more
  const int next = dial("");
  EXPECT_TRUE(closed_by_lobby(dial("")));
  EXPECT_FALSE(closed_by_lobby(next, 0));
  EXPECT_FALSE(closed_by_lobby(first, 0));
  EXPECT_EQ(refused(Cause::kCrowded), 2U);
}

}  // namespace
}  // namespace stargraph::serve
