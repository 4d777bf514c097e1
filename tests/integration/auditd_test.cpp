// The real stargraph-auditd with sockets handed to it as systemd would, and the real stargraph-audit over what
// it wrote: kill -9 and restart, stop, tampering.
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
#include <fstream>
#include <iterator>

#include "integration/auditd.hpp"
#include "stargraph/base/sanitized.hpp"

namespace stargraph {
namespace {

using audit::Client;
using audit::Source;
using test::CommandResult;
using test::kLong;
using test::make_event;
using test::program;

class Auditd : public test::Auditd {};

TEST_F(Auditd, RefusesToStartWithoutInheritedSockets) {
  const CommandResult result = test::run_command(arguments());
  EXPECT_EQ(result.exit_code, base::kExitConfig);
  EXPECT_NE(result.err.find("no-inherited-socket"), std::string::npos);
}

TEST_F(Auditd, RefusesAKeyThatOthersMayRead) {
  ASSERT_EQ(::chmod((directory_ / "audit.key.pem").c_str(), 0644), 0);
  start();
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  EXPECT_EQ(WEXITSTATUS(status), base::kExitConfig);
}

TEST_F(Auditd, RC_R_AUDIT_KilledAtAnyMomentItLosesNothingItAcknowledged) {
  std::int64_t next = 1;
  std::int64_t acknowledged = 0;
  for (int life = 0; life < 6; ++life) {
    start();
    const auto client = connect(Source::kDaemon);
    ASSERT_NE(client, nullptr);
    ASSERT_GE(client->head().source_seq.value(), acknowledged);
    // Some records again, as a daemon does that never heard of them, and new ones.
    next = std::max<std::int64_t>(1, acknowledged - 5);
    for (int i = 0; i < 40; ++i, ++next) {
      audit::Record record{make_event(), audit::SourceSeq(next), base::real_env().now()};
      ASSERT_TRUE(client->send(*audit::encode_record(record)).has_value());
    }
    while (acknowledged < next - 1 - 10 * life) {  // the rest is on its way when the end comes
      const auto head = client->receive(kLong);
      ASSERT_TRUE(head.has_value()) << head.error().message;
      acknowledged = head->source_seq.value();
    }
    stop(SIGKILL);
  }
  start();
  ASSERT_GE(connect(Source::kDaemon)->head().source_seq.value(), acknowledged);
  EXPECT_EQ(stop(SIGTERM), 0);
  for (std::int64_t i = 1; i <= acknowledged; ++i) {
    const std::string mark = "\"source\":\"stargraphd\",\"source_seq\":" + std::to_string(i) + ",";
    const std::string text = log();
    const std::size_t at = text.find(mark);
    ASSERT_NE(at, std::string::npos) << i;
    EXPECT_EQ(text.find(mark, at + 1), std::string::npos) << i;
  }
  const CommandResult verified = auditor({"verify", "log", "--pubkey", "audit.pub.pem"});
  EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
  EXPECT_EQ(verified.out.find("UNSIGNED_TAIL"), std::string::npos);
}

TEST_F(Auditd, GivesReceiptsOnTheTrustSocketOnly) {
  start();
  const auto importer = connect(Source::kTrust);
  ASSERT_NE(importer, nullptr);
  const auto receipt = importer->record(make_event(audit::EventName::kTrustPinned), base::real_env().now(), kLong);
  ASSERT_TRUE(receipt.has_value()) << receipt.error().message;
  EXPECT_TRUE(audit::verify_receipt(*receipt, *public_key_).has_value());
  const auto daemon = connect(Source::kDaemon);
  const auto refused = daemon->record(make_event(audit::EventName::kTrustPinned), base::real_env().now(), kLong);
  EXPECT_EQ(refused.error().code, base::Code::kCapabilityDenied);
  EXPECT_EQ(stop(SIGTERM), 0);
  const bool told = log().find("\"trust_stand_in_uid\"") != std::string::npos;
  EXPECT_EQ(told, ::getuid() != 0);  // another owner than root is said openly
}

TEST_F(Auditd, RunsUnderItsSystemCallFilter) {
  start();
  ASSERT_NE(connect(Source::kDaemon), nullptr);
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  const std::string text{std::istreambuf_iterator<char>(status), std::istreambuf_iterator<char>()};
#if !SG_SANITIZED
  EXPECT_NE(text.find("\nSeccomp:\t2\n"), std::string::npos);
#endif
  EXPECT_NE(text.find("\nNoNewPrivs:\t1\n"), std::string::npos);
  EXPECT_EQ(stop(SIGTERM), 0);
}

TEST_F(Auditd, FilesAreForTheirOwnerOnly) {
  start();
  ASSERT_NE(connect(Source::kDaemon), nullptr);
  EXPECT_EQ(stop(SIGTERM), 0);
  for (const char* name : {"log/audit-00000001.jsonl", "state/install.json", "state/anchor.jsonl"}) {
    const auto info = base::real_env().info(directory_ / name);
    ASSERT_TRUE(info.has_value()) << name;
    EXPECT_EQ(info->mode, 0600U) << name;
  }
}

// The auditor's afternoon: a copy, the public key, one changed byte, one cut tail, one forged note.
TEST_F(Auditd, RC_T_AUDIT_TheAuditorFindsFileLineAndReason) {
  start();
  {
    const auto client = connect(Source::kDaemon);
    ASSERT_TRUE(client->record(make_event(), base::real_env().now(), kLong).has_value());
  }
  EXPECT_EQ(stop(SIGTERM), 0);
  const CommandResult note = auditor({"checkpoint", "log", "--pubkey", "audit.pub.pem"});
  ASSERT_EQ(note.exit_code, 0) << note.err;
  directory_.write("note.jsonl", note.out);
  EXPECT_EQ(auditor({"verify", "log", "--pubkey", "audit.pub.pem", "--anchor", "note.jsonl"}).exit_code, 0);

  std::string changed = log();
  changed[changed.find("alice")] = 'A';
  directory_.write("copy.jsonl", changed);
  const CommandResult bad = auditor({"verify", "copy.jsonl", "--pubkey", "audit.pub.pem"});
  EXPECT_EQ(bad.exit_code, base::kExitIntegrity);
  EXPECT_NE(bad.out.find("BAD  copy.jsonl:3  HASH_MISMATCH"), std::string::npos) << bad.out;
  const CommandResult json = auditor({"verify", "copy.jsonl", "--pubkey", "audit.pub.pem", "--json"});
  EXPECT_EQ(json.exit_code, base::kExitIntegrity);
  EXPECT_NE(json.out.find("\"line\":3,\"reason\":\"HASH_MISMATCH\""), std::string::npos) << json.out;

  const std::string whole = log();
  directory_.write("copy.jsonl", whole.substr(0, whole.rfind('\n', whole.size() - 2) + 1));
  const CommandResult cut = auditor({"verify", "copy.jsonl", "--pubkey", "audit.pub.pem", "--anchor", "note.jsonl"});
  EXPECT_EQ(cut.exit_code, base::kExitIntegrity);
  EXPECT_NE(cut.out.find("TRUNCATED"), std::string::npos) << cut.out;

  EXPECT_EQ(auditor({"verify", "log", "--pubkey", "absent.pem"}).exit_code, base::kExitFailed);
  EXPECT_EQ(auditor({"verify"}).exit_code, base::kExitUsage);
}

TEST_F(Auditd, ShowEscapesWhatATerminalWouldObey) {
  start();
  {
    audit::Event event = make_event();
    event.actor = base::ActorName("\x1b[2Jroot\n9 fake \xE2\x80\xAE");
    event.data.set("note",
                   "\xC2\x9B"
                   "2J\x7f");
    ASSERT_TRUE(connect(Source::kDaemon)->record(event, base::real_env().now(), kLong).has_value());
  }
  EXPECT_EQ(stop(SIGTERM), 0);
  const CommandResult shown = auditor({"show", "log"});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_EQ(std::ranges::count(shown.out, '\n'), 5);
  for (const char* bytes : {"\x1b", "\xC2\x9B", "\x7f", "\xE2\x80\xAE"})
    EXPECT_EQ(shown.out.find(bytes), std::string::npos);
}

// A log that somebody prepared must not write on the auditor's terminal: neither by its content nor by its name.
TEST_F(Auditd, RC_T_AUDIT_WhatAForeignLogSaysDoesNotSteerTheTerminal) {
  const std::string pub =
      directory_.write("some.pub.pem", crypto::PrivateKey::generate(crypto::Algorithm::kEd25519)->public_key().pem());
  std::filesystem::create_directory(directory_ / "evil");
  const std::string file = directory_.write("evil/audit-\x1b[2J\nOK.jsonl", "{\"install_id\":\"\x1b[31m\"}\n");
  const CommandResult said = auditor({"verify", file, "--pubkey", pub});
  EXPECT_NE(said.exit_code, 0);
  EXPECT_EQ((said.out + said.err).find('\x1b'), std::string::npos) << said.out << said.err;
  EXPECT_EQ((said.out + said.err).find("\nOK"), std::string::npos);
}

// Carriable: no database, no rules, no network library.
TEST_F(Auditd, TheVerifierLinksNoMoreThanItNeeds) {
  const CommandResult linked = test::run_command({"ldd", program("stargraph-audit")});
  for (const char* name : {"sqlite", "libssl", "libcurl", "systemd", "seccomp", "re2", "yaml"}) {
    EXPECT_EQ(linked.out.find(name), std::string::npos) << name;
  }
  const CommandResult symbols = test::run_command({"nm", "-C", program("stargraph-audit")});
  EXPECT_EQ(symbols.out.find("sqlite3_open"), std::string::npos);
}

}  // namespace
}  // namespace stargraph
