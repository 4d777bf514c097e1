// stargraph doctor --attack against the real daemon and audit writer: the filters, the listener and the sockets that it
// attacks are theirs. They run here without systemd, so the walls that its units put up are really missing.
#include <gtest/gtest.h>
#include <unistd.h>

#include "bin/stargraph/attack.hpp"
#include "bin/stargraph/doctor.hpp"
#include "integration/answer.hpp"
#include "integration/appliance.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::test {
namespace {

using cli::Targets;
using cli::Wall;
using cli::WallState;

class Doctor : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    box_ = new Appliance(STARGRAPH_PROGRAMS);
    Targets targets;
    targets.daemon = {box_->daemon_pid(), {::geteuid(), ::getegid(), {}}};
    targets.writer = {box_->auditd().pid(), {::geteuid(), ::getegid(), {}}};
    targets.entries_socket = box_->path("entries.sock");
    targets.trust_socket = box_->path("trust.sock");
    targets.of_daemon = {box_->path("state")};
    targets.of_writer = {box_->path("log"), box_->path("audit")};
    targets.of_root = {box_->path("audit.key"), box_->path("state.key"), box_->path("server.key")};
    walls_ = new std::vector<Wall>(cli::attack(targets));
  }
  static void TearDownTestSuite() {
    if (box_ == nullptr) return;
    EXPECT_TRUE(box_->daemon().alive()) << box_->daemon_log();
    EXPECT_EQ(status_of(box_->curl("viewer", {"/health"})), "200");  // as before the attacks
    EXPECT_EQ(box_->stop(), 0) << box_->daemon_log();
    delete walls_;
    delete box_;
  }
  void SetUp() override {
    if (box_ == nullptr) GTEST_SKIP() << "only root attacks";
  }
  static const Wall& wall(const std::string& name) {
    static const Wall kNone{"none", WallState::kUnseen, "there is no such wall", false};
    for (const Wall& each : *walls_) {
      if (each.name == "attack." + name) return each;
    }
    return kNone;
  }
  static void expect(const std::string& name, WallState state, const std::string& detail = "") {
    EXPECT_EQ(cli::wall_state_name(wall(name).state), cli::wall_state_name(state)) << name << ": " << wall(name).detail;
    EXPECT_TRUE(has(wall(name).detail, detail)) << name << ": " << wall(name).detail;
  }

 private:
  static inline Appliance* box_ = nullptr;
  static inline std::vector<Wall>* walls_ = nullptr;
};

TEST_F(Doctor, SG_E_HTTP_BothDaemonsHoldTheirSystemCallFilters) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer build has no system-call filter";
#endif
  for (const char* name : {"daemon.system-calls", "audit-writer.system-calls"})
    expect(name, WallState::kHeld, "killed: execve, connect, io_uring_setup");
}

TEST_F(Doctor, SG_S_HTTP_TheListenerHolds) {
  expect("listener.certificate", WallState::kHeld);
  expect("listener.tls12", WallState::kHeld, "refused for its version");
}

TEST_F(Doctor, RC_S_AUDIT_NobodyReachesSocketsLogStateOrKeys) {
  for (const char* name : {"socket.entries.sock", "socket.trust.sock", "files.state.from-nobody",
                           "files.log.from-nobody", "files.keys.from-nobody"})
    expect(name, WallState::kHeld);
}

TEST_F(Doctor, SaysThatTheUnitsWallsAreMissingHere) {
  expect("daemon.network", WallState::kAbsent, "127.0.0.1");
  expect("audit-writer.network", WallState::kAbsent);
  expect("audit-writer.peer", WallState::kUntested, "root");
  expect("files.log.from-daemon", WallState::kUntested, "root");
}

// The program itself, in a space of processes where nothing of ours runs.
TEST(DoctorCommand, ClaimsNothingWhereNothingRuns) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root attacks";
  const CommandResult done = run_command({"unshare", "--mount", "--pid", "--fork", "--mount-proc",
                                          STARGRAPH_PROGRAMS "/stargraph", "doctor", "--attack", "--json"});
  EXPECT_EQ(done.exit_code, 1) << done.out << done.err;
  const auto document = json::parse(done.out);
  ASSERT_TRUE(document && document->object() != nullptr) << done.out;
  std::size_t attacks = 0;
  for (const json::Value& each : *document->object()->find("walls")->array()) {
    const json::Object& wall = *each.object();
    if (!wall.find("name")->string()->starts_with("attack.")) continue;
    ++attacks;
    // The keys and folders of an appliance may lie on this machine; what must run does not.
    if (!has(*wall.find("name")->string(), "attack.files.")) {
      EXPECT_EQ(*wall.find("state")->string(), "untested") << json::canonical(each);
    }
  }
  EXPECT_GT(attacks, 10U);
}

TEST(DoctorCommand, AttacksNoMachineThatIsOnlyMounted) {
  const CommandResult done = run_command({STARGRAPH_PROGRAMS "/stargraph", "doctor", "--attack", "--root", "/nowhere"});
  EXPECT_EQ(done.exit_code, 2) << done.out;
}

}  // namespace
}  // namespace stargraph::test
