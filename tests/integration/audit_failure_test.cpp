// The audit writer killed, stopped, and out of disk under load, and the daemon itself out of disk, with the real
// programs in both profiles: no act is acknowledged without its entry, the daemon ends or refuses with its reason, and
// everything comes back by itself. The test plays systemd: it keeps the sockets and starts what ended.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "integration/answer.hpp"
#include "integration/site.hpp"

namespace stargraph::test {
namespace {

constexpr int kUnavailable = 6;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

// Asks again until `good` or a minute is over.
bool until(const std::function<bool()>& good) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!good()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

class AuditFailure : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { SG_CHECK(crypto::initialise(crypto::FipsMode::kOff).has_value()); }
  void TearDown() override {
    end_load();
    if (!mounted_.empty()) ::umount2(mounted_.c_str(), MNT_DETACH);
    if (HasFailure()) std::fputs(box().daemon_log().c_str(), stderr);
  }
  Appliance& box() { return site_.box(); }
  // This folder of the box on a file system of its own; false, and everything as it was, where that is not allowed.
  [[nodiscard]] bool move_to_own_disk(const std::string& name, const std::function<bool(const std::string&)>& mount) {
    const std::string folder = box().path(name);
    const std::string kept = box().path("kept");
    std::filesystem::rename(folder, kept);
    std::filesystem::create_directory(folder);
    if (!mount(folder)) {
      std::filesystem::remove(folder);
      std::filesystem::rename(kept, folder);
      return false;
    }
    mounted_ = folder;
    ::chmod(folder.c_str(), 0700);
    std::filesystem::remove(folder + "/lost+found");
    std::filesystem::copy(kept, folder, std::filesystem::copy_options::recursive);
    for (const auto& file : std::filesystem::directory_iterator(folder)) ::chmod(file.path().c_str(), 0600);
    return true;
  }
  [[nodiscard]] bool move_to_small_disk(const std::string& name, const char* size) {
    const std::string options = std::string("mode=0700,size=") + size;
    return move_to_own_disk(name, [&](const std::string& folder) {
      return ::mount("tmpfs", folder.c_str(), "tmpfs", 0, options.c_str()) == 0;
    });
  }
  // To the last byte. The file that did it.
  [[nodiscard]] std::string fill_small_disk() const {
    std::string filler = mounted_ + "/filler";
    const int file = ::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string block(4096, 'x');
    while (::write(file, block.data(), block.size()) > 0) {
    }
    ::close(file);
    return filler;
  }
  [[nodiscard]] bool cleared() const { return std::string(GetParam()) == "cleared"; }

  void start(const std::string& limits = "") {
    Appliance::Options options = Site::options(GetParam());
    options.limits = "  changes_burst: 100000\n  changes_per_second: 100000\n" + limits;
    box().replace_config(options);
    if (cleared()) {
      ASSERT_EQ(site_.import_error(site_.policy_pack(Site::policy(), 1)), "");
    }
    box().start_daemon();
  }
  CommandResult act() {
    return box().curl("operator", {"-i", "-H", "Content-Type: application/json", "-d",
                                   R"({"graph_id":"line","params":{}})", "/v1/runs"});
  }
  // Three clients that start runs and remember which ones were acknowledged.
  void begin_load() {
    loading_ = true;
    for (int i = 0; i < 3; ++i) {
      clients_.emplace_back([this] {
        while (loading_) {
          const CommandResult reply = act();
          const std::scoped_lock lock(mutex_);
          if (status_of(reply) == "202") acknowledged_.insert(member(reply.out, "run_id"));
          if (status_of(reply) == "503" && has(reply.out, "Retry-After: ")) refused_.insert(member(reply.out, "code"));
        }
      });
    }
  }
  void end_load() {
    loading_ = false;
    for (std::thread& client : clients_) client.join();
    clients_.clear();
  }
  std::size_t acknowledged() {
    const std::scoped_lock lock(mutex_);
    return acknowledged_.size();
  }
  bool more_acknowledged() {
    const std::size_t before = acknowledged();
    return until([&] { return acknowledged() >= before + 5; });
  }
  [[nodiscard]] std::string last_words() {
    const std::string log = box().daemon_log();
    return log.substr(log.rfind("<2>"));
  }
  // Ends both in order; then the log holds, and every acknowledged run was created in it exactly once.
  void settle() {
    end_load();
    EXPECT_EQ(box().stop(), 0) << box().daemon_log();
    EXPECT_EQ(box().auditd().end(SIGTERM), 0);
    const CommandResult verified = run_command({std::string(STARGRAPH_PROGRAMS) + "/stargraph-audit", "verify",
                                                box().path("log"), "--pubkey", box().path("audit.pub.pem")});
    EXPECT_TRUE(verified.ok()) << verified.out << verified.err;
    std::istringstream lines(box().audit_log());
    std::multiset<std::string> created;
    for (std::string line; std::getline(lines, line);) {
      if (has(line, R"("event":"run.created")")) created.insert(member(line, "run_id"));
    }
    EXPECT_GE(acknowledged_.size(), 10U);
    for (const std::string& run : acknowledged_) EXPECT_EQ(created.count(run), 1U) << run;
  }

