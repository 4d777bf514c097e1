// stargraph doctor --attack against processes, sockets, files and servers of this test: every attack once at a wall
// that stands and once where it is really missing. Needs root, as the command does.
#include "bin/stargraph/attack.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "bin/stargraph/attack_listener.hpp"
#include "bin/stargraph/attempt.hpp"
#include "stargraph/base/descriptor.hpp"
#include "support/command.hpp"
#include "support/temp_dir.hpp"

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

// A filter that refuses these, and executable memory unless told otherwise.
bool refuse(const std::vector<int>& calls, bool executable_memory = true) {
  scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
  bool fine = filter != nullptr;
  for (const int call : calls) fine = fine && ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0) == 0;
  const scmp_arg_cmp executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC};
  if (executable_memory) {
    fine = fine && ::seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), 1, &executable) == 0;
  }
  fine = fine && ::seccomp_load(filter) == 0;
  ::seccomp_release(filter);
  return fine;
}

const std::vector<int> kAll = {SCMP_SYS(execve), SCMP_SYS(fork),    SCMP_SYS(clone),          SCMP_SYS(clone3),
                               SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(io_uring_setup), SCMP_SYS(bpf),
                               SCMP_SYS(ptrace), SCMP_SYS(setns),   SCMP_SYS(unshare),        SCMP_SYS(mount),
                               SCMP_SYS(kill)};

const Wall& find(const std::vector<Wall>& walls, const std::string& name) {
  static const Wall kNone{"none", WallState::kUnseen, "", false};
  for (const Wall& wall : walls) {
    if (wall.name == name) return wall;
  }
  ADD_FAILURE() << "no wall " << name;
  return kNone;
}

class Attack : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root attacks";
    nothing_.entries_socket = dir_ / "entries.sock";
    nothing_.trust_socket = dir_ / "trust.sock";
    nothing_.patience = std::chrono::milliseconds(50);  // only for writers that never send anybody away
    nothing_.of_daemon = nothing_.of_writer = nothing_.of_root = {dir_ / "absent"};
    ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  }
  // What is attacked must still stand there as it did.
  static void expect(const std::vector<Wall>& walls, const std::string& name, WallState state,
                     const std::string& detail = "") {
    const Wall& wall = find(walls, name);
    EXPECT_EQ(wall_state_name(wall.state), wall_state_name(state)) << name << ": " << wall.detail;
    EXPECT_NE(wall.detail.find(detail), std::string::npos) << name << ": " << wall.detail;
  }
  [[nodiscard]] base::Descriptor listen(const std::string& name, mode_t mode) const {
    base::Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = (dir_ / name).string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_EQ(::listen(socket.get(), 8), 0);
    return socket;
  }
  void file(const std::string& name, mode_t mode) const {
    static_cast<void>(dir_.write(name, "secret"));
    ASSERT_EQ(::chmod((dir_ / name).c_str(), mode), 0);
  }

  test::TempDir dir_;
  Targets nothing_;  // none of it is there
};

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
  std::erase(all_but_connect, SCMP_SYS(connect));
  const Standing sound([] { return refuse(kAll); });
  const Standing leaky([&] { return refuse(all_but_connect) && refuse({SCMP_SYS(bpf)}, false); });
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
  const Standing daemon([] { return refuse(kAll, false); });
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

