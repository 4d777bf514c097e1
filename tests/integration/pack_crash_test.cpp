// kill -9 at every write: the real program, stopped by ptrace before each system call that changes something outside
// of it, and killed there. What is found afterwards is the act or nothing, and the act can always be made again.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "integration/pack_cli.hpp"

namespace stargraph {
namespace {

#if defined(__x86_64__)

// Files, the audit writer's socket, and the files that a database removes or shortens.
bool changes_something(unsigned long long call) {
  switch (call) {
    case SYS_pwrite64:
    case SYS_write:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_ftruncate:
    case SYS_unlink: return true;
    default: return false;
  }
}

class KilledPack : public PackCli {
 protected:
  enum class End { kKilled, kDone, kNotTraced };
  // Runs the program and kills it before its n-th such call.
  End run_until(std::vector<std::string> arguments, int n) const {
    arguments.insert(arguments.begin(), {program(), "--config", (directory_ / "stargraph.yaml").string()});
    const pid_t pid = ::fork();
    if (pid == 0) be(arguments);
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return End::kNotTraced;
    ::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    bool entering = true;
    int signal = 0;
    while (::ptrace(PTRACE_SYSCALL, pid, nullptr, signal) == 0 && ::waitpid(pid, &status, 0) == pid) {
      if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 ? End::kDone : End::kNotTraced;
      if (WIFSIGNALED(status)) return End::kNotTraced;
      const bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
      signal = at_call || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
      if (!at_call) continue;
      if (entering && is_at_a_write(pid) && --n == 0) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, &status, 0);
        return End::kKilled;
      }
      entering = !entering;
    }
    return End::kNotTraced;
  }
  std::string read(const std::vector<std::string>& arguments) const {
    const CommandResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }
  // Kills `act` at each of its writes in turn, from the state that `undo` makes; `before` and `after` are what `look`
  // shows. Gives the number of kills.
  void kill_everywhere(const std::vector<std::string>& act, const std::vector<std::string>& look,
                       const std::string& before, const std::string& after, const std::vector<std::string>& undo) {
    int kills = 0;
    for (int n = 1; n < 2'000; ++n) {
      const End end = run_until(act, n);
      if (end == End::kNotTraced && n == 1) GTEST_SKIP() << "this machine does not let programs be traced";
      ASSERT_NE(end, End::kNotTraced) << n;
      const std::string found = read(look);
      EXPECT_TRUE(found == before || found == after) << "half an act at write " << n << ": " << found;
      if (end == End::kDone) {
        EXPECT_EQ(found, after);
        EXPECT_GT(kills, 20) << "an act writes more often than that";
        return;
      }
      ++kills;
      if (found == after && !undo.empty()) {
        ASSERT_EQ(run(undo).exit_code, 0);
      }
      ASSERT_FALSE(found == after && undo.empty()) << "killed after its commit and not undone";
    }
    FAIL() << "it never ended";
  }

 private:
  static bool is_at_a_write(pid_t pid) {
    user_regs_struct registers{};
    return ::ptrace(PTRACE_GETREGS, pid, nullptr, &registers) == 0 && changes_something(registers.orig_rax);
  }
  [[noreturn]] void be(const std::vector<std::string>& arguments) const {
    if (::chdir(directory_.path().c_str()) != 0) ::_exit(99);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int stream : {0, 1, 2}) ::dup2(null, stream);
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(99);
    ::execv(argv[0], argv.data());
    ::_exit(99);
  }
};

TEST_F(KilledPack, RC_D_PACK_AnActKilledAtAnyWriteIsThereWholeOrNotAtAll) {
  ASSERT_EQ(run({"import", "policy.sgpack", "--fingerprint", fingerprint("publisher")}).exit_code, 0);
  const std::string active = read({"list"});
  ASSERT_EQ(run({"retire", "soc.policy"}).exit_code, 0);
  const std::string retired = read({"list"});
  kill_everywhere({"activate", "soc.policy"}, {"list"}, retired, active, {"retire", "soc.policy"});
}

// Key, pin, pack and activation in one: each kill leaves no part of them, or all.
TEST_F(KilledPack, RC_D_PACK_AFirstImportKilledAtAnyWriteIsThereWholeOrNotAtAll) {
  const std::string finger = fingerprint("publisher");
  bool seen_after = false;
  for (int n = 1; n < 2'000; ++n) {
    const End end = run_until({"import", "policy.sgpack", "--fingerprint", finger}, n);
    if (end == End::kNotTraced && n == 1) GTEST_SKIP() << "this machine does not let programs be traced";
    ASSERT_NE(end, End::kNotTraced) << n;
    const bool key = read({"key", "list"}) != "no keys\n";
    const bool pin = read({"pins"}).find("soc.policy") != std::string::npos;
    const bool pack = read({"list"}).find("* soc.policy 1.0.0") != std::string::npos;
    EXPECT_TRUE(key == pin && pin == pack) << "half an import at write " << n;
    EXPECT_TRUE(pack || !seen_after) << "what was there went away";
    seen_after = pack;
    if (end == End::kDone) break;
  }
  EXPECT_TRUE(seen_after);
}

#endif

}  // namespace
}  // namespace stargraph
