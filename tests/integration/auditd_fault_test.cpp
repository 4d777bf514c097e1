// What befalls a running stargraph-auditd: a second one, a disk that fills up, a log that is moved, replaced or cut
// under it, acknowledgements that get lost.
#include <sys/mount.h>

#include <fstream>
#include <functional>

#include "integration/auditd.hpp"

namespace stargraph {
namespace {

using audit::Source;
using base::Code;
using test::kLong;
using test::make_event;

class AuditdFaults : public test::Auditd {
 protected:
  void TearDown() override {
    test::Auditd::TearDown();
    if (mounted_) ::umount2((directory_ / "log").c_str(), MNT_DETACH);
  }
  static std::string record(std::int64_t number) {
    audit::Event event = make_event();
    event.data.set("note", std::string(2'000, 'n'));
    return *audit::encode_record({event, audit::SourceSeq(number), base::real_env().now()});
  }
  // How the running process ended by itself.
  int wait_for_end() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool mount_log(const char* size, unsigned long flags = 0) {
    const std::string options = std::string("mode=0700,size=") + size;
    const bool done = ::mount("tmpfs", (directory_ / "log").c_str(), "tmpfs", flags, options.c_str()) == 0;
    mounted_ = mounted_ || done;
    return done;
  }
  void verify() {
    const CommandResult verified = auditor({"verify", "log", "--pubkey", "audit.pub.pem"});
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
  }
  using CommandResult = test::CommandResult;
  bool mounted_ = false;
};

TEST_F(AuditdFaults, RC_T_AUDIT_TwoWritersNeverShareALog) {
  start();
  ASSERT_NE(connect(Source::kDaemon), nullptr);
  const pid_t first = pid_;
  start();
  EXPECT_EQ(wait_for_end(), base::reason(Code::kBusy).exit_code);
  pid_ = first;
  EXPECT_EQ(stop(SIGTERM), 0);
  verify();
}

TEST_F(AuditdFaults, HandsOutDescriptorsUnderItsSystemCallFilter) {
  start();
  const auto client = connect(Source::kDaemon);
  ASSERT_NE(client, nullptr);
  const auto opened = client->open_part(audit::LogPart::kSegment, 1, kLong);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  std::string text(opened->size, '\0');
  EXPECT_EQ(::pread(opened->file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  EXPECT_EQ(text, log());
  EXPECT_TRUE(client->open_part(audit::LogPart::kTree, 0, kLong).has_value());
  EXPECT_EQ(stop(SIGTERM), 0);
}

TEST_F(AuditdFaults, ASecondStartReadsFromThePosition) {
  for (int life = 0; life < 2; ++life) {
    start();
    ASSERT_NE(connect(Source::kDaemon), nullptr);
    EXPECT_EQ(stop(SIGTERM), 0);
  }
  EXPECT_NE(log().find("\"read\":\"whole\""), std::string::npos);
  EXPECT_NE(log().find("\"read\":\"position\""), std::string::npos);
  verify();
}

TEST_F(AuditdFaults, RC_D_AUDIT_AFullDiskEndsItInWordsAndLosesNothing) {
  if (!mount_log("2m")) GTEST_SKIP() << "cannot mount a small file system here";
  start();
  auto client = connect(Source::kDaemon);
  ASSERT_NE(client, nullptr);
  std::int64_t acknowledged = 0;
  base::Result<> going;
  while (going) {
    going = client->send(record(acknowledged + 1));
    if (!going) break;
    const auto head = client->receive(kLong);
    if (head) {
      acknowledged = head->source_seq.value();
    } else {
      going = std::unexpected(head.error());
    }
  }
  EXPECT_EQ(going.error().code, Code::kDiskLow) << going.error().message;
  EXPECT_EQ(wait_for_end(), base::reason(Code::kDiskLow).exit_code);
  EXPECT_GT(acknowledged, 100);
  EXPECT_NE(log().find("\"reason\":\"full\""), std::string::npos);
  verify();
  client.reset();
  // No room for the reserve: it does not start, and the log stays as it is.
  const std::string before = log();
  while (std::filesystem::space(directory_ / "log").available >= 1U << 20) {
    std::ofstream(directory_ / "log" / "filler", std::ios::app) << std::string(65'536, 'f');
  }
  start();
  EXPECT_EQ(wait_for_end(), base::reason(Code::kDiskLow).exit_code);
  EXPECT_EQ(log(), before);
  // Room is made, and the daemon sends again what nobody acknowledged.
  ASSERT_TRUE(mount_log("16m", MS_REMOUNT));
  start();
  client = connect(Source::kDaemon);
  ASSERT_NE(client, nullptr);
  ASSERT_GE(client->head().source_seq.value(), acknowledged);
  for (std::int64_t i = acknowledged + 1; i <= acknowledged + 10; ++i) {
    ASSERT_TRUE(client->send(record(i)).has_value());
  }
  while (acknowledged + 10 > client->head().source_seq.value()) ASSERT_TRUE(client->receive(kLong).has_value());
  EXPECT_EQ(stop(SIGTERM), 0);
  verify();
}

// Each thing that can be done to the segment under the writer: it ends, and acknowledges nothing after it.
TEST_F(AuditdFaults, RC_T_AUDIT_ALogThatIsTouchedUnderItEndsIt) {
  namespace fs = std::filesystem;
  const fs::path segment = directory_ / "log" / "audit-00000001.jsonl";
  const fs::path aside = directory_ / "aside";
  const std::vector<std::pair<std::string, std::function<void()>>> deeds = {
      {"renamed", [&] { fs::rename(segment, aside); }},
      {"removed", [&] { fs::copy_file(segment, aside), fs::remove(segment); }},
      {"replaced by a link", [&] { fs::rename(segment, aside), fs::create_symlink(aside, segment); }},
      {"replaced by a copy", [&] { fs::rename(segment, aside), fs::copy_file(aside, segment); }},
      {"linked", [&] { fs::create_hard_link(segment, aside); }},
      {"cut", [&] { fs::copy_file(segment, aside), fs::resize_file(segment, 50); }},
      {"grown", [&] { fs::copy_file(segment, aside), std::ofstream(segment, std::ios::app) << "{}\n"; }},
  };
  std::int64_t acknowledged = 0;
  for (const auto& [name, deed] : deeds) {
    start();
    const auto client = connect(Source::kDaemon);
    ASSERT_NE(client, nullptr) << name;
    ASSERT_TRUE(client->send(record(acknowledged + 1)).has_value());
    const auto head = client->receive(kLong);
    ASSERT_TRUE(head.has_value()) << name;
    acknowledged = head->source_seq.value();
    deed();
    ASSERT_TRUE(client->send(record(acknowledged + 1)).has_value());
    EXPECT_FALSE(client->receive(kLong).has_value()) << name;
    EXPECT_NE(wait_for_end(), 0) << name;
    // What it had acknowledged is still to be had from where the file went.
    const fs::path kept = fs::is_symlink(segment) || !fs::exists(segment) || name != "linked" ? aside : segment;
    fs::copy_file(kept, directory_ / "kept", fs::copy_options::overwrite_existing);
    fs::remove(segment);
    fs::remove(aside);
    fs::copy_file(directory_ / "kept", segment);
    fs::permissions(segment, fs::perms::owner_read | fs::perms::owner_write);
  }
  start();
  ASSERT_EQ(connect(Source::kDaemon)->head().source_seq.value(), acknowledged);
  EXPECT_EQ(stop(SIGTERM), 0);
  verify();
}

TEST_F(AuditdFaults, RC_R_AUDIT_AcknowledgementsThatGetLostDoubleNothing) {
  start();
  for (int round = 0; round < 20; ++round) {
    const auto client = connect(Source::kDaemon);
    ASSERT_NE(client, nullptr);
    // From one: what stands there already is a repeat, whoever heard of it.
    for (std::int64_t i = std::max<std::int64_t>(1, 3 * round - 5); i <= 3 * round + 3; ++i) {
      audit::Event event = make_event();
      event.data.set("number", i);
      ASSERT_TRUE(
          client->send(*audit::encode_record({event, audit::SourceSeq(i), base::real_env().now()})).has_value());
    }
    // Some rounds hear nothing at all; the next connection says where the log stands.
    while (round % 2 == 0 && client->head().source_seq.value() < 3 * round + 3) {
      ASSERT_TRUE(client->receive(kLong).has_value());
    }
  }
  EXPECT_EQ(stop(SIGTERM), 0);
  std::size_t found = 0;
  const std::string text = log();
  for (std::size_t at = text.find("\"data\":{\"number\":"); at != std::string::npos;
       at = text.find("\"data\":{\"number\":", at + 1)) {
    ++found;
  }
  EXPECT_GE(found, 57U);
  EXPECT_LE(found, 60U);
  verify();
}

TEST_F(AuditdFaults, RC_S_AUDIT_ALabelThatNothingHereGivesIsNotTakenForGranted) {
  if (std::filesystem::exists("/sys/fs/selinux/enforce")) GTEST_SKIP() << "SELinux runs here";
  extra_ = {"--entries-label", "stargraphd_t"};
  start();
  EXPECT_EQ(wait_for_end(), base::reason(Code::kConfigInvalid).exit_code);
}

}  // namespace
}  // namespace stargraph