// openssl s_server as a server with other walls than ours.
class ListenerAttack : public Attack {
 protected:
  void serve(const std::vector<std::string>& flags) {
    server_.reset();
    std::vector<std::string> argv{"openssl", "s_server",
                                  "-accept", "127.0.0.1:0",
                                  "-cert",   (dir_ / "cert.pem").string(),
                                  "-key",    (dir_ / "key.pem").string()};
    argv.insert(argv.end(), flags.begin(), flags.end());
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[1], STDOUT_FILENO);
      ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);  // it tells of each refusal
      ::execvp("openssl", test::detail::c_array(argv).data());
      ::_exit(127);
    }
    server_.emplace(pid);
    ::close(ends[1]);
    const base::Descriptor out(ends[0]);
    std::string said;
    std::array<char, 256> buffer{};
    while (said.find("ACCEPT") == std::string::npos) {
      const ssize_t got = ::read(out.get(), buffer.data(), buffer.size());
      ASSERT_GT(got, 0) << said;
      said.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  void SetUp() override {
    Attack::SetUp();
    make_key({"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"});
  }
  void make_key(const std::vector<std::string>& kind) {
    std::vector<std::string> argv{"openssl", "req", "-x509"};
    argv.insert(argv.end(), kind.begin(), kind.end());
    argv.insert(argv.end(), {"-nodes", "-days", "2", "-subj", "/CN=x", "-keyout", (dir_ / "key.pem").string(), "-out",
                             (dir_ / "cert.pem").string()});
    const auto made = test::run_command(argv);
    ASSERT_TRUE(made.ok()) << made.err;
  }
  [[nodiscard]] std::vector<Wall> knock() const { return attack_listener(server_->pid); }

  struct Server {
    explicit Server(pid_t number) : pid(number) {}
    ~Server() {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    pid_t pid;
  };
  std::optional<Server> server_;
};

TEST_F(ListenerAttack, SG_S_HTTP_SeesAServerThatAnswersWithoutACertificate) {
  serve({"-tls1_3", "-www"});
  expect(knock(), "attack.listener.certificate", WallState::kAbsent);
  expect(knock(), "attack.listener.tls12", WallState::kHeld, "for its version");
}

TEST_F(ListenerAttack, SG_I_HTTP_SeesAServerThatSpeaksTls12) {
  serve({"-www", "-Verify", "1"});
  expect(knock(), "attack.listener.certificate", WallState::kHeld);
  expect(knock(), "attack.listener.tls12", WallState::kAbsent);
}

TEST_F(ListenerAttack, SG_S_HTTP_DoesNotTakeAServerWithoutTls13ForOneThatRefuses) {
  serve({"-tls1_2", "-www", "-Verify", "1"});
  expect(knock(), "attack.listener.certificate", WallState::kUntested);
  expect(knock(), "attack.listener.tls12", WallState::kAbsent);
}

// A server's key may be of a kind that few clients offer in TLS 1.2.
TEST_F(ListenerAttack, SG_I_HTTP_SeesTls12OfAServerWithAnEd25519Certificate) {
  make_key({"-newkey", "ed25519"});
  serve({"-tls1_2", "-www", "-groups", "X25519"});
  expect(knock(), "attack.listener.tls12", WallState::kAbsent);
}

// It speaks TLS 1.2, with others.
TEST_F(ListenerAttack, SG_I_HTTP_TakesNoOtherAlertForARefusalOfTls12) {
  serve({"-tls1_2", "-www", "-cipher", "ECDHE-ECDSA-AES256-SHA384"});
  expect(knock(), "attack.listener.tls12", WallState::kUntested, "not for its version");
}

TEST_F(ListenerAttack, SG_I_HTTP_KnocksAtEveryListenerOfTheProcess) {
  base::Descriptor second(::socket(AF_INET, SOCK_STREAM, 0));  // the server inherits it
  ASSERT_EQ(::listen(second.get(), 8), 0);
  serve({"-tls1_3", "-Verify", "1"});
  std::jthread hangs_up([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) static_cast<void>(base::Descriptor(::accept(second.get(), nullptr, nullptr)));
  });
  const auto listeners = listeners_of(server_->pid);
  const auto walls = knock();
  hangs_up.request_stop();
  ::shutdown(second.get(), SHUT_RDWR);
  ASSERT_TRUE(listeners);
  EXPECT_EQ(listeners->size(), 2U);
  expect(walls, "attack.listener.certificate", WallState::kUntested, "no TLS 1.3");
  expect(walls, "attack.listener.tls12", WallState::kUntested);  // before or after the greeting
}

TEST_F(ListenerAttack, FindsTheListenersOfAProcessOnly) {
  serve({"-tls1_3"});
  const auto listeners = listeners_of(server_->pid);
  ASSERT_TRUE(listeners && listeners->size() == 1);
  EXPECT_EQ(listeners->front().host, "127.0.0.1");
  EXPECT_TRUE(listeners_of(::getpid()) && listeners_of(::getpid())->empty());
  EXPECT_FALSE(listeners_of(-1));  // nobody's folder
  EXPECT_EQ(attack_listener(::getpid())[0].state, WallState::kUntested);
}

}  // namespace
}  // namespace stargraph::cli