  Site site_{GetParam()};
  std::string mounted_;  // the folder that is a small file system
  std::atomic<bool> loading_{false};
  std::vector<std::thread> clients_;
  std::mutex mutex_;  // of what follows
  std::set<std::string> acknowledged_;
  std::set<std::string> refused_;  // the codes of what was refused with Retry-After
};

TEST_P(AuditFailure, RC_R_AUDIT_AWriterKilledUnderLoadLosesNothingAcknowledged) {
  start();
  begin_load();
  ASSERT_TRUE(more_acknowledged());
  box().auditd().end(SIGKILL);
  EXPECT_EQ(box().daemon().wait(), kUnavailable);
  EXPECT_TRUE(has(last_words(), "audit-unavailable")) << last_words();
  if (!cleared()) {  // it refused acts for a while before
    const std::scoped_lock lock(mutex_);
    EXPECT_TRUE(refused_.contains("audit-unavailable") || refused_.contains("audit-lag"));
  }
  box().start_auditd();
  box().start_daemon();
  EXPECT_TRUE(more_acknowledged());
  settle();
}

TEST_P(AuditFailure, RC_D_AUDIT_AFullLogDiskStopsActsUntilThereIsRoom) {
  EXPECT_EQ(box().auditd().end(SIGTERM), 0);
  if (!move_to_small_disk("log", "8m")) GTEST_SKIP() << "a small file system needs CAP_SYS_ADMIN";
  box().start_auditd();
  start();
  begin_load();
  ASSERT_TRUE(more_acknowledged());
  const std::string filler = fill_small_disk();
  EXPECT_EQ(box().daemon().wait(), kUnavailable);
  EXPECT_NE(box().auditd().wait(), 0);
  std::filesystem::remove(filler);
  box().start_auditd();
  box().start_daemon();
  EXPECT_TRUE(more_acknowledged());
  settle();
}

// A commit that failed: only a new start can tell what is on the disk. Until then the daemon would be there and do
// nothing.
TEST_P(AuditFailure, SG_D_STATE_AFullStateDiskEndsTheDaemonUntilThereIsRoom) {
  if (!move_to_small_disk("state", "24m")) GTEST_SKIP() << "a small file system needs CAP_SYS_ADMIN";
  start("  disk_free_percent: 0\n  disk_free_bytes: 0\n");
  begin_load();
  ASSERT_TRUE(more_acknowledged());
  const std::string filler = fill_small_disk();
  EXPECT_EQ(box().daemon().wait(), kUnavailable);
  EXPECT_TRUE(has(last_words(), "(disk-low)")) << last_words();
  std::filesystem::remove(filler);
  box().start_daemon();
  EXPECT_TRUE(more_acknowledged());
  settle();
}

// A file system that met an error and made itself read-only under the open log, as ext4 does. (A plain remount is
// refused by the kernel as long as the writer has the log open.)
TEST_P(AuditFailure, RC_D_AUDIT_ALogThatBecomesReadOnlyStopsActsUntilItIsMended) {
  EXPECT_EQ(box().auditd().end(SIGTERM), 0);
  const std::string log = box().path("log");
  const std::string image = box().path("log.ext4");
  std::ofstream(image).close();
  std::filesystem::resize_file(image, std::uintmax_t{32} << 20U);
  const auto mount = [&](const std::string& folder) {
    return run_command({"mount", "-o", "loop,errors=remount-ro", image, folder}).ok();
  };
  if (!run_command({"mkfs.ext4", "-q", image}).ok() || !move_to_own_disk("log", mount)) {
    GTEST_SKIP() << "a file system in a file needs CAP_SYS_ADMIN, mkfs.ext4 and a loop device";
  }
  box().start_auditd();
  start();
  begin_load();
  ASSERT_TRUE(more_acknowledged());
  const CommandResult device = run_command({"findmnt", "-n", "-o", "SOURCE", log});
  ASSERT_TRUE(device.ok());
  const std::string loop = std::filesystem::path(device.out.substr(0, device.out.find('\n'))).filename();
  // Between two syncs. In the middle of one, ext4 (6.18) now and then calls it done and loses it: one in sixty trials
  // of a bare loop of write and fdatasync. The next start tells that, but nothing brings it back.
  const std::string stat = "/proc/" + std::to_string(box().auditd().pid()) + "/stat";
  ::kill(box().auditd().pid(), SIGSTOP);
  ASSERT_TRUE(until([&] {
    std::ifstream file(stat);
    return has(std::string(std::istreambuf_iterator<char>(file), {}), ") T ");
  }));
  std::ofstream(("/sys/fs/ext4/" + loop) + "/trigger_fs_error") << "1" << std::flush;
  ::kill(box().auditd().pid(), SIGCONT);
  EXPECT_EQ(::open((log + "/probe").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(box().daemon().wait(), kUnavailable);
  EXPECT_NE(box().auditd().wait(), 0);
  // Until it is mended nothing starts, and the log stays as it is.
  const std::string before = box().audit_log();
  box().start_auditd();
  EXPECT_NE(box().auditd().wait(), 0);
  EXPECT_EQ(box().audit_log(), before);
  // Who made a mount namespace meanwhile has this file system too; two of it at once would be two truths.
  ASSERT_TRUE(until([&] { return ::umount(log.c_str()) == 0 || errno != EBUSY; }));
  ASSERT_TRUE(until([&] { return run_command({"losetup", "-j", image}).out.empty(); })) << "somebody else holds it";
  run_command({"fsck.ext4", "-fp", image});
  ASSERT_TRUE(mount(log));
  box().start_auditd();
  box().start_daemon();
  EXPECT_TRUE(more_acknowledged());
  settle();
}

TEST_P(AuditFailure, RC_D_AUDIT_AWriterThatAnswersNoMoreEndsTheDaemon) {
  start();
  begin_load();
  ASSERT_TRUE(more_acknowledged());
  ::kill(box().auditd().pid(), SIGSTOP);
  EXPECT_EQ(box().daemon().wait(), kUnavailable);
  ::kill(box().auditd().pid(), SIGCONT);
  box().start_daemon();
  EXPECT_TRUE(more_acknowledged());
  settle();
}

class ClearedAuditFailure : public AuditFailure {};
// It answers again before its link counts as lost: what ends the daemon is the lag alone, and only where it must.
TEST_P(ClearedAuditFailure, RC_D_AUDIT_AWriterThatStaysBehindEndsTheDaemon) {
  start("  audit_lag_ms: 100\n");
  EXPECT_EQ(status_of(box().curl("operator", {"/health"})), "200");
  ::kill(box().auditd().pid(), SIGSTOP);
  static_cast<void>(act());
  EXPECT_EQ(box().daemon().wait(), kUnavailable);
  EXPECT_TRUE(has(last_words(), "audit-lag")) << last_words();
  ::kill(box().auditd().pid(), SIGCONT);
  box().start_daemon();
  begin_load();
  EXPECT_TRUE(more_acknowledged());
  EXPECT_TRUE(more_acknowledged());
  settle();
}

TEST_P(AuditFailure, RC_D_AUDIT_AWriterThatIsBehindRefusesActsAndReadsUntilItCatchesUp) {
  start("  audit_lag_ms: 300\n");
  const pid_t daemon = box().daemon_pid();
  begin_load();
  ASSERT_TRUE(more_acknowledged());
  ::kill(box().auditd().pid(), SIGSTOP);
  ASSERT_TRUE(until([&] {
    const std::scoped_lock lock(mutex_);
    return refused_.contains("audit-lag");
  }));
  const CommandResult read = box().curl("operator", {"-i", "/v1/runs"});
  const CommandResult health = box().curl("operator", {"/health"});
  ::kill(box().auditd().pid(), SIGCONT);
  EXPECT_TRUE(has(read.out, "\"code\":\"audit-lag\"")) << read.out;
  EXPECT_TRUE(has(read.out, "Retry-After: ")) << read.out;
  EXPECT_EQ(status_of(health), "503");
  EXPECT_TRUE(has(health.out, "components")) << health.out;
  EXPECT_TRUE(more_acknowledged());
  EXPECT_EQ(box().daemon_pid(), daemon);
  EXPECT_TRUE(box().daemon().alive());
  settle();
}

INSTANTIATE_TEST_SUITE_P(Profiles, ClearedAuditFailure, ::testing::Values("cleared"));
INSTANTIATE_TEST_SUITE_P(Profiles, AuditFailure, ::testing::Values("cleared", "oss-default"),
                         [](const auto& one) { return one.param == std::string("cleared") ? "Cleared" : "Oss"; });

TEST(AuditLost, RC_D_AUDIT_ReadsAreAnsweredWhileActsAreRefused) {
  Appliance::Options options;
  options.limits = "  audit_lag_ms: 60000\n";
  Appliance box(STARGRAPH_PROGRAMS, options);
  box.auditd().end(SIGKILL);
  CommandResult refused;
  ASSERT_TRUE(until([&] {
    refused = box.post("operator", "/v1/runs", R"({"graph_id":"graph:hello"})");
    return status_of(refused) != "202";
  }));
  const CommandResult read = box.curl("operator", {"/v1/runs"});
  const CommandResult health = box.curl("operator", {"/health"});
  EXPECT_EQ(member(refused.out, "code"), "audit-unavailable") << refused.out;
  EXPECT_EQ(status_of(read), "200") << read.out;
  EXPECT_EQ(status_of(health), "503") << health.out;
  EXPECT_EQ(box.daemon().wait(), kUnavailable) << box.daemon_log();
  const std::size_t before = count(box.audit_log(), R"("route":"/v1/runs")");
  box.start_auditd();
  box.start_daemon();  // says it is ready when the entries of the life before are shipped, or right after
  EXPECT_EQ(box.stop(), 0);
  EXPECT_GE(count(box.audit_log(), R"("route":"/v1/runs")"), before + 2);  // the read and the refused act
}

}  // namespace
}  // namespace stargraph::test
