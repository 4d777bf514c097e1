// Whose state, log and configuration are.
#include "unit/stargraph/made_up_machine.hpp"

namespace stargraph::cli {
namespace {

TEST_F(Doctor, SeesFilesAndFoldersThatOthersMayRead) {
  write("/var/lib/stargraph/deep/old.db", "x", 0640);
  ASSERT_EQ(::chmod(at("/var/lib/stargraph/deep").c_str(), 0700), 0);
  EXPECT_EQ(state("files./var/lib/stargraph"), WallState::kAbsent);
  ASSERT_EQ(::chmod(at("/var/log/stargraph").c_str(), 0750), 0);
  EXPECT_EQ(state("files./var/log/stargraph"), WallState::kAbsent);
  EXPECT_EQ(state("files./var/lib/stargraph-audit"), WallState::kHeld);
}

TEST_F(Doctor, SeesAConfigurationThatOthersMayReadOrChange) {
  ASSERT_EQ(::chmod(at("/etc/stargraph/stargraph.yaml").c_str(), 0644), 0);
  EXPECT_EQ(state("configuration"), WallState::kAbsent);
}

// Modes say nothing of who the owner is.
TEST_F(Doctor, SG_T_STATE_SeesAStateOrLogThatIsSomebodyElses) {
  for (const char* folder : {"/var/lib/stargraph", "/var/lib/stargraph-audit", "/var/log/stargraph"}) {
    const std::string wall = std::string("files.") + folder;
    env_->give(folder, 65534, 65534);
    EXPECT_EQ(state(wall), WallState::kAbsent);
    env_->give(folder, 0, 0);  // the daemon could not write to it, either
    EXPECT_EQ(state(wall), WallState::kAbsent);
    const bool daemons = wall.ends_with("/stargraph") && wall.find("log") == std::string::npos;
    env_->give(folder, daemons ? 990 : 989, 988);
    EXPECT_EQ(state(wall), WallState::kHeld) << detail(wall);
    env_->give(folder, daemons ? 989 : 990, 988);  // two users, and not this one
    EXPECT_EQ(state(wall), WallState::kAbsent);
    env_->give(folder, daemons ? 990 : 989, 988);
  }
  write("/var/log/stargraph/deep/x", "x");
  ASSERT_EQ(::chmod(at("/var/log/stargraph/deep").c_str(), 0700), 0);
  env_->give("/var/log/stargraph/deep/x", 1000, 1000);
  EXPECT_EQ(state("files./var/log/stargraph"), WallState::kAbsent);
  EXPECT_NE(detail("files./var/log/stargraph").find("deep/x"), std::string::npos);
}

TEST_F(Doctor, KnowsTheUsersOfTheMachineThatItLooksAtByTheirNames) {
  write("/etc/passwd", "stargraph:x:500:500::/:/bin/false\nstargraph-audit:x:989:988::/:/bin/false\n", 0644);
  EXPECT_EQ(state("files./var/lib/stargraph"), WallState::kAbsent);
  env_->give("/var/lib/stargraph", 500, 500);
  EXPECT_EQ(state("files./var/lib/stargraph"), WallState::kHeld);
  write("/etc/stargraph/stargraph.yaml", "audit: {entries_uid: 777}\n", 0640);
  EXPECT_EQ(state("files./var/lib/stargraph"), WallState::kAbsent);
  write("/etc/passwd", "stargraph:x:many:500::/:/bin/false\n", 0644);
  EXPECT_EQ(state("files./var/log/stargraph"), WallState::kUnseen);
}

TEST_F(Doctor, LooksAtTheStateWhereTheConfigurationSaysItIs) {
  write("/etc/stargraph/stargraph.yaml", "state: {directory: /srv/db}\n", 0640);
  folder("/srv/db", 0755);
  env_->give("/srv/db", 990, 987);
  EXPECT_EQ(state("files./srv/db"), WallState::kAbsent);
  ASSERT_EQ(::chmod(at("/srv/db").c_str(), 0700), 0);
  EXPECT_EQ(state("files./srv/db"), WallState::kHeld);
}

// The root of a file system has it, for fsck.
TEST_F(Doctor, TakesLostAndFoundOfRootForNoFileOfTheLog) {
  folder("/var/log/stargraph/lost+found");
  env_->give("/var/log/stargraph/lost+found", 0, 0);
  EXPECT_EQ(state("files./var/log/stargraph"), WallState::kHeld);
  env_->give("/var/log/stargraph/lost+found", 1000, 1000);
  EXPECT_EQ(state("files./var/log/stargraph"), WallState::kAbsent);
}

TEST_F(Doctor, SG_E_HTTP_SeesAConfigurationThatIsNotRoots) {
  EXPECT_EQ(state("configuration"), WallState::kHeld) << detail("configuration");
  env_->give("/etc/stargraph/stargraph.yaml", 990, 987);
  EXPECT_EQ(state("configuration"), WallState::kAbsent);
  env_->give("/etc/stargraph/stargraph.yaml", 0, 100);  // a group that is anybody's
  EXPECT_EQ(state("configuration"), WallState::kAbsent);
  env_->give("/etc/stargraph/stargraph.yaml", 0, 987);
  ASSERT_EQ(::chmod(at("/etc/stargraph").c_str(), 0777), 0);
  EXPECT_EQ(state("configuration"), WallState::kAbsent);
}

}  // namespace
}  // namespace stargraph::cli
