// An appliance as stargraph-pack sees it: configuration, database key, and a real audit writer behind trust.sock (in
// this process); with two publishers' keys and a pack.
#pragma once

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "stargraph/audit/server.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/json/parse.hpp"
#include "support/command.hpp"
#include "support/temp_dir.hpp"

namespace stargraph {

using test::CommandOptions;
using test::CommandResult;

// stargraph-auditd's own loop on a thread, with a socket of the test's making.
class AuditWriter {
 public:
  // Goes on with the key `key_pem` when given, and with the log that is there.
  AuditWriter(const base::Path& directory, const base::Path& socket, const crypto::Secret* key_pem = nullptr)
      : wake_(::eventfd(0, EFD_CLOEXEC)) {
    const crypto::Secret none;
    auto key = key_pem == nullptr ? crypto::PrivateKey::generate(crypto::Algorithm::kEd25519)
                                  : crypto::PrivateKey::from_pem(*key_pem, none);
    SG_CHECK(key.has_value());
    public_pem_ = key->public_key().pem();
    key_pem_ = key->to_pem(none).value();
    audit::Writer::Options options;
    options.log_directory = directory / "log";
    options.state_directory = directory / "state";
    base::Env& env = base::real_env();
    SG_CHECK(env.make_directory(options.log_directory, 0700) && env.make_directory(options.state_directory, 0700));
    auto writer = audit::Writer::open(env, *std::move(key), options);
    SG_CHECK(writer.has_value());
    writer_ = *std::move(writer);
    listener_ = listen_on(socket);
    server_ = std::make_unique<audit::Server>(
        *writer_, std::vector<audit::Server::Listener>{{listener_, audit::Source::kTrust, {::getuid()}}});
    thread_ = std::thread([this] {
      while (!stop_) {
        if (!server_->turn(std::chrono::seconds(60), wake_)) return;
      }
    });
  }
  ~AuditWriter() {
    stop_ = true;
    const std::uint64_t one = 1;
    SG_CHECK(::write(wake_, &one, sizeof one) == sizeof one);
    thread_.join();
    server_.reset();
    static_cast<void>(writer_->stop());
    ::close(listener_);
    ::close(wake_);
  }
  AuditWriter(const AuditWriter&) = delete;
  AuditWriter& operator=(const AuditWriter&) = delete;
  [[nodiscard]] const std::string& public_pem() const { return public_pem_; }
  [[nodiscard]] const crypto::Secret& key_pem() const { return key_pem_; }

 private:
  static int listen_on(const base::Path& path) {
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    SG_CHECK(fd >= 0 && path.string().size() < sizeof address.sun_path);
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    SG_CHECK(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(fd, 8) == 0);
    return fd;
  }

  int wake_;
  int listener_ = -1;
  std::string public_pem_;
  crypto::Secret key_pem_;
  std::unique_ptr<audit::Writer> writer_;
  std::unique_ptr<audit::Server> server_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

inline std::string program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "stargraph-pack").string();
}

class PackCli : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(crypto::initialise(crypto::FipsMode::kOff));
    ASSERT_TRUE(std::filesystem::exists(program())) << program();
    audit_ = std::make_unique<AuditWriter>(directory_.path(), directory_ / "trust.sock");
    directory_.write("audit.pub.pem", audit_->public_pem());
    const base::Path key = directory_.write("db.key", std::string(32, 'k'));
    ASSERT_EQ(::chmod(key.c_str(), 0600), 0);
    ASSERT_TRUE(base::real_env().make_directory(directory_ / "db", 0700));
    const std::string at = directory_.path().string();
    const base::Path config = directory_.write(
        "stargraph.yaml", "profile: oss-default\nstate: {directory: " + at + "/db, key_file: " + at + "/db.key}\n" +
                              "audit: {trust_socket: " + at + "/trust.sock, public_key: " + at + "/audit.pub.pem}\n");
    ASSERT_EQ(::chmod(config.c_str(), 0640), 0);
    write_sources("policy", "soc.policy", "1.0.0");
    ASSERT_EQ(run({"keygen", "--out", "keys", "--name", "publisher"}).exit_code, 0);
    ASSERT_EQ(run({"keygen", "--out", "keys", "--name", "other"}).exit_code, 0);
    ASSERT_EQ(build("policy", "publisher", 1, "policy.sgpack").exit_code, 0);
  }

  CommandResult run(std::vector<std::string> arguments, const CommandOptions& more = {}) const {
    arguments.insert(arguments.begin(), {program(), "--config", (directory_ / "stargraph.yaml").string()});
    CommandOptions options = more;
    options.directory = directory_.path();
    return test::run_command(std::move(arguments), options);
  }
  json::Value run_json(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "--json");
    const CommandResult result = run(std::move(arguments));
    auto value = json::parse(result.out);
    EXPECT_TRUE(value) << result.out << result.err;
    return value ? *value : json::Value();
  }
  static std::string text(const json::Value& value, std::string_view name) {
    const json::Value* member = value.object() == nullptr ? nullptr : value.object()->find(name);
    return member == nullptr || member->string() == nullptr ? "" : *member->string();
  }
  void write_sources(const std::string& name, const std::string& id, const std::string& version,
                     const std::string& rules =
                         "(deftemplate soc.input (slot tier))\n"
                         "(defrule stop (soc.input (tier prod)) => (assert (stargraph_action (kind halt))))\n") const {
    ASSERT_TRUE(base::real_env().make_directory(directory_ / name, 0700));
    directory_.write(name + "/manifest.yaml",
                     "kind: rules\nid: " + id + "\nversion: \"" + version +
                         "\"\nrequires: {stargraph_facts_version: \"1.0\", api_version: \"1\", facts: [soc.input]}\n");
    directory_.write(name + "/rules.clp", rules);
  }
  CommandResult build(const std::string& sources, const std::string& key, int epoch, const std::string& out) const {
    return run({"build", sources, "--key", "keys/" + key + ".key.pem", "--epoch", std::to_string(epoch), "--created",
                "2026-01-01T00:00:00Z", "--out", out});
  }
  std::string fingerprint(const std::string& key) const {
    return text(run_json({"fingerprint", "keys/" + key + ".pub.pem"}), "fingerprint");
  }
  // The script that stands in SIGNING.md.
  static std::string recipe() {
    std::ifstream in(std::filesystem::path(STARGRAPH_SOURCE_DIR) / "SIGNING.md");
    const std::string document{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const auto marker = document.find("<!-- recipe");
    const auto begin = document.find("```sh\n", marker);
    const auto end = document.find("\n```", begin);
    EXPECT_TRUE(marker != std::string::npos && end != std::string::npos);
    return document.substr(begin + 6, end - begin - 5);
  }

  test::TempDir directory_;
  std::unique_ptr<AuditWriter> audit_;
};

}  // namespace stargraph
