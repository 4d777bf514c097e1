// stargraph doctor over made-up machines: what it says of a wall follows from what lies below its root.
#include "unit/stargraph/made_up_machine.hpp"

namespace stargraph::cli {
namespace {

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
