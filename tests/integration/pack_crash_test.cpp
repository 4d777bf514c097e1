// kill -9 at every write: the real program, stopped by ptrace before each system call that changes something outside
// of it, and killed there. What is found afterwards is the act or nothing; nothing else can be done before it was made
// again, and that completes it: in the log it stands once.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <fstream>
#include <map>

#include "integration/pack_trust.hpp"
#include "stargraph/trust/log_check.hpp"
#include "stargraph/trust/notary.hpp"
#include "stargraph/trust/trust_store.hpp"

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

class KilledPack : public PackTrust {
 protected:
  enum class End { kKilled, kDone, kNotTraced };
  // Which of the two halves is killed: the one that talks, or the one with the database.
  enum class Half { kFront, kKeeper };
  // Runs the program and kills that half of it before its n-th such call. Waits until all of it has ended.
  End run_until(std::vector<std::string> arguments, int n, Half half) const {
    arguments.insert(arguments.begin(), {program(), "--config", (directory_ / "stargraph.yaml").string()});
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const pid_t front = ::fork();
    if (front == 0) be(arguments);
    int status = 0;
    if (::waitpid(front, &status, 0) != front || !WIFSTOPPED(status)) return End::kNotTraced;
    ::ptrace(PTRACE_SETOPTIONS, front, nullptr,
             PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE);
    ::ptrace(PTRACE_SYSCALL, front, nullptr, 0);
    End end = End::kNotTraced;
    std::map<pid_t, bool> entering;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, __WALL)) > 0;) {
      if (!WIFSTOPPED(status)) {
        const bool done = pid == front && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (done && end == End::kNotTraced) end = End::kDone;
        continue;
      }
      const bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
      const auto [known, fresh] = entering.try_emplace(pid, true);
      const bool enters = known->second;
      if (at_call) known->second = !enters;
      const bool counts = at_call && enters && is_half(pid, front, half) && is_at_a_write(pid);
      if (counts && --n == 0) {
        ::kill(pid, SIGKILL);
        end = End::kKilled;
        continue;
      }
      // A new process begins with a stop of its own, which is no signal for it.
      const bool event = at_call || WSTOPSIG(status) == SIGTRAP || (fresh && WSTOPSIG(status) == SIGSTOP);
      ::ptrace(PTRACE_SYSCALL, pid, nullptr, event ? 0 : WSTOPSIG(status));
    }
    return end;
  }
  // The acts in the store, which loads; and whether the log has the same last one, as the daemon asks at its start.
  struct Found {
    std::int64_t acts = -1;
    bool agrees = false;
  };
  Found find() const {
    const std::string key(32, 'k');
    const auto database = store::Database::open(directory_ / "db" / "stargraph.db",
                                                crypto::Secret::copy(base::as_bytes(key)), trust::trust_migrations());
    const auto audit_key = crypto::PublicKey::from_pem(audit_->public_pem());
    if (!database) ADD_FAILURE() << database.error().message;
    auto reader = (*database)->reader();
    const auto state = trust::load_state(*reader, *audit_key);
    if (!state) ADD_FAILURE() << state.error().message;
    const auto notary = trust::socket_notary(base::real_env(), directory_ / "trust.sock", *audit_key);
    const auto head = notary->head();
    if (!head) ADD_FAILURE() << head.error().message;
    return {state->acts(), trust::check_against_log(*state, *head).has_value()};
  }
  // The whole appliance, database and log, as it is now; and as it was then.
  void keep() {
    audit_.reset();
    for (const char* part : kParts) copy(directory_ / part, directory_ / "kept" / part);
    restart();
  }
  void put_back() {
    audit_.reset();
    for (const char* part : kParts) copy(directory_ / "kept" / part, directory_ / part);
    restart();
  }
  void put_database_back() { copy(directory_ / "kept" / "db", directory_ / "db"); }
  std::optional<crypto::Secret> key_pem_;

  void kill_everywhere(const std::vector<std::string>& act, Half half = Half::kFront) {
    key_pem_.emplace(crypto::Secret::copy(audit_->key_pem().view()));
    keep();
    const std::int64_t before = find().acts;
    const CommandResult reference = run(act);
    ASSERT_EQ(reference.exit_code, 0) << reference.err;
    const std::int64_t after = find().acts;
    ASSERT_GT(after, before);
    int kills = 0;
    int interrupted = 0;
    for (int n = 1; n < 2'000; ++n) {
      put_back();
      const End end = run_until(act, n, half);
      if (end == End::kNotTraced && n == 1) GTEST_SKIP() << "this machine does not let programs be traced";
      ASSERT_NE(end, End::kNotTraced) << n;
      const Found found = find();
      ASSERT_TRUE(found.acts == before || found.acts == after) << "half an act at write " << n << ": " << found.acts;
      if (end == End::kDone) {
        EXPECT_EQ(found.acts, after);
        break;
      }
      ++kills;
      if (!found.agrees) {
        ++interrupted;
        ASSERT_EQ(found.acts, before) << n;
        // Nothing hides it: neither on purpose nor by mistake.
        const CommandResult other = run({"key", "add", "keys/other.pub.pem", "--role", "governor", "--holder", "Eve",
                                         "--fingerprint", fingerprint("other")});
        ASSERT_TRUE(other.err.find("(FORK)") != std::string::npos) << n << other.err;
      }
      if (found.acts == after) continue;
      const CommandResult again = run(act);
      ASSERT_EQ(again.exit_code, 0) << n << again.err;
      const Found healed = find();
      ASSERT_EQ(healed.acts, after) << n;
      ASSERT_TRUE(healed.agrees) << n;
      ASSERT_EQ(acts_in_log(), after) << "said twice at write " << n;
    }
    EXPECT_GT(kills, half == Half::kFront ? 5 : 20) << "an act writes more often than that";
    EXPECT_GT(interrupted, 0) << "between the receipt and the commit";
  }

 private:
  static constexpr const char* kParts[] = {"db", "log", "state"};
  static void copy(const base::Path& from, const base::Path& to) {
    std::filesystem::remove_all(to);
    std::filesystem::create_directories(to.parent_path());
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  }
  void restart() {
    std::filesystem::remove(directory_ / "trust.sock");
    audit_ = std::make_unique<AuditWriter>(directory_.path(), directory_ / "trust.sock", &*key_pem_);
  }
  // Acts that succeeded.
  std::int64_t acts_in_log() const {
    std::istringstream lines(directory_.read("log/audit-00000001.jsonl"));
    std::int64_t acts = 0;
    for (std::string line; std::getline(lines, line);)
      acts += line.find("\"data\":{\"act\":") != std::string::npos ? 1 : 0;
    return acts;
  }
  // The keeper by the name it gives itself before it has the key.
  static bool is_half(pid_t pid, pid_t front, Half half) {
    if (half == Half::kFront) return pid == front;
    std::ifstream in("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    return std::getline(in, name) && name == "stargraph-keep";
  }
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

// One row for each kind of act: what comes before, and the command that is killed.
TEST_F(KilledPack, RC_D_PACK_AFirstImportKilledAtAnyWrite) {
  write_sources("edge", "net.edge", "1.0.0");
  ASSERT_EQ(build("edge", "next", 1, "edge.sgpack").exit_code, 0);
  kill_everywhere({"import", "edge.sgpack", "--fingerprint", fingerprint("next")});
}

// The same with the half that has the database killed, while the one that talks lives on and has to say so.
TEST_F(KilledPack, RC_D_PACK_AFirstImportWhoseKeeperIsKilledAtAnyWrite) {
  write_sources("edge", "net.edge", "1.0.0");
  ASSERT_EQ(build("edge", "next", 1, "edge.sgpack").exit_code, 0);
  kill_everywhere({"import", "edge.sgpack", "--fingerprint", fingerprint("next")}, Half::kKeeper);
}

TEST_F(KilledPack, RC_D_PACK_AReloadWhoseKeeperIsKilledAtAnyWrite) {
  build_wanting("1.1.0", 2, "more.sgpack");
  ASSERT_EQ(run({"import", "more.sgpack"}).exit_code, 0);
  kill_everywhere({"reload", "--approval", token(request_of({"reload"}))}, Half::kKeeper);
}

TEST_F(KilledPack, RC_D_PACK_ARetirementKilledAtAnyWrite) { kill_everywhere({"retire", "soc.policy"}); }

TEST_F(KilledPack, RC_D_PACK_AnActivationKilledAtAnyWrite) {
  ASSERT_EQ(run({"retire", "soc.policy"}).exit_code, 0);
  kill_everywhere({"activate", "soc.policy"});
}

TEST_F(KilledPack, RC_D_PACK_AKeyKilledAtAnyWrite) {
  kill_everywhere({"key", "add", "keys/next.pub.pem", "--role", "publisher", "--holder", "Nell", "--fingerprint",
                   fingerprint("next")});
}

TEST_F(KilledPack, RC_D_PACK_ARepinKilledAtAnyWrite) {
  ASSERT_EQ(add_key("next", "publisher", "Nell").exit_code, 0);
  kill_everywhere({"repin", "soc.policy", "--key", key_id("next"), "--reason", "lost"});
}

TEST_F(KilledPack, RC_D_PACK_AThresholdKilledAtAnyWrite) {
  ASSERT_EQ(add_key("next", "governor", "Nell").exit_code, 0);
  kill_everywhere({"threshold", "@governors", "2"});
}

TEST_F(KilledPack, RC_D_PACK_ARotationKilledAtAnyWrite) {
  build_governed("rotation", "rotation.yaml",
                 "format: stargraph.rotation.v1\nscope: soc.policy\nold_key: \"" + key_id("publisher") +
                     "\"\nnew_key: \"" + spki("next") + "\"\nreason: worn\n",
                 1, "publisher", "rotation.sgpack");
  kill_everywhere({"import", "rotation.sgpack", "--fingerprint", fingerprint("next")});
}

TEST_F(KilledPack, RC_D_PACK_ARevocationKilledAtAnyWrite) {
  build_governed("revocation", "revocations.yaml",
                 "format: stargraph.revocations.v1\nnumber: 1\nkeys:\n  - {key_id: \"" + key_id("publisher") +
                     "\", reason: stolen, date: 2026-01-01}\n",
                 1, "governor", "list.sgpack");
  kill_everywhere({"import", "list.sgpack"});
}

TEST_F(KilledPack, RC_D_PACK_AReloadKilledAtAnyWrite) {
  build_wanting("1.1.0", 2, "more.sgpack");
  ASSERT_EQ(run({"import", "more.sgpack"}).exit_code, 0);
  kill_everywhere({"reload", "--approval", token(request_of({"reload"}))});
}

TEST_F(KilledPack, RC_D_PACK_AStepBelowTheFloorKilledAtAnyWrite) {
  write_sources("newer", "soc.policy", "2.0.0");
  ASSERT_EQ(build("newer", "publisher", 5, "newer.sgpack").exit_code, 0);
  ASSERT_EQ(run({"import", "newer.sgpack", "--activate"}).exit_code, 0);
  std::vector<std::string> back{"activate", "soc.policy", "1.0.0", "--below-floor", "--reason", "2.0.0 halts all"};
  back.insert(back.end(), {"--approval", token(request_of(back))});
  kill_everywhere(back);
}

// The database of before beside the log of now, through the command.
TEST_F(KilledPack, RC_R_PACK_ADatabasePutBackIsRepairedByTheCommand) {
  key_pem_.emplace(crypto::Secret::copy(audit_->key_pem().view()));
  keep();
  ASSERT_EQ(run({"retire", "soc.policy"}).exit_code, 0);
  ASSERT_EQ(add_key("next", "publisher", "Nell").exit_code, 0);
  put_database_back();
  EXPECT_FALSE(find().agrees);
  EXPECT_NE(add_key("other", "publisher", "Olga").err.find("(FORK)"), std::string::npos);
  EXPECT_EQ(run({"repair"}).exit_code, 2) << "a reason is needed";
  const CommandResult repaired = run({"repair", "--reason", "the disk of before was put back"});
  ASSERT_EQ(repaired.exit_code, 0) << repaired.err;
  EXPECT_NE(repaired.out.find("2 acts came back"), std::string::npos) << repaired.out;
  EXPECT_TRUE(find().agrees);
  EXPECT_NE(run({"list"}).out.find("  soc.policy 1.0.0"), std::string::npos) << "retired, as it was";
  EXPECT_NE(run({"key", "list"}).out.find("Nell"), std::string::npos);
}

#endif

}  // namespace
}  // namespace stargraph
