// stargraph doctor --attack against processes, sockets, files and servers of this test: every attack once at a wall
// that stands and once where it is really missing. Needs root, as the command does.
#include "bin/stargraph/attack.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <thread>

#include "bin/stargraph/attempt.hpp"
#include "stargraph/base/descriptor.hpp"
#include "support/refused_calls.hpp"
#include "unit/stargraph/attack_fixture.hpp"

namespace stargraph::cli {
namespace {

// A process that puts itself into some state, says so, and stands still until the test ends.
class Standing {
 public:
  explicit Standing(const std::function<bool()>& prepare) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const char said = prepare() ? 'y' : 'n';
      static_cast<void>(!::write(ends[1], &said, 1));
      while (true) ::pause();
    }
    ::close(ends[1]);
    char said = 'n';
    ready_ = ::read(ends[0], &said, 1) == 1 && said == 'y';
    ::close(ends[0]);
  }
  ~Standing() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Standing(const Standing&) = delete;
  Standing& operator=(const Standing&) = delete;
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] std::optional<Targets::Program> program(uid_t uid = 0) const {
    return Targets::Program{pid_, {uid, uid, {}}};
  }
  [[nodiscard]] bool stands_still() const {
    int status = 0;
    return ::waitpid(pid_, &status, WNOHANG) == 0;
  }

 private:
  pid_t pid_ = -1;
  bool ready_ = false;
};

const std::vector<int> kAll = {SYS_execve,  SYS_fork,           SYS_clone, SYS_clone3, SYS_socket,
                               SYS_connect, SYS_io_uring_setup, SYS_bpf,   SYS_ptrace, SYS_setns,
                               SYS_unshare, SYS_mount,          SYS_kill};

TEST_F(Attack, ClaimsNothingWhereThereIsNothingToAttack) {
  for (const Wall& wall : attack(nothing_)) EXPECT_EQ(wall.state, WallState::kUntested) << wall.name << wall.detail;
  EXPECT_EQ(doctor_exit_code(attack(nothing_)), base::kExitUnavailable);
}

TEST_F(Attack, ClaimsNothingWithoutRoot) {
  const auto code = attempt([] { return become({65534, 65534, {}}); },
                            [&] {
                              const auto walls = attack(nothing_);
                              return walls.size() == 1 && walls[0].state == WallState::kUntested ? 0 : 1;
                            });
  EXPECT_EQ(code.kind, Outcome::Kind::kDone);
}

TEST_F(Attack, SG_E_HTTP_FindsAProcessWithoutASystemCallFilter) {
  const Standing daemon([] { return true; });
  ASSERT_TRUE(daemon.ready());
  nothing_.daemon = daemon.program();
  expect(attack(nothing_), "attack.daemon.system-calls", WallState::kAbsent, "without a filter");
  EXPECT_TRUE(daemon.stands_still());
}

TEST_F(Attack, SG_E_HTTP_TriesTheFiltersOfTheRunningProcessAndSeesWhatTheyLetThrough) {
  std::vector<int> all_but_connect = kAll;
  std::erase(all_but_connect, SYS_connect);
  const Standing sound([] { return test::refuse_calls(kAll); });
  const Standing leaky([&] { return test::refuse_calls(all_but_connect) && test::refuse_calls({SYS_bpf}, false); });
  ASSERT_TRUE(sound.ready() && leaky.ready());
  nothing_.daemon = sound.program();
  nothing_.writer = leaky.program();
  const auto walls = attack(nothing_);
  expect(walls, "attack.daemon.system-calls", WallState::kHeld, "refused: execve, fork, socket, connect");
  expect(walls, "attack.audit-writer.system-calls", WallState::kAbsent, "came through: connect");
  EXPECT_EQ(find(walls, "attack.audit-writer.system-calls").detail.find("socket"), std::string::npos);
  EXPECT_TRUE(sound.stands_still() && leaky.stands_still());
}

TEST_F(Attack, SG_E_HTTP_SeesExecutableMemoryComeThrough) {
  const Standing daemon([] { return test::refuse_calls(kAll, false); });
  ASSERT_TRUE(daemon.ready());
  nothing_.daemon = daemon.program();
  expect(attack(nothing_), "attack.daemon.system-calls", WallState::kAbsent, "came through: executable-memory");
}

