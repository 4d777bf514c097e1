// What each rule of a filter lets through and what it does not, tried in a child behind a filter that has this rule and
// little else.
#include "stargraph/walls/syscall_filter.hpp"

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

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <thread>

#include "stargraph/base/descriptor.hpp"
#include "support/loopback.hpp"

namespace stargraph::walls {
namespace {

constexpr int kAllowed = 0;  // else the errno that refused, a negative signal, or:
constexpr int kNotLoaded = 200;

constexpr auto kEnd =
    std::to_array<Call>({"exit_group", "futex", "getpid", "gettid", "rt_sigprocmask", "rt_sigaction"});

// What comes of `attempt`, which gives true when the kernel let it, behind `filter`.
int fate(const std::function<SyscallFilter()>& filter, const std::function<bool()>& attempt) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!filter().allow(kEnd).load()) ::_exit(kNotLoaded);
    errno = 0;
    ::_exit(attempt() ? kAllowed : errno);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

constexpr auto kMemory = std::to_array<Call>({"brk", "munmap"});
constexpr auto kNoSockets = std::to_array<Call>({"socket"});
constexpr auto kIoctl = std::to_array<Call>({"ioctl"});

SyscallFilter bare() { return SyscallFilter::refusing(); }

class Filter : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kAvailable) GTEST_SKIP() << "a sanitizer build has no system-call filter";
  }
};

TEST_F(Filter, SG_E_HTTP_WhatItDoesNotNameIsRefusedAndWhatNothingOfOursNeedsEndsIt) {
  EXPECT_EQ(fate(bare, [] { return ::syscall(SYS_getppid) > 0; }), EPERM);
  EXPECT_EQ(fate(bare, [] { return ::getpid() > 0; }), kAllowed);
  for (const std::string_view name : {"connect", "execve", "ptrace", "bpf", "io_uring_setup", "memfd_create"})
    EXPECT_EQ(std::ranges::count(kDeadly, name), 1) << name;
  for (const long call : {SYS_connect, SYS_execve, SYS_execveat, SYS_ptrace, SYS_bpf, SYS_io_uring_setup, SYS_setns})
    EXPECT_EQ(fate(bare, [call] { return ::syscall(call, -1, 0, 0, 0, 0) >= 0; }), -SIGSYS) << call;
}

TEST_F(Filter, SG_E_PACK_AKillingFilterEndsItAtWhatItDoesNotName) {
  EXPECT_EQ(fate(SyscallFilter::killing, [] { return ::syscall(SYS_getppid) > 0; }), -SIGSYS);
  EXPECT_EQ(fate(SyscallFilter::killing, [] { return ::getpid() > 0; }), kAllowed);
}

TEST_F(Filter, SG_E_PACK_FurtherCallsEndItAndOthersAreNotThere) {
  const auto filter = [] { return bare().kill(kNoSockets).not_there("clone3"); };
  EXPECT_EQ(fate(filter, [] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }), -SIGSYS);
  EXPECT_EQ(fate(filter, [] { return ::syscall(SYS_clone3, nullptr, 0) >= 0; }), ENOSYS);
}

TEST_F(Filter, SG_E_PACK_MemoryIsNeverExecutable) {
  const auto filter = [] { return bare().allow_memory(); };
  const auto map = [](int protection) {
    return ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  };
  void* const page = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  EXPECT_EQ(fate(filter, [&] { return map(PROT_READ | PROT_WRITE); }), kAllowed);
  EXPECT_EQ(fate(filter, [&] { return ::mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0; }), kAllowed);
  ASSERT_TRUE(map(PROT_READ | PROT_EXEC)) << "the attack is real";
  EXPECT_EQ(fate(filter, [&] { return map(PROT_EXEC); }), EPERM);
  EXPECT_EQ(fate(filter, [&] { return map(PROT_READ | PROT_WRITE | PROT_EXEC); }), EPERM);
  EXPECT_EQ(fate(filter, [&] { return ::mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0; }), EPERM);
  EXPECT_EQ(fate(filter, [&] { return ::syscall(SYS_pkey_mprotect, page, 4096, PROT_EXEC, -1) == 0; }), EPERM);
  ::munmap(page, 4096);
}

