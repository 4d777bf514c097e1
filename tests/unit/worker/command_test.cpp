// run_command: a command does its task or is ended; nothing it does holds or harms the worker.
#include "bin/stargraph-worker/command.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace stargraph::worker {
namespace {

using base::Code;
using namespace std::chrono_literals;

class RunCommand : public ::testing::Test {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }  // as the program does
  void TearDown() override { EXPECT_TRUE(::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) << "a child is left"; }

  static base::Result<CommandResult> shell(const std::string& script, const CommandLimits& limits = {},
                                           const std::string& input = "{}\n") {
    return run_command({"sh", "-c", script}, input, limits, [] { return true; });
  }
  static CommandLimits within(base::Duration timeout) {
    CommandLimits limits;
    limits.timeout = timeout;
    return limits;
  }
};

TEST_F(RunCommand, GivesInputAndTakesOutputAndExitCode) {
  const auto result = shell("cat; exit 3", {}, std::string(300'000, 'x'));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_EQ(result->output, std::string(300'000, 'x'));
  EXPECT_EQ(shell("kill -9 $$")->exit_code, 128 + 9);
  EXPECT_EQ(run_command({"/no/such/command"}, "", {}, [] { return true; }).error().code, Code::kNodeFailed);
}

TEST_F(RunCommand, MayEndWithoutReadingItsInput) {
  const auto result = shell("echo '{}'", {}, std::string(1'000'000, 'x'));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->output, "{}\n");
}

TEST_F(RunCommand, SG_D_HTTP_EndsWhatIgnoresSignalsOrRunsOn) {
  for (const char* script : {"trap '' TERM INT HUP; while :; do sleep 1000; done", "sleep 1000 & sleep 1000",
                             "exec >&-; exec sleep 1000", "exec <&- >&-; sleep 1000"}) {
    const auto result = shell(script, within(100ms));
    ASSERT_FALSE(result) << script;
    EXPECT_EQ(result.error().code, Code::kTimedOut) << script;
  }
}

TEST_F(RunCommand, SG_D_HTTP_BeatsOnForACommandThatClosedItsOutput) {
  CommandLimits limits;
  limits.beat_every = 1ms;
  int beats = 0;
  const auto result = run_command({"sh", "-c", "exec >&-; exec sleep 1000"}, "", limits, [&] { return ++beats < 3; });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kLeaseLost);
  EXPECT_EQ(beats, 3);
}

TEST_F(RunCommand, SG_D_HTTP_WaitsForNobodyWhoKeptTheOutputOpen) {
  for (const char* script : {"sleep 1000 & echo '{}'", "setsid sleep 5 & echo '{}'"}) {
    const auto result = shell(script, within(4s));
    ASSERT_TRUE(result) << script << ": " << result.error().message;
    EXPECT_EQ(result->output, "{}\n") << script;
  }
}

TEST_F(RunCommand, SG_D_HTTP_EndsWhatWritesForEver) {
  CommandLimits limits;
  limits.max_output = 100'000;
  const auto result = shell("yes", limits);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kTooLarge);
}

// The connection to the daemon among them.
TEST_F(RunCommand, SG_E_HTTP_HandsNoDescriptorOfOursOn) {
  constexpr int kOurs = 77;
  ASSERT_EQ(::dup2(STDERR_FILENO, kOurs), kOurs);
  const auto result = shell("test -e /proc/self/fd/77 && echo leaked; true");
  ::close(kOurs);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, "");
}

TEST_F(RunCommand, GivesTheCommandItsUsualSignals) {
  const auto result = run_command({"grep", "SigIgn", "/proc/self/status"}, "", {}, [] { return true; });
  ASSERT_TRUE(result);
  const std::size_t digits = result->output.find_first_of("0123456789");
  ASSERT_NE(digits, std::string::npos);
  EXPECT_EQ(std::strtoull(result->output.c_str() + digits, nullptr, 16) & (1ULL << (SIGPIPE - 1)), 0U);
}

}  // namespace
}  // namespace stargraph::worker
