// The walls themselves: what code inside an evaluator could do, if somebody got code to run there.
#include "rules/sandbox.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

namespace stargraph::rules {
namespace {

constexpr int kCameBack = 42;

void evaluator(int fd) { confine_evaluator(fd, {address_space_in_use() + (std::uint64_t{64} << 20), 5}); }

// Wait status of a child that puts up the evaluator's walls, or the zygote's, and then attacks.
int status_of(const std::function<void()>& attack, void (*confine)(int) = evaluator) {
  int pair[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const pid_t child = fork();
  if (child == 0) {
    confine(pair[1]);
    attack();
    _exit(kCameBack);
  }
  int status = 0;
  waitpid(child, &status, 0);
  close(pair[0]);
  close(pair[1]);
  return status;
}

class Walls : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kFullWalls) GTEST_SKIP() << "sanitizer builds have no filter";
  }
  static void expect_killed(const char* what, const std::function<void()>& attack, void (*confine)(int) = evaluator) {
    const int status = status_of(attack, confine);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << what << ": status " << status;
  }
};

TEST_F(Walls, SG_E_PACK_HarmlessWorkComesBack) {
  const int status = status_of([] {
    void* memory = std::malloc(std::size_t{4} << 20);
    std::free(memory);
    if (send(kJailFd, "x", 1, MSG_NOSIGNAL) != 1) _exit(1);
  });
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kCameBack);
}

TEST_F(Walls, SG_E_PACK_NoFileSocketProcessOrSignalFromInside) {
  expect_killed("open", [] { static_cast<void>(syscall(SYS_open, "/etc/passwd", O_RDONLY)); });
  expect_killed("openat", [] { static_cast<void>(syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY)); });
  expect_killed("socket", [] { static_cast<void>(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0)); });
  expect_killed("connect", [] { static_cast<void>(syscall(SYS_connect, kJailFd, nullptr, 0)); });
  expect_killed("execve", [] { static_cast<void>(syscall(SYS_execve, "/bin/sh", nullptr, nullptr)); });
  expect_killed("fork", [] { static_cast<void>(syscall(SYS_clone, SIGCHLD, nullptr)); });
  expect_killed("kill", [] { static_cast<void>(syscall(SYS_kill, getppid(), 0)); });
  expect_killed("ptrace", [] { static_cast<void>(syscall(SYS_ptrace, 0, 0, 0, 0)); });
  expect_killed("unlink", [] { static_cast<void>(syscall(SYS_unlinkat, AT_FDCWD, "x", 0)); });
  expect_killed("io_uring_setup", [] { static_cast<void>(syscall(SYS_io_uring_setup, 1, nullptr)); });
  expect_killed("sendmsg", [] { static_cast<void>(syscall(SYS_sendmsg, kJailFd, nullptr, 0)); });
  expect_killed("dup", [] { static_cast<void>(syscall(SYS_dup, kJailFd)); });
}

// One of the zygote's calls is fork: what it may send, and to whom, is all the same its answers to the daemon.
TEST_F(Walls, SG_E_PACK_NobodyInTheJailSendsButToTheDaemon) {
  const sockaddr nobody{AF_UNSPEC, {}};
  for (auto* const confine : {evaluator, +[](int fd) { confine_zygote(fd); }}) {
    EXPECT_EQ(status_of([] { _exit(send(kJailFd, "x", 1, MSG_NOSIGNAL) == 1 ? kCameBack : 1); }, confine),
              kCameBack << 8);
    expect_killed("another descriptor", [] { send(4, "x", 1, MSG_NOSIGNAL); }, confine);
    expect_killed("Fast Open", [] { send(kJailFd, "x", 1, MSG_FASTOPEN); }, confine);
    expect_killed("an address", [&] { sendto(kJailFd, "x", 1, 0, &nobody, sizeof nobody); }, confine);
    expect_killed("sendmsg", [] { syscall(SYS_sendmsg, kJailFd, nullptr, 0); }, confine);
    expect_killed("an owner", [] { fcntl(kJailFd, F_SETOWN, 1); }, confine);
  }
}

TEST_F(Walls, SG_E_PACK_NoExecutableMemoryFromInside) {
  expect_killed("mmap",
                [] { mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); });
  expect_killed("mprotect", [] {
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
  });
}

TEST_F(Walls, SG_E_PACK_OtherDescriptorsAreGoneAndCannotBeUsed) {
  expect_killed("write to stderr", [] { [[maybe_unused]] const ssize_t done = write(2, "x", 1); });
  expect_killed("read from stdin", [] {
    char byte = 0;
    [[maybe_unused]] const ssize_t done = read(0, &byte, 1);
  });
}

TEST_F(Walls, SG_D_PACK_MemoryEndsAtTheLimit) {
  const int status = status_of([] {
    for (int i = 0; i < 1024; ++i) {
      void* block = mmap(nullptr, std::size_t{1} << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (block == MAP_FAILED) _exit(i < 100 ? kCameBack : 1);
    }
    _exit(2);
  });
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kCameBack);
}

}  // namespace
}  // namespace stargraph::rules