TEST_F(Attack, SG_E_HTTP_FindsTheWayOutOfTheMachinesNetworkAndNoneOutOfAnEmptyOne) {
  const Standing outside([] { return true; });
  const Standing inside([] { return ::unshare(CLONE_NEWNET) == 0; });
  ASSERT_TRUE(outside.ready() && inside.ready());
  nothing_.daemon = inside.program();
  nothing_.writer = outside.program();
  const auto walls = attack(nothing_);
  expect(walls, "attack.daemon.network", WallState::kHeld);
  expect(walls, "attack.audit-writer.network", WallState::kAbsent, "127.0.0.1");
}

// As systemd's PrivateNetwork=yes leaves it.
bool raise(const char* interface) {
  const base::Descriptor any(::socket(AF_INET, SOCK_DGRAM, 0));
  struct ifreq request{};
  std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP;
  return ::ioctl(any.get(), SIOCSIFFLAGS, &request) == 0;
}

// An interface besides; it lasts as long as the process.
bool wire(const char* interface) {
  const int tunnel = ::open("/dev/net/tun", O_RDWR);
  struct ifreq request{};
  std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  return tunnel >= 0 && ::ioctl(tunnel, TUNSETIFF, &request) == 0;
}

TEST_F(Attack, SG_E_HTTP_ALoopbackOfItsOwnIsNoWayOutAnInterfaceBesidesIsOne) {
  const Standing alone([] { return ::unshare(CLONE_NEWNET) == 0 && raise("lo"); });
  const Standing wired([] { return ::unshare(CLONE_NEWNET) == 0 && raise("lo") && wire("leak"); });
  ASSERT_TRUE(alone.ready());
  nothing_.daemon = alone.program();
  if (wired.ready()) nothing_.writer = wired.program();
  const auto walls = attack(nothing_);
  expect(walls, "attack.daemon.network", WallState::kHeld, "loopback of its own");
  if (!wired.ready()) GTEST_SKIP() << "no interface can be made here";
  expect(walls, "attack.audit-writer.network", WallState::kAbsent, "interface");
}

TEST_F(Attack, RC_S_AUDIT_ConnectsAsNobodyAndAsTheDaemon) {
  const Standing both([] { return true; });
  nothing_.writer = both.program(989);
  nothing_.daemon = both.program(990);
  const base::Descriptor entries = listen("entries.sock", 0600);
  const base::Descriptor trust = listen("trust.sock", 0600);
  auto walls = attack(nothing_);
  expect(walls, "attack.socket.entries.sock", WallState::kHeld);
  expect(walls, "attack.socket.trust.sock", WallState::kHeld, "neither nobody nor the daemon");
  ASSERT_EQ(::chmod((dir_ / "entries.sock").c_str(), 0666), 0);
  ASSERT_EQ(::chmod((dir_ / "trust.sock").c_str(), 0620), 0);
  ASSERT_EQ(::chown((dir_ / "trust.sock").c_str(), 0, 990), 0);
  walls = attack(nothing_);
  expect(walls, "attack.socket.entries.sock", WallState::kAbsent, "anybody");
  expect(walls, "attack.socket.trust.sock", WallState::kAbsent, "the daemon may connect");
}

