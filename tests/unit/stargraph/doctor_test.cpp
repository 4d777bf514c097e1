// stargraph doctor over made-up machines: what it says of a wall follows from what lies below its root.
#include "bin/stargraph/doctor.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "stargraph/base/reason.hpp"

namespace stargraph::cli {
namespace {

namespace fs = std::filesystem;

class Doctor : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "doctor-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    make_sound_machine();
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text, mode_t mode = 0600) {
    const fs::path file = root_ / fs::path(path).relative_path();
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
  }
  void folder(const std::string& path, mode_t mode = 0700) {
    const fs::path made = root_ / fs::path(path).relative_path();
    fs::create_directories(made);
    ASSERT_EQ(::chmod(made.c_str(), mode), 0);
  }
  void process(const std::string& pid, const std::string& name, const std::string& uid, const std::string& label) {
    const std::string at = "/proc/" + pid;
    write(at + "/comm", name.substr(0, 15) + "\n");
    write(at + "/status", "Name:\t" + name + "\nUid:\t" + uid + "\t" + uid + "\t" + uid + "\t" + uid +
                              "\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
    write(at + "/attr/current", label + '\0');
    write(at + "/limits",
          "Limit                     Soft Limit           Hard Limit           Units\n"
          "Max core file size        0                    0                    bytes\n");
    folder(at + "/ns", 0755);
    fs::create_symlink("net:[" + pid + "]", root_ / "proc" / pid / "ns" / "net");
    write(at + "/net/unix",
          "Num       RefCount Protocol Flags    Type St Inode Path\n"
          "0000000000000000: 00000003 00000000 00000000 0005 03 77 /run/stargraph/entries.sock\n");
  }
  void executable(const std::string& pid, const std::string& file) {
    fs::create_symlink(file, root_ / "proc" / pid / "exe");
  }
  void make_sound_machine() {
    folder("/proc/1/ns", 0755);
    fs::create_symlink("net:[1]", root_ / "proc/1/ns/net");
    process("20", "stargraphd", "990", "system_u:system_r:stargraphd_t:s0");
    process("21", "stargraph-auditd", "989", "system_u:system_r:stargraph_audit_t:s0");
    write("/sys/fs/selinux/enforce", "1", 0644);
    for (const char* directory : {"/var/lib/stargraph", "/var/lib/stargraph-audit", "/var/log/stargraph"})
      folder(directory);
    write("/var/lib/stargraph/stargraph.db", "x");
    write("/var/log/stargraph/audit-000001.jsonl",
          "{\"data\":{\"fips\":true,\"fips_module\":\"OpenSSL FIPS Provider\",\"fips_version\":\"3.5.7\"},"
          "\"event\":\"daemon.started\"}\n{\"event\":\"run.created\"}\n");
    write("/etc/stargraph/stargraph.yaml", "profile: cleared\n  # key_file: /nowhere\n", 0640);
    for (const char* key : {"audit", "state", "tls"})
      write(std::string("/etc/credstore.encrypted/stargraph-") + key + "-key", "sealed");
    write("/var/lib/stargraph-checkpoints/exported", "");
  }
  [[nodiscard]] std::vector<Wall> look() const {
    const auto later = std::chrono::time_point_cast<base::Duration>(std::chrono::system_clock::now()) + skew_;
    return examine({root_, later});
  }
  [[nodiscard]] WallState state(const std::string& name) const {
    for (const Wall& wall : look()) {
      if (wall.name == name) return wall.state;
    }
    ADD_FAILURE() << "no wall " << name;
    return WallState::kUnseen;
  }
  [[nodiscard]] std::string detail(const std::string& name) const {
    for (const Wall& wall : look()) {
      if (wall.name == name) return wall.detail;
    }
    return "";
  }
  [[nodiscard]] fs::path at(const std::string& path) const { return root_ / fs::path(path).relative_path(); }

  fs::path root_;
  base::Duration skew_ = std::chrono::hours(1);
};

TEST_F(Doctor, SaysOfASoundMachineThatEveryNeededWallIsHeld) {
  for (const Wall& wall : look()) {
    if (wall.needed) {
      EXPECT_EQ(wall.state, WallState::kHeld) << wall.name << ": " << wall.detail;
    }
  }
  EXPECT_EQ(doctor_exit_code(look()), base::kExitDone);
}

TEST_F(Doctor, SeesAMissingSystemCallFilter) {
  write("/proc/20/status", "Name:\tstargraphd\nUid:\t990\nCapEff:\t0\nNoNewPrivs:\t1\nSeccomp:\t0\n");
  EXPECT_EQ(state("daemon.system-calls"), WallState::kAbsent);
  EXPECT_EQ(doctor_exit_code(look()), base::kExitFailed);
}

TEST_F(Doctor, TakesTheProcessOfTheServiceForTheProgramNotWhoeverBearsItsName) {
  write("/proc/21/cgroup", "0::/system.slice/stargraph-auditd.service\n");
  for (const char* pid : {"11", "31"}) {  // before and after it in the list
    process(pid, "stargraph-audit", "990", "user_u:user_r:user_t:s0");
    write("/proc/" + std::string(pid) + "/cgroup",
          "0::/user.slice/user-1000.slice/user@1000.service/app.slice/stargraph-auditd.service\n");
  }
  EXPECT_EQ(state("users"), WallState::kHeld);
  EXPECT_EQ(doctor_exit_code(look()), base::kExitDone);
}

// Whoever has a part of the cgroup tree makes directories there, and chooses their names.
TEST_F(Doctor, SG_E_HTTP_TakesNoDecoyInACgroupThatEndsLikeTheServicesForTheDaemon) {
  write("/proc/20/cgroup", "0::/system.slice/stargraphd.service\n");
  write("/proc/20/status", "Name:\tstargraphd\nUid:\t990\nCapEff:\t0\nNoNewPrivs:\t1\nSeccomp:\t0\n");
  for (const char* pid : {"11", "31"}) {
    process(pid, "stargraphd", "1000", "user_u:user_r:user_t:s0");  // with a filter, as the daemon should have one
    write("/proc/" + std::string(pid) + "/cgroup",
          "0::/user.slice/user-1000.slice/user@1000.service/x:/system.slice/stargraphd.service\n");
  }
  EXPECT_EQ(state("daemon.system-calls"), WallState::kAbsent);
  EXPECT_NE(detail("daemon").find("process 20"), std::string::npos) << detail("daemon");
}

TEST_F(Doctor, SG_E_HTTP_WhereServicesRunTheInstalledFileAloneIsNotTheDaemon) {
  folder("/run/systemd/system", 0755);
  executable("20", "/usr/sbin/stargraphd");
  EXPECT_EQ(state("daemon"), WallState::kAbsent);  // somebody's own
  write("/proc/20/cgroup", "0::/system.slice/stargraphd.service\n");
  EXPECT_EQ(state("daemon"), WallState::kHeld);
  fs::remove(at("/proc/20/exe"));
  executable("20", "/opt/x/stargraphd");
  EXPECT_EQ(state("daemon"), WallState::kAbsent);
}

TEST_F(Doctor, SG_E_HTTP_GuessesNotWhichOfTwoAlikeIsTheDaemon) {
  executable("20", "/opt/stargraphd");
  process("11", "stargraphd", "990", "");
  executable("11", "/opt/stargraphd");
  process("12", "stargraphd", "990", "");  // less alike than both
  EXPECT_EQ(state("daemon"), WallState::kAbsent);
  EXPECT_EQ(state("daemon.system-calls"), WallState::kUnseen);
  fs::remove(at("/proc/11/exe"));
  executable("11", "/usr/sbin/stargraphd");
  EXPECT_NE(detail("daemon").find("process 11"), std::string::npos) << detail("daemon");
}

TEST_F(Doctor, LooksAtTheExecutableWhereNoServiceRunsAndNotAtWhatTheKernelKeepsOfAName) {
  executable("21", "/usr/sbin/stargraph-auditd (deleted)");  // the package was upgraded under it
  process("11", "stargraph-audit", "0", "");
  executable("11", "/usr/bin/stargraph-audit");
  EXPECT_EQ(state("users"), WallState::kHeld);
  fs::remove_all(at("/proc/21"));
  EXPECT_EQ(state("audit-writer"), WallState::kAbsent);
}

TEST_F(Doctor, TakesTheProcessThatForkedTheJailForTheDaemon) {
  process("10", "stargraphd", "0", "");  // before the daemon in the list
  write("/proc/10/status", "Name:\tstargraphd\nPPid:\t20\nUid:\t0\nCapEff:\tff\nNoNewPrivs:\t0\nSeccomp:\t0\n");
  EXPECT_EQ(state("daemon.system-calls"), WallState::kHeld);
}

TEST_F(Doctor, SeesADaemonThatIsNotConnectedToTheAuditWriter) {
  write("/proc/20/net/unix",
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0000000000000000: 00000002 00000000 00010000 0005 01 77 /run/stargraph/entries.sock\n"  // only listens
        "0000000000000000: 00000003 00000000 00000000 0001 03 78 /run/other/entries.sock\n");    // another type
  EXPECT_EQ(state("audit-link"), WallState::kAbsent);
  fs::remove(at("/proc/20/net/unix"));
  EXPECT_EQ(state("audit-link"), WallState::kUnseen);
}

TEST_F(Doctor, SeesKeysThatSomebodyShouldHaveLookedAtAgain) {
  const auto confirm = [](const std::string& key, const std::string& date) {
    return R"({"data":{"key_id":")" + key + R"(")" + (date.empty() ? "" : R"(,"review_by":")" + date + R"(")") +
           R"(},"event":"trust.key_added"})" + "\n";
  };
  EXPECT_EQ(state("key-reviews"), WallState::kHeld);
  const std::string past = "2020-01-01T00:00:00Z";
  write("/var/log/stargraph/audit-000002.jsonl", confirm("aa", past) + confirm("bb", "2999-01-01T00:00:00Z"));
  EXPECT_EQ(state("key-reviews"), WallState::kAbsent);
  EXPECT_NE(detail("key-reviews").find("aa"), std::string::npos);
  EXPECT_EQ(detail("key-reviews").find("bb"), std::string::npos);
  write("/var/log/stargraph/audit-000003.jsonl", confirm("aa", "2999-01-01T00:00:00Z"));  // confirmed again
  EXPECT_EQ(state("key-reviews"), WallState::kHeld);
  write("/var/log/stargraph/audit-000004.jsonl",
        confirm("aa", past) + R"({"data":{"revoked":[{"key_id":"aa"}]},"event":"trust.revoked"})" + "\n");
  EXPECT_EQ(state("key-reviews"), WallState::kHeld);
}

// What a client sends may quote an entry; it is none.
TEST_F(Doctor, RC_S_AUDIT_TakesNoEntryFromInsideAnother) {
  write(
      "/var/log/stargraph/audit-000002.jsonl",
      R"({"data":{"fips":false,"fips_module":""},"event":"daemon.started"})"
      "\n"
      R"({"data":{"note":{"data":{"fips":true},"event":"daemon.started"}},"event":"run.created"})"
      "\n"
      R"({"data":{"x":{"data":{"key_id":"aa","review_by":"2020-01-01T00:00:00Z"},"event":"trust.key_added"}},"event":"request"})"
      "\n");
  EXPECT_EQ(state("fips"), WallState::kAbsent);
  EXPECT_EQ(state("key-reviews"), WallState::kHeld);
}

TEST_F(Doctor, RC_R_AUDIT_SaysNothingOfKeysWhereALogCannotBeRead) {
  EXPECT_EQ(state("key-reviews"), WallState::kHeld);
  folder("/var/log/stargraph/audit-000000.jsonl");  // has a size, and fails to be read
  EXPECT_EQ(state("key-reviews"), WallState::kUnseen);
  EXPECT_NE(detail("key-reviews").find("audit-000000.jsonl"), std::string::npos) << detail("key-reviews");
}

TEST_F(Doctor, NamesTheFipsModuleAndItsVersionAndThatAModeIsNoValidation) {
  EXPECT_NE(detail("fips").find("OpenSSL FIPS Provider, version 3.5.7"), std::string::npos);
  EXPECT_NE(detail("fips").find("not a validation"), std::string::npos);
  EXPECT_NE(detail("fips").find("2 iterations of PBKDF2"), std::string::npos);
}

TEST_F(Doctor, SeesACapabilityAndTheWayToNewOnes) {
  write("/proc/20/status", "Name:\tstargraphd\nUid:\t990\nCapEff:\t0000000000000400\nNoNewPrivs:\t1\nSeccomp:\t2\n");
  EXPECT_EQ(state("daemon.privileges"), WallState::kAbsent);
  write("/proc/21/status", "Name:\tx\nUid:\t989\nCapEff:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n");
  EXPECT_EQ(state("audit-writer.privileges"), WallState::kAbsent);
}

TEST_F(Doctor, SeesADaemonInTheMachinesNetwork) {
  fs::remove(at("/proc/20/ns/net"));
  fs::create_symlink("net:[1]", at("/proc/20/ns/net"));
  EXPECT_EQ(state("daemon.network"), WallState::kAbsent);
  EXPECT_EQ(state("audit-writer.network"), WallState::kHeld);
}

TEST_F(Doctor, SeesCoreFilesThatCouldHoldKeys) {
  write("/proc/20/limits", "Max core file size        unlimited            unlimited            bytes\n");
  EXPECT_EQ(state("daemon.core-files"), WallState::kAbsent);
}

TEST_F(Doctor, SeesSelinuxAbsentPermissiveOrInAnotherDomain) {
  write("/proc/20/attr/current", "system_u:system_r:unconfined_service_t:s0");
  EXPECT_EQ(state("daemon.selinux"), WallState::kAbsent);
  EXPECT_EQ(state("audit-writer.selinux"), WallState::kHeld);
  write("/sys/fs/selinux/enforce", "0");
  EXPECT_EQ(state("audit-writer.selinux"), WallState::kAbsent);
  fs::remove(at("/sys/fs/selinux/enforce"));
  EXPECT_EQ(state("daemon.selinux"), WallState::kAbsent);
}

TEST_F(Doctor, SeesOneUserForBothDaemons) {
  process("22", "other", "990", "");
  write("/proc/21/status", "Name:\tx\nUid:\t990\t990\nCapEff:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\n");
  EXPECT_EQ(state("users"), WallState::kAbsent);
}

TEST_F(Doctor, SeesFilesAndFoldersThatOthersMayRead) {
  write("/var/lib/stargraph/deep/old.db", "x", 0640);
  ASSERT_EQ(::chmod(at("/var/lib/stargraph/deep").c_str(), 0700), 0);
  EXPECT_EQ(state("files./var/lib/stargraph"), WallState::kAbsent);
  ASSERT_EQ(::chmod(at("/var/log/stargraph").c_str(), 0750), 0);
  EXPECT_EQ(state("files./var/log/stargraph"), WallState::kAbsent);
  EXPECT_EQ(state("files./var/lib/stargraph-audit"), WallState::kHeld);
}

TEST_F(Doctor, SeesAKeyThatIsNotSealed) {
  for (const char* open :
       {"state:\n  key_file: /etc/stargraph/state.key\n", "state: {directory: /var/lib/stargraph, key_file: /srv/k}\n",
        "\"audit\":\n  \"key_file\": /srv/k\n", "tls: [{key_file: /srv/k}]\n", "state: {key_file: /srv/k\n"}) {
    write("/etc/stargraph/stargraph.yaml", open, 0640);
    EXPECT_EQ(state("sealed-keys"), WallState::kAbsent) << open;
  }
  write("/etc/stargraph/stargraph.yaml", "profile: cleared", 0640);
  EXPECT_EQ(state("sealed-keys"), WallState::kHeld);
  fs::remove(at("/etc/credstore.encrypted/stargraph-state-key"));
  EXPECT_EQ(state("sealed-keys"), WallState::kAbsent);
}

TEST_F(Doctor, SeesAConfigurationThatOthersMayReadOrChange) {
  ASSERT_EQ(::chmod(at("/etc/stargraph/stargraph.yaml").c_str(), 0644), 0);
  EXPECT_EQ(state("configuration"), WallState::kAbsent);
}

TEST_F(Doctor, SeesAClockBehindTheLog) {
  skew_ = -std::chrono::hours(1);
  EXPECT_EQ(state("clock"), WallState::kAbsent);
}

TEST_F(Doctor, IsNotMisledByALogThatIsWrittenWhileItLooks) {
  skew_ = -std::chrono::seconds(10);
  EXPECT_EQ(state("clock"), WallState::kHeld);
}

TEST_F(Doctor, SeesALogThatNobodyCarriedOutForAWeek) {
  EXPECT_EQ(state("export"), WallState::kHeld);
  skew_ = std::chrono::days(9);
  EXPECT_EQ(state("export"), WallState::kAbsent);
  fs::remove(at("/var/lib/stargraph-checkpoints/exported"));
  EXPECT_EQ(state("export"), WallState::kAbsent);
}

TEST_F(Doctor, TakesFipsFromTheLastStartInTheLogAndDoesNotNeedIt) {
  EXPECT_EQ(state("fips"), WallState::kHeld);
  write("/var/log/stargraph/audit-000002.jsonl", "{\"data\":{\"fips\":false},\"event\":\"daemon.started\"}\n");
  EXPECT_EQ(state("fips"), WallState::kAbsent);
  EXPECT_EQ(doctor_exit_code(look()), base::kExitDone);
}

TEST_F(Doctor, SaysThatADaemonThatDoesNotRunIsAbsentAndItsWallsUnseen) {
  fs::remove_all(at("/proc/20"));
  EXPECT_EQ(state("daemon"), WallState::kAbsent);
  EXPECT_EQ(state("daemon.system-calls"), WallState::kUnseen);
  EXPECT_EQ(state("daemon.selinux"), WallState::kUnseen);
}

TEST_F(Doctor, IsNotSatisfiedWithWhatItCannotSee) {
  fs::remove(at("/proc/1/ns/net"));
  EXPECT_EQ(state("daemon.network"), WallState::kUnseen);
  EXPECT_EQ(doctor_exit_code(look()), base::kExitUnavailable);
}

}  // namespace
}  // namespace stargraph::cli
