// What an audit writer that was taken over could still do, behind its own filter.
#include "bin/stargraph-auditd/system.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "stargraph/base/descriptor.hpp"
#include "stargraph/walls/syscall_filter.hpp"
#include "support/loopback.hpp"

namespace stargraph::auditd {
namespace {

constexpr int kPassed = 0;
constexpr int kDenied = 1;
constexpr int kNoFilter = 2;

// kPassed, kDenied, or the signal that ended it, negative.
int fate_of(const std::function<bool()>& attempt) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!give_up_system_calls()) ::_exit(kNoFilter);
    ::_exit(attempt() ? kPassed : kDenied);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

class AuditdWalls : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!walls::kAvailable) GTEST_SKIP() << "a sanitizer build has no system-call filter";
  }
};

TEST_F(AuditdWalls, RC_E_AUDIT_ItDialsNobody) {
  const base::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = test::loopback(9);  // nobody has to listen: the wall is met first
  const auto* const to = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_EQ(fate_of([&] { return ::connect(socket.get(), to, sizeof address) == 0 || errno != EPERM; }), -SIGSYS);
  for (const int flags : {int{MSG_FASTOPEN}, 0}) {
    EXPECT_EQ(fate_of([&] { return test::send_to(socket.get(), address, flags) || errno != EPERM; }), kDenied) << flags;
  }
  EXPECT_EQ(fate_of([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }), kDenied);
}

TEST_F(AuditdWalls, RC_E_AUDIT_ItExecutesNothingAndSignalsNobody) {
  char path[] = "/bin/true";
  char* const argv[] = {path, nullptr};
  EXPECT_EQ(fate_of([&] { return ::execv(path, argv) == 0; }), -SIGSYS);
  EXPECT_EQ(fate_of([] { return ::fork() >= 0; }), kDenied);
  EXPECT_EQ(fate_of([] {
              return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
            }),
            kDenied);
  const pid_t parent = ::getpid();
  EXPECT_EQ(fate_of([parent] { return ::syscall(SYS_tgkill, parent, parent, 0) == 0; }), kDenied);
  EXPECT_EQ(fate_of([parent] { return ::fcntl(0, F_SETOWN, parent) == 0; }), kDenied);
}

}  // namespace
}  // namespace stargraph::auditd