// A TCP socket that listened and was shut down, and where it could dial.
class Dialing : public Filter {
 protected:
  void SetUp() override {
    Filter::SetUp();
    elsewhere_ = listening();
    ASSERT_EQ(::getsockname(elsewhere_.get(), reinterpret_cast<sockaddr*>(&address_), &size_), 0);
  }
  static base::Descriptor listening() {
    base::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = test::loopback();
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket.get(), 8), 0);
    return socket;
  }
  static base::Descriptor shut_down() {
    base::Descriptor socket = listening();
    ::shutdown(socket.get(), SHUT_RD);
    return socket;
  }
  [[nodiscard]] bool dial(int socket, int flags) const { return test::send_to(socket, address_, flags); }
  [[nodiscard]] bool dial_by_message(int socket, int flags) const {
    return test::send_message_to(socket, address_, flags);
  }

  static constexpr int kFastOpen = MSG_FASTOPEN | MSG_NOSIGNAL;
  base::Descriptor elsewhere_;
  sockaddr_in address_{};
  socklen_t size_ = sizeof address_;
};

TEST_F(Dialing, SG_E_HTTP_NoSendDialsByFastOpen) {
  const auto filter = [] { return bare().allow_send().allow_sendmsg(); };
  ASSERT_TRUE(dial(shut_down().get(), kFastOpen)) << "the attack is real";
  ASSERT_TRUE(dial_by_message(shut_down().get(), kFastOpen)) << "the attack is real";
  const base::Descriptor socket = shut_down();
  EXPECT_EQ(fate(filter, [&] { return dial(socket.get(), kFastOpen); }), EPERM);
  EXPECT_EQ(fate(filter, [&] { return dial_by_message(socket.get(), kFastOpen); }), EPERM);
  // Where the address is hidden, and where only the upper half of the argument differs: the kernel reads the lower.
  EXPECT_EQ(fate(filter, [&] { return ::send(socket.get(), "x", 1, kFastOpen) == 1; }), EPERM);
  EXPECT_EQ(fate(filter,
                 [&] {
                   return ::syscall(SYS_sendto, socket.get(), "x", 1, 0xFFFF'FFFF'0000'0000 | kFastOpen, &address_,
                                    size_) == 1;
                 }),
            EPERM);
  EXPECT_EQ(fate(filter, [&] { return ::syscall(SYS_sendmmsg, socket.get(), nullptr, 0, kFastOpen) >= 0; }), EPERM);
}

TEST_F(Dialing, SG_E_HTTP_ASendGoesToItsPeerAlone) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
  const base::Descriptor ours(pair[0]);
  const base::Descriptor theirs(pair[1]);
  const base::Descriptor datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(dial(datagrams.get(), 0)) << "the attack is real";
  const auto any = [] { return bare().allow_send(); };
  EXPECT_EQ(fate(any, [&] { return dial(datagrams.get(), 0); }), EPERM);
  EXPECT_EQ(fate(any, [&] { return ::send(ours.get(), "x", 1, MSG_NOSIGNAL) == 1; }), kAllowed);
  EXPECT_EQ(fate(any, [&] { return ::send(theirs.get(), "x", 1, MSG_NOSIGNAL) == 1; }), kAllowed);
  const auto one = [&] { return bare().allow_send_on(ours.get()); };
  EXPECT_EQ(fate(one, [&] { return ::send(ours.get(), "x", 1, MSG_NOSIGNAL) == 1; }), kAllowed);
  EXPECT_EQ(fate(one, [&] { return ::send(theirs.get(), "x", 1, MSG_NOSIGNAL) == 1; }), EPERM);
  EXPECT_EQ(fate(one, [&] { return ::send(ours.get(), "x", 1, MSG_FASTOPEN) == 1; }), EPERM);
}

// The kernel sends any signal to a descriptor's owner when asked to; kill(2) is not the only way.
TEST_F(Filter, SG_E_PACK_NoDescriptorGetsAnOwnerToSignal) {
  const auto filter = [] { return bare().allow_fcntl(); };
  EXPECT_EQ(fate(filter, [] { return ::fcntl(0, F_SETFL, ::fcntl(0, F_GETFL)) == 0; }), kAllowed);
  EXPECT_EQ(fate(filter, [] { return ::fcntl(0, F_DUPFD_CLOEXEC, 3) >= 3; }), kAllowed);
  EXPECT_EQ(fate(filter, [] { return ::fcntl(0, F_SETOWN, ::getpid()) == 0; }), EPERM);
  EXPECT_EQ(fate(filter, [] { return ::fcntl(0, F_SETSIG, SIGKILL) == 0; }), EPERM);
  EXPECT_EQ(fate(filter, [] { return ::fcntl(0, F_SETFL, O_ASYNC) == 0; }), EPERM);
}

