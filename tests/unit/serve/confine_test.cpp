// What a daemon that was taken over would try first. Each attempt runs in a child behind the daemon's own filter.
#include "stargraph/serve/confine.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "support/loopback.hpp"

namespace stargraph::serve {
namespace {

enum class Fate { kAllowed, kRefused, kKilled, kNoFilter };

// `attempt` gives true when the kernel let it.
Fate fate_of(const std::function<bool()>& attempt) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!confine()) ::_exit(2);
    ::_exit(attempt() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGSYS ? Fate::kKilled : Fate::kNoFilter;
  return WEXITSTATUS(status) == 0 ? Fate::kAllowed : WEXITSTATUS(status) == 1 ? Fate::kRefused : Fate::kNoFilter;
}

class Confine : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!confinement_available()) GTEST_SKIP() << "a sanitizer build has no system-call filter";
  }
};

int listening_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = test::loopback();
  EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd, 1), 0);
  return fd;
}

// Without the filter this works: disconnect a listener and it can dial, also in an empty network namespace.
TEST_F(Confine, SG_E_HTTP_InheritedListenerCannotBeTurnedIntoADialer) {
  const int inherited = listening_socket();
  const auto unspec = [inherited] {
    sockaddr address{};
    address.sa_family = AF_UNSPEC;
    return ::connect(inherited, &address, sizeof address) == 0;
  };
  EXPECT_TRUE(unspec());  // the attack is real
  EXPECT_EQ(fate_of(unspec), Fate::kKilled);
  ::close(inherited);
}

// TCP Fast Open dials without connect(): a listener that was shut down is a socket like any other.
TEST_F(Confine, SG_E_HTTP_AListenerThatWasShutDownCannotDialByFastOpen) {
  const int elsewhere = listening_socket();
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(elsewhere, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto dial = [&](int inherited, bool with_sendmsg) {
    ::shutdown(inherited, SHUT_RD);
    return (with_sendmsg ? test::send_message_to : test::send_to)(inherited, address, MSG_FASTOPEN | MSG_NOSIGNAL);
  };
  for (const bool with_sendmsg : {false, true}) {
    const int real = listening_socket();
    EXPECT_TRUE(dial(real, with_sendmsg)) << "the attack is real";
    ::close(real);
    const int inherited = listening_socket();
    EXPECT_EQ(fate_of([&] { return dial(inherited, with_sendmsg); }), Fate::kRefused) << with_sendmsg;
    ::close(inherited);
  }
  ::close(elsewhere);
}

// A datagram socket that is there already (systemd's, say) sends to its peer and to nobody else.
TEST_F(Confine, SG_E_HTTP_NothingIsSentToAnAddress) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
  const int other = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr unnamed{AF_UNIX, {}};
  ASSERT_EQ(::bind(other, &unnamed, sizeof(sa_family_t)), 0);  // the kernel names it
  sockaddr_un name{};
  socklen_t size = sizeof name;
  ASSERT_EQ(::getsockname(other, reinterpret_cast<sockaddr*>(&name), &size), 0);
  const auto elsewhere = [&] {
    return ::sendto(pair[0], "x", 1, 0, reinterpret_cast<const sockaddr*>(&name), size) == 1;
  };
  EXPECT_TRUE(elsewhere()) << "the attack is real";
  EXPECT_EQ(fate_of(elsewhere), Fate::kRefused);
  EXPECT_EQ(fate_of([&] { return ::send(pair[0], "x", 1, 0) == 1; }), Fate::kAllowed);
  ::close(pair[0]);
  ::close(pair[1]);
  ::close(other);
}

TEST_F(Confine, SG_E_HTTP_NoSocketCanBeMade) {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET, AF_VSOCK}) {
    EXPECT_EQ(fate_of([family] { return ::socket(family, SOCK_STREAM, 0) >= 0; }), Fate::kRefused) << family;
  }
}

TEST_F(Confine, SG_E_HTTP_NothingCanBeExecuted) {
  char path[] = "/bin/true";
  char* const argv[] = {path, nullptr};
  EXPECT_EQ(fate_of([&] { return ::execv(path, argv) == 0; }), Fate::kKilled);
  EXPECT_EQ(fate_of([&] { return ::syscall(SYS_execveat, AT_FDCWD, path, argv, nullptr, 0) == 0; }), Fate::kKilled);
  EXPECT_EQ(fate_of([] { return ::syscall(SYS_vfork) >= 0; }), Fate::kKilled);
  EXPECT_EQ(fate_of([] { return ::fork() >= 0; }), Fate::kRefused);  // clone without CLONE_THREAD
}

TEST_F(Confine, SG_E_HTTP_NoWayAround) {
  EXPECT_EQ(fate_of([] { return ::syscall(SYS_io_uring_setup, 1, nullptr) >= 0; }), Fate::kKilled);
  EXPECT_EQ(fate_of([] { return ::syscall(SYS_ptrace, 0, 0, 0, 0) >= 0; }), Fate::kKilled);
  EXPECT_EQ(fate_of([] { return ::syscall(SYS_bpf, 0, nullptr, 0) >= 0; }), Fate::kKilled);
  EXPECT_EQ(fate_of([] { return ::syscall(SYS_memfd_create, "x", 0) >= 0; }), Fate::kKilled);
  EXPECT_EQ(fate_of([] { return ::kill(::getppid(), 0) == 0; }), Fate::kRefused);
  const pid_t parent = ::getpid();
  EXPECT_EQ(fate_of([parent] { return ::syscall(SYS_tgkill, parent, parent, 0) == 0; }), Fate::kRefused);
  EXPECT_EQ(fate_of([parent] { return ::fcntl(0, F_SETOWN, parent) == 0; }),
            Fate::kRefused);  // whom the kernel signals
  const auto executable = [] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  };
  EXPECT_TRUE(executable());
  EXPECT_EQ(fate_of(executable), Fate::kRefused);
}

TEST_F(Confine, WhatTheDaemonNeedsStillWorks) {
  EXPECT_EQ(fate_of([] {
              bool ran = false;
              std::thread([&ran] { ran = true; }).join();
              return ran;
            }),
            Fate::kAllowed);
}

}  // namespace
}  // namespace stargraph::serve
