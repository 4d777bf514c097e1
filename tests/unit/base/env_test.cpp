#include "stargraph/base/env.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <regex>

#include "stargraph/base/memory_env.hpp"

namespace stargraph::base {
namespace {

class EnvContract : public ::testing::TestWithParam<bool> {
 protected:
  EnvContract() {
    std::string pattern = (std::filesystem::temp_directory_path() / "stargraph-env-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    if (!GetParam()) {
      EXPECT_TRUE(memory_.make_directory(root_, 0700).has_value());
    }
  }
  ~EnvContract() override { std::filesystem::remove_all(root_); }
  Env& env() { return GetParam() ? real_env() : memory_; }

  MemoryEnv memory_;
  Path root_;
};

TEST_P(EnvContract, WriteFileReplacesTheWholeFileWithExactMode) {
  const Path path = root_ / "state";
  ASSERT_TRUE(env().write_file(path, as_bytes("old content"), 0600).has_value());
  ASSERT_TRUE(env().write_file(path, as_bytes("new"), 0640).has_value());
  EXPECT_EQ(to_text(env().read_file(path, 100).value()), "new");
  EXPECT_EQ(env().info(path).value().mode, 0640U);
  EXPECT_EQ(env().list(root_).value(), std::vector<std::string>{"state"});
}

TEST_P(EnvContract, ReadFileStopsAtItsLimit) {
  const Path path = root_ / "big";
  ASSERT_TRUE(env().write_file(path, as_bytes("12345"), 0600).has_value());
  EXPECT_TRUE(env().read_file(path, 5).has_value());
  EXPECT_EQ(env().read_file(path, 4).error().code, Code::kTooLarge);
  EXPECT_EQ(env().read_file(root_ / "absent", 4).error().code, Code::kNotFound);
}

TEST_P(EnvContract, AppendedBytesFollowEachOther) {
  auto file = env().open_append(root_ / "log", 0600).value();
  ASSERT_TRUE(file->append(as_bytes("one ")).has_value());
  ASSERT_TRUE(file->append(as_bytes("two")).has_value());
  ASSERT_TRUE(file->sync().has_value());
  EXPECT_EQ(file->size().value(), 7U);
  ASSERT_TRUE(file->truncate(3).has_value());
  EXPECT_EQ(to_text(env().read_file(root_ / "log", 100).value()), "one");
  EXPECT_EQ(file->info().value().inode, env().info(root_ / "log").value().inode);
  EXPECT_EQ(file->info().value().links, 1U);
}

TEST_P(EnvContract, UuidsAreVersionSevenAndSortByTime) {
  const std::string first = make_uuid7(env());
  EXPECT_TRUE(
      std::regex_match(first, std::regex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")))
      << first;
  EXPECT_NE(first, make_uuid7(env()));
}

INSTANTIATE_TEST_SUITE_P(RealAndMemory, EnvContract, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Real" : "Memory"; });

class PrivateFile : public ::testing::Test {
 protected:
  PrivateFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "stargraph-private-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~PrivateFile() override { std::filesystem::remove_all(root_); }
  Path root_;
};

TEST_F(PrivateFile, SG_I_STATE_RefusesModesWiderThanAsked) {
  const Path path = root_ / "key";
  ASSERT_TRUE(real_env().write_file(path, as_bytes("secret"), 0600).has_value());
  EXPECT_TRUE(check_private_file(real_env(), path).has_value());
  for (const mode_t mode : {0640U, 0604U, 0610U, 0700U, 0601U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_EQ(check_private_file(real_env(), path).error().code, Code::kModeTooWide) << std::oct << mode;
  }
}

TEST_F(PrivateFile, SG_I_STATE_RefusesLinksDirectoriesAndForeignOwners) {
  const Path path = root_ / "key";
  ASSERT_TRUE(real_env().write_file(path, as_bytes("secret"), 0600).has_value());
  std::filesystem::create_symlink(path, root_ / "link");
  EXPECT_EQ(check_private_file(real_env(), root_ / "link").error().code, Code::kWrongOwner);
  EXPECT_EQ(check_private_file(real_env(), root_).error().code, Code::kWrongOwner);
  EXPECT_FALSE(real_env().read_file(root_ / "link", 100).has_value());
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
    EXPECT_EQ(check_private_file(real_env(), path).error().code, Code::kWrongOwner);
  }
}

TEST(MemoryEnv, ACrashKeepsOnlyWhatWasSynced) {
  MemoryEnv env;
  auto file = env.open_append("/log", 0600).value();
  ASSERT_TRUE(file->append(as_bytes("kept")).has_value());
  ASSERT_TRUE(file->sync().has_value());
  ASSERT_TRUE(file->append(as_bytes(" lost")).has_value());
  env.crash();
  EXPECT_EQ(to_text(env.read_file("/log", 100).value()), "kept");
  EXPECT_EQ(file->append(as_bytes("!")).error().code, Code::kIo);
}

TEST(MemoryEnv, FaultsHappenBeforeTheOperation) {
  MemoryEnv env;
  env.set_fault([](EnvOperation operation, const Path&) -> Result<> {
    if (operation == EnvOperation::kSync) return fail(Code::kDiskLow, "sync: full");
    return {};
  });
  auto file = env.open_append("/log", 0600).value();
  ASSERT_TRUE(file->append(as_bytes("bytes")).has_value());
  EXPECT_EQ(file->sync().error().code, Code::kDiskLow);
  env.crash();
  EXPECT_TRUE(env.read_file("/log", 100).value().empty());
}

TEST(MemoryEnv, TimeMovesOnlyWhenTold) {
  MemoryEnv env;
  const Timestamp before = env.now();
  EXPECT_EQ(env.now(), before);
  env.advance(std::chrono::seconds(5));
  EXPECT_EQ(env.now() - before, std::chrono::seconds(5));
  EXPECT_EQ(env.monotonic(), std::chrono::seconds(5));
}

}  // namespace
}  // namespace stargraph::base
