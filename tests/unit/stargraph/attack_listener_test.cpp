// stargraph doctor --attack against TLS servers: those that have the daemon's walls, and those that lack them.
#include "bin/stargraph/attack_listener.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <thread>

#include "support/command.hpp"
#include "unit/stargraph/attack_fixture.hpp"

namespace stargraph::cli {
namespace {

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