// The writer's own look at its peer: whoever it does not know is sent away although the socket let him in.
class PeerAttack : public Attack {
 protected:
  // A writer that says that to whoever comes, and hangs up.
  [[nodiscard]] WallState before_a_writer_that_says(const std::string& packet) {
    std::filesystem::remove(dir_ / "entries.sock");
    const base::Descriptor entries = listen("entries.sock", 0600);
    std::jthread writer([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const base::Descriptor peer(::accept4(entries.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (peer.open() && !packet.empty())
          static_cast<void>(::send(peer.get(), packet.data(), packet.size(), MSG_NOSIGNAL));
      }
    });
    nothing_.writer = both_.program(989);
    nothing_.daemon = both_.program(990);
    nothing_.patience = std::chrono::minutes(1);
    const Wall wall = find(attack(nothing_), "attack.audit-writer.peer");
    writer.request_stop();
    ::shutdown(entries.get(), SHUT_RDWR);
    return wall.state;
  }
  const Standing both_{[] { return true; }};
};

TEST_F(PeerAttack, RC_S_AUDIT_SeesWhetherTheWriterSendsStrangersAway) {
  EXPECT_EQ(before_a_writer_that_says(R"({"code":"capability-denied","type":"refused","v":1})"), WallState::kHeld);
  std::filesystem::remove(dir_ / "entries.sock");
  const base::Descriptor careless = listen("entries.sock", 0600);  // its backlog takes anybody and never hangs up
  nothing_.patience = std::chrono::milliseconds(50);
  expect(attack(nothing_), "attack.audit-writer.peer", WallState::kAbsent);
  nothing_.daemon = both_.program(0);
  expect(attack(nothing_), "attack.audit-writer.peer", WallState::kUntested, "is root");
}

// There is one place at entries.sock, and the daemon has it.
TEST_F(PeerAttack, RC_S_AUDIT_DoesNotTakeABusyOrDyingWriterForOneThatKnowsStrangers) {
  EXPECT_EQ(before_a_writer_that_says(R"({"code":"busy","type":"refused","v":1})"), WallState::kUntested);
  EXPECT_EQ(before_a_writer_that_says("capability-denied"), WallState::kUntested);
  EXPECT_EQ(before_a_writer_that_says(""), WallState::kUntested);
}

TEST_F(Attack, SG_I_STATE_OpensWhatOthersCanOpenAndNamesIt) {
  std::filesystem::create_directory(dir_ / "state");
  ASSERT_EQ(::chmod((dir_ / "state").c_str(), 0700), 0);
  file("state/stargraph.db", 0644);  // the folder is the wall
  file("key", 0600);
  nothing_.of_daemon = {dir_ / "state"};
  nothing_.of_root = {dir_ / "key"};
  auto walls = attack(nothing_);
  expect(walls, "attack.files.state.from-nobody", WallState::kHeld, "none of 2 paths");
  expect(walls, "attack.files.keys.from-nobody", WallState::kHeld, "none of 1 path");
  expect(walls, "attack.files.state.from-audit-writer", WallState::kUntested, "does not run");
  ASSERT_EQ(::chmod((dir_ / "state").c_str(), 0711), 0);
  ASSERT_EQ(::chmod((dir_ / "key").c_str(), 0604), 0);
  walls = attack(nothing_);
  expect(walls, "attack.files.state.from-nobody", WallState::kAbsent, "stargraph.db");
  expect(walls, "attack.files.keys.from-nobody", WallState::kAbsent, "key");
}

TEST_F(Attack, SG_I_STATE_HoldsNoPathForShutThatWasNotTried) {
  std::filesystem::create_directory(dir_ / "state");
  ASSERT_EQ(::chmod((dir_ / "state").c_str(), 0700), 0);
  nothing_.of_daemon = {dir_ / "state"};
  const std::string name(250, 'd');
  base::Descriptor at(::open((dir_ / "state").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int depth = 0; depth < 20; ++depth) {  // beyond PATH_MAX
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at = base::Descriptor(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  expect(attack(nothing_), "attack.files.state.from-nobody", WallState::kUntested);
  std::filesystem::remove_all(dir_ / "state" / name);
  file("state/0", 0600);
  for (int i = 1; i < 20'000; ++i)
    std::filesystem::create_hard_link(dir_ / "state/0", dir_ / "state" / std::to_string(i));
  expect(attack(nothing_), "attack.files.state.from-nobody", WallState::kUntested, "others that were not tried");
}

// The audit writer's user is in the daemon's group, for the configuration's sake.
TEST_F(Attack, SG_I_STATE_ComesWithTheGroupsThatAProcessHas) {
  const Standing writer([] { return true; });
  nothing_.writer = writer.program(989);
  file("state", 0640);
  ASSERT_EQ(::chown((dir_ / "state").c_str(), 0, 990), 0);
  nothing_.of_daemon = {dir_ / "state"};
  expect(attack(nothing_), "attack.files.state.from-audit-writer", WallState::kHeld);
  nothing_.writer->identity.groups = {990};
  expect(attack(nothing_), "attack.files.state.from-audit-writer", WallState::kAbsent, "state");
}

TEST_F(Attack, RC_E_AUDIT_OpensTheLogAsTheDaemonsUser) {
  const Standing daemon([] { return true; });
  nothing_.daemon = daemon.program(990);
  std::filesystem::create_directory(dir_ / "log");
  file("log/audit-00000001.jsonl", 0600);
  nothing_.of_writer = {dir_ / "log"};
  ASSERT_EQ(::chmod((dir_ / "log").c_str(), 0700), 0);
  expect(attack(nothing_), "attack.files.log.from-daemon", WallState::kHeld);
  ASSERT_EQ(::chown((dir_ / "log").c_str(), 0, 990), 0);
  ASSERT_EQ(::chmod((dir_ / "log").c_str(), 0730), 0);  // not to be read, but to be written
  auto walls = attack(nothing_);
  expect(walls, "attack.files.log.from-daemon", WallState::kAbsent, "log");
  expect(walls, "attack.files.log.from-nobody", WallState::kHeld);
}

}  // namespace
}  // namespace stargraph::cli