TEST_F(Filter, SG_E_PACK_OnlyItselfGetsASignal) {
  const auto filter = [] { return bare().allow_abort(); };
  const pid_t parent = ::getpid();
  EXPECT_EQ(fate(filter,
                 [] {
                   ::abort();
                   return true;
                 }),
            -SIGABRT);
  EXPECT_EQ(fate(filter, [parent] { return ::syscall(SYS_tgkill, parent, parent, 0) == 0; }), EPERM);
  EXPECT_EQ(fate(filter, [parent] { return ::syscall(SYS_tkill, parent, 0) == 0; }), EPERM);
}

TEST_F(Filter, SG_E_PACK_ACallOnOneDescriptorAndOnNoOther) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const base::Descriptor out(ends[0]);
  const base::Descriptor in(ends[1]);
  const auto filter = [&] { return bare().allow_on("write", in.get()); };
  EXPECT_EQ(fate(filter, [&] { return ::write(in.get(), "x", 1) == 1; }), kAllowed);
  EXPECT_EQ(fate(filter, [] { return ::write(2, "", 0) == 0; }), EPERM);
}

TEST_F(Filter, SG_E_PACK_OnlyLocalPairsOfSockets) {
  const auto filter = [] { return bare().allow_local_pair(); };
  int pair[2];
  EXPECT_EQ(fate(filter, [&] { return ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0; }), kAllowed);
  EXPECT_EQ(fate(filter, [&] { return ::socketpair(AF_TIPC, SOCK_STREAM, 0, pair) == 0; }), EPERM);
}

// libseccomp would let the wider rule swallow the narrower one without a word.
TEST_F(Filter, SG_E_PACK_RulesThatContradictEachOtherAreNotLoaded) {
  const auto narrow = [] { return bare().allow_when("ioctl", {int_is(1, 1)}); };
  const std::array<SyscallFilter, 4> contradictions{
      narrow().allow(kIoctl), bare().allow(kIoctl).allow(kIoctl), narrow().kill(kIoctl),
      bare().allow_when("ioctl", {is(0, 0), is(1, 0), is(2, 0), is(3, 0)})};
  for (const SyscallFilter& filter : contradictions) {
    const auto loaded = filter.load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, base::Code::kInternal);
    EXPECT_EQ(loaded.error().message, "system-call filter: ioctl: its rules contradict each other");
  }
  EXPECT_GT(::getppid(), 0) << "nothing was loaded";
}

TEST_F(Filter, SG_E_HTTP_BehindItNobodyGainsPrivileges) {
  const auto filter = [] { return bare().allow_when("prctl", {is(0, PR_GET_NO_NEW_PRIVS)}); };
  EXPECT_EQ(fate(filter, [] { return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1; }), kAllowed);
}

TEST_F(Filter, SG_E_HTTP_AFilterThatTheKernelDoesNotTakeIsAnError) {
  const auto once = [] { return bare().allow_memory().allow(kMemory); };
  EXPECT_EQ(fate(once,
                 [&] {
                   const auto again = once().load();
                   return !again && again.error().code == base::Code::kIo;
                 }),
            kAllowed);
}

// Whether a thread that was there before the filter is behind it.
bool reaches_older_threads(SyscallFilter::Threads threads) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::atomic<int> step = 0;
    std::atomic<bool> refused = false;
    const auto go_to = [&step](int next) {
      step = next;
      step.notify_all();
    };
    std::thread older([&] {
      go_to(1);
      step.wait(1);
      refused = ::syscall(SYS_getppid) < 0;
      go_to(3);
      step.wait(3);  // what ends a thread is not in the filter
    });
    older.detach();
    step.wait(0);
    if (!bare().allow(kEnd).load(threads)) ::_exit(kNotLoaded);
    go_to(2);
    step.wait(2);
    ::_exit(refused ? 1 : 0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) != kNotLoaded) << status;
  return WEXITSTATUS(status) == 1;
}

TEST_F(Filter, SG_E_HTTP_OfAllThreadsOrOfTheCaller) {
  EXPECT_TRUE(reaches_older_threads(SyscallFilter::Threads::kAll));
  EXPECT_FALSE(reaches_older_threads(SyscallFilter::Threads::kCaller));
}

}  // namespace
}  // namespace stargraph::walls
