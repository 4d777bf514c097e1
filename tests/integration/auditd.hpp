// The real stargraph-auditd with sockets handed to it as systemd would.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "stargraph/audit/client.hpp"
#include "stargraph/crypto/fips.hpp"
#include "support/command.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::test {

inline constexpr base::Duration kLong = std::chrono::seconds(30);

inline std::string program(const char* name) {
  std::error_code error;
  return (std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / name).string();
}

inline audit::Event make_event(audit::EventName name = audit::EventName::kRunStarted) {
  audit::Event event;
  event.name = name;
  event.actor = base::ActorName("alice");
  event.tenant = base::TenantId("soc");
  return event;
}

// systemd's part: the sockets live here, whatever becomes of the program behind them.
class Auditd : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(crypto::initialise(crypto::FipsMode::kOff));
    auto key = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
    public_key_ = key->public_key();
    directory_.write("audit.pub.pem", public_key_->pem());
    const crypto::Secret pem = *key->to_pem(crypto::Secret());
    const auto key_file = directory_.write("audit.key.pem", base::as_text(pem.view()));
    ASSERT_EQ(::chmod(key_file.c_str(), 0600), 0);
    ASSERT_TRUE(base::real_env().make_directory(directory_ / "log", 0700));
    ASSERT_TRUE(base::real_env().make_directory(directory_ / "state", 0700));
    entries_ = listen_on("entries.sock");
    trust_ = listen_on("trust.sock");
  }
  void TearDown() override {
    if (pid_ > 0) stop(SIGKILL);
    ::close(entries_);
    ::close(trust_);
  }
  int listen_on(const std::string& name) {
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy((directory_ / name).string(), address.sun_path);
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(fd, 8), 0);
    return fd;
  }
  std::vector<std::string> arguments() const {
    return {program("stargraph-auditd"),
            "--log-directory",
            (directory_ / "log").string(),
            "--state-directory",
            (directory_ / "state").string(),
            "--key-file",
            (directory_ / "audit.key.pem").string(),
            "--entries-uid",
            std::to_string(::getuid()),
            "--trust-uid",
            std::to_string(::getuid())};
  }
  void start() {
    std::vector<std::string> texts = arguments();
    texts.insert(texts.end(), extra_.begin(), extra_.end());
    std::vector<char*> argv;
    for (std::string& text : texts) argv.push_back(text.data());
    argv.push_back(nullptr);
    // High copies first: 3 and 4 may be in use by the very sockets that must land there.
    const int first = ::fcntl(entries_, F_DUPFD, 20);
    const int second = ::fcntl(trust_, F_DUPFD, 20);
    pid_ = ::fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      ::dup2(first, 3);
      ::dup2(second, 4);
      ::close(first);
      ::close(second);
      ::setenv("LISTEN_FDS", "2", 1);
      ::setenv("LISTEN_FDNAMES", "entries:trust", 1);
      ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(first);
    ::close(second);
  }
  int stop(int signal) {
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::unique_ptr<audit::Client> connect(audit::Source source) {
    const auto path = directory_ / (source == audit::Source::kDaemon ? "entries.sock" : "trust.sock");
    auto client = audit::Client::connect(path, source, *public_key_, kLong);
    EXPECT_TRUE(client.has_value()) << client.error().message;
    return client ? std::move(*client) : nullptr;
  }
  CommandResult auditor(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program("stargraph-audit"));
    CommandOptions options;
    options.directory = directory_.path();
    return run_command(std::move(arguments), options);
  }
  std::string log() { return directory_.read("log/audit-00000001.jsonl"); }

  TempDir directory_;
  std::optional<crypto::PublicKey> public_key_;
  std::vector<std::string> extra_;  // arguments of the next start
  int entries_ = -1;
  int trust_ = -1;
  pid_t pid_ = -1;
};

}  // namespace stargraph::test
