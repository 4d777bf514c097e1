// The database file and what surrounds it: private, ours, local.
#include <sys/stat.h>
#include <unistd.h>

#include "store/state_file.hpp"
#include "store_fixture.hpp"
#include "support/cmocka.hpp"

namespace stargraph::store {
namespace {

using base::Code;

std::uint32_t mode_of(const base::Path& path) { return base::real_env().info(path).value().mode; }

class StateFile : public StoreTest {
 protected:
  void TearDown() override { testing::cmocka_queues() = {}; }
};

TEST_F(StateFile, SG_I_STATE_IsPrivateWhateverTheUmask) {
  for (const mode_t mask : {mode_t{0}, mode_t{0777}}) {
    const test::TempDir own;
    const mode_t before = ::umask(mask);
    auto database = Database::open(own / "state.db", make_key(), kSchema);
    ::umask(before);
    ASSERT_TRUE(succeeded(database));
    for (const char* name : {"state.db", "state.db-wal", "state.db-shm"}) {
      EXPECT_EQ(mode_of(own / name), 0600U) << name << " under umask " << mask;
    }
  }
}

TEST_F(StateFile, SG_I_STATE_RefusesWiderModes) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    const test::TempDir own;
    const base::Path file = own / "state.db";
    ASSERT_TRUE(succeeded(Database::open(file, make_key(), kSchema)));
    const base::Path wide = file.string() + suffix;
    if (*suffix != 0) own.write(wide.filename().string(), "");
    for (const mode_t mode : {mode_t{0640}, mode_t{0604}, mode_t{0666}}) {
      ASSERT_EQ(::chmod(wide.c_str(), mode), 0);
      EXPECT_TRUE(refused(Database::open(file, make_key(), kSchema), Code::kModeTooWide)) << wide << " " << mode;
    }
  }
}

TEST_F(StateFile, SG_T_STATE_RefusesADirectoryOthersMayWrite) {
  for (const mode_t mode : {mode_t{0770}, mode_t{0707}, mode_t{01777}}) {
    ASSERT_EQ(::chmod(directory.path().c_str(), mode), 0);
    EXPECT_TRUE(refused(open(), Code::kModeTooWide));
  }
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  EXPECT_TRUE(succeeded(open()));
}

TEST_F(StateFile, SG_T_STATE_RefusesASymbolicLink) {
  const test::TempDir elsewhere;
  const base::Path real = elsewhere / "state.db";
  ASSERT_TRUE(succeeded(Database::open(real, make_key(), kSchema)));
  ASSERT_EQ(::symlink(real.c_str(), file().c_str()), 0);
  EXPECT_FALSE(open().has_value());
}

TEST_F(StateFile, SG_T_STATE_RefusesADanglingLinkAndCreatesNothingBehindIt) {
  const test::TempDir elsewhere;
  ASSERT_EQ(::symlink((elsewhere / "planted").c_str(), file().c_str()), 0);
  EXPECT_FALSE(open().has_value());
  EXPECT_FALSE(std::filesystem::exists(elsewhere / "planted"));
}

TEST_F(StateFile, SG_T_STATE_RefusesASecondName) {
  ASSERT_TRUE(succeeded(open()));
  ASSERT_EQ(::link(file().c_str(), (directory / "second.db").c_str()), 0);
  EXPECT_TRUE(refused(open(), Code::kConfigInvalid));
}

TEST_F(StateFile, SG_T_STATE_RefusesAnotherOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  ASSERT_TRUE(succeeded(open()));
  ASSERT_EQ(::chown(file().c_str(), 65534, 65534), 0);
  EXPECT_TRUE(refused(open(), Code::kWrongOwner));
}

TEST_F(StateFile, RefusesAMissingDirectory) {
  EXPECT_TRUE(refused(Database::open(directory / "none/state.db", make_key(), kSchema), Code::kNotFound));
}

TEST_F(StateFile, ReachesItsDirectoryThroughALink) {
  const test::TempDir elsewhere;
  ASSERT_EQ(::symlink(directory.path().c_str(), (elsewhere / "link").c_str()), 0);
  auto database = Database::open(elsewhere / "link/state.db", make_key(), kSchema);
  ASSERT_TRUE(succeeded(database));
  EXPECT_EQ((*database)->file(), std::filesystem::canonical(file()));
}

TEST_F(StateFile, SG_D_STATE_RefusesNetworkFileSystems) {
  testing::will_return("statfs", 0x6969);
  EXPECT_TRUE(refused(open(), Code::kNetworkFileSystem));
  EXPECT_FALSE(std::filesystem::exists(file()));
  testing::will_return("statfs", 0xEF53);
  EXPECT_TRUE(succeeded(open()));
}

// Numbers from statfs(2) and linux/magic.h.
TEST(FileSystemVerdict, SG_D_STATE_KnowsLocalOnesAndRefusesAllOthers) {
  for (const std::uint64_t local : {0xEF53ULL, 0x58465342ULL, 0x9123683EULL, 0x01021994ULL, 0x794C7630ULL}) {
    EXPECT_TRUE(succeeded(judge_file_system(local))) << local;
  }
  for (const std::uint64_t remote : {0x6969ULL, 0x517BULL, 0xFE534D42ULL, 0xFF534D42ULL, 0x65735546ULL, 0x01021997ULL,
                                     0x00C36400ULL, 0x5346414FULL, 0x0BD00BD0ULL}) {
    EXPECT_TRUE(refused(judge_file_system(remote), Code::kNetworkFileSystem)) << remote;
  }
  EXPECT_TRUE(refused(judge_file_system(0x4d44), Code::kNetworkFileSystem)) << "vfat has no modes";
  EXPECT_TRUE(refused(judge_file_system(0x12345678), Code::kNetworkFileSystem));
}

TEST(FileSystemVerdict, ReadsTheFileSystemOfADirectory) {
  EXPECT_TRUE(refused(check_local_file_system("/nonexistent"), Code::kNotFound));
  EXPECT_TRUE(refused(check_local_file_system("/proc"), Code::kNetworkFileSystem));
}

}  // namespace
}  // namespace stargraph::store
