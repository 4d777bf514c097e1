#include "stargraph/crypto/secret.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <type_traits>

#include "keys.hpp"
#include "stargraph/base/memory_env.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::crypto {
namespace {

using base::Code;

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret> && std::is_nothrow_move_assignable_v<Secret>);

template <class T>
concept Printable = requires(std::ostream& stream, const T& value) { stream << value; };
static_assert(!Printable<Secret>);

bool all_zero(base::BytesView bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

TEST(Secret, StartsZeroed) {
  const Secret fresh(100);
  EXPECT_EQ(fresh.size(), 100U);
  EXPECT_TRUE(all_zero(fresh.view()));
}

TEST(Secret, NothingIsAValueToo) {
  const Secret nothing;
  EXPECT_TRUE(nothing.empty());
  EXPECT_TRUE(nothing.view().empty());
  EXPECT_TRUE(nothing.clone().empty());
  EXPECT_TRUE(Secret(0).empty());
  EXPECT_TRUE(Secret::copy({}).empty());
  EXPECT_TRUE(Secret::random(0).empty());
}

TEST(Secret, CopyAndCloneHaveTheirOwnMemory) {
  base::Bytes source = base::to_bytes("correct horse");
  Secret copy = Secret::copy(source);
  wipe(source);
  EXPECT_EQ(base::as_text(copy.view()), "correct horse");
  Secret clone = copy.clone();
  clone.writable()[0] = std::byte{'C'};
  EXPECT_EQ(base::as_text(copy.view()), "correct horse");
  EXPECT_EQ(base::as_text(clone.view()), "Correct horse");
}

TEST(Secret, MovingTakesTheMemoryAndLeavesNothing) {
  Secret first = secret("one");
  const std::byte* const place = first.view().data();
  Secret second(std::move(first));
  EXPECT_EQ(second.view().data(), place);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the promise under test
  Secret third = secret("three");
  third = std::move(second);
  EXPECT_EQ(third.view().data(), place);
  EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
  Secret& same = third;
  third = std::move(same);
  EXPECT_EQ(base::as_text(third.view()), "one");
}

TEST(Secret, RandomFillsAllOfItAndDiffers) {
  const Secret a = Secret::random(64);
  const Secret b = Secret::random(64);
  EXPECT_FALSE(std::ranges::equal(a.view(), b.view()));
  // Eight zero bytes at either end by chance: once in 2^64.
  EXPECT_FALSE(all_zero(a.view().first(8)));
  EXPECT_FALSE(all_zero(a.view().last(8)));
}

TEST(RandomBytes, FillsAllOfItAndDiffers) {
  base::Bytes a(64);
  base::Bytes b(64);
  random_bytes(a);
  random_bytes(b);
  EXPECT_NE(a, b);
  EXPECT_FALSE(all_zero(base::BytesView(a).last(8)));
  random_bytes({});
}

TEST(Wipe, LeavesZeros) {
  base::Bytes bytes = base::to_bytes("secret");
  wipe(bytes);
  EXPECT_TRUE(all_zero(bytes));
  wipe({});
}

// Flags of the mapping that holds `address`, from /proc/self/smaps.
std::string mapping_flags(const void* address) {
  std::ifstream smaps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long start = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2) inside = start <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return {};
}

TEST(Secret, SG_I_STATE_IsLeftOutOfCoreDumps) {
  const Secret guarded = secret("key material");
  EXPECT_NE(mapping_flags(guarded.view().data()).find(" dd "), std::string::npos)
      << mapping_flags(guarded.view().data());
}

TEST(SecretDeathTest, SG_I_STATE_ReadingPastTheEndHitsAGuardPage) {
  const Secret guarded = secret("0123456789abcdef");
  EXPECT_DEATH(
      {
        const volatile std::byte* past = guarded.view().data() + guarded.size();
        static_cast<void>(*past);
      },
      "");
}

TEST(SecretDeathTest, SG_T_STATE_WritingPastTheEndHitsAGuardPage) {
  Secret guarded = secret("0123456789abcdef");
  EXPECT_DEATH(
      {
        volatile std::byte* past = guarded.writable().data() + guarded.size();
        *past = std::byte{1};
      },
      "");
}

TEST(SecretDeathTest, SG_T_STATE_WritingBeforeTheStartIsFoundWhenItGoes) {
  EXPECT_DEATH(
      {
        Secret guarded = secret("0123456789abcdef");
        volatile std::byte* before = guarded.writable().data() - 1;
        *before = std::byte{static_cast<unsigned char>(~std::to_integer<unsigned>(*before))};
      },
      "");
}

TEST(SecretDeathTest, SG_I_STATE_MemoryIsGoneAfterDestruction) {
  EXPECT_DEATH(
      {
        const volatile std::byte* stale = nullptr;
        {
          const Secret guarded = secret("0123456789abcdef");
          stale = guarded.view().data();
        }
        static_cast<void>(*stale);
      },
      "");
}

TEST(SecretDeathTest, SG_I_STATE_MemoryIsGoneAfterItWasAssignedOver) {
  EXPECT_DEATH(
      {
        Secret guarded = secret("0123456789abcdef");
        const volatile std::byte* stale = guarded.view().data();
        guarded = Secret();
        static_cast<void>(*stale);
      },
      "");
}

class SecretFile : public ::testing::Test {
 protected:
  base::Result<Secret> read(std::size_t max_bytes) {
    return read_secret_file(base::real_env(), directory_ / "key", max_bytes);
  }
  void write(std::string_view content, std::uint32_t mode) {
    ASSERT_TRUE(base::real_env().write_file(directory_ / "key", base::as_bytes(content), mode));
  }
  test::TempDir directory_;
};

TEST_F(SecretFile, ReadsAPrivateFileByteForByte) {
  write("pass\n", 0600);
  const auto content = read(5);
  ASSERT_TRUE(content) << content.error().message;
  EXPECT_EQ(base::as_text(content->view()), "pass\n");
}

TEST_F(SecretFile, SG_I_STATE_RefusesAFileOthersMayRead) {
  write("pass", 0640);
  EXPECT_EQ(code_of(read(16)), Code::kModeTooWide);
}

TEST_F(SecretFile, RefusesMoreThanAllowed) {
  write("12345", 0600);
  EXPECT_EQ(code_of(read(4)), Code::kTooLarge);
}

TEST_F(SecretFile, TellsThatAFileIsMissing) { EXPECT_EQ(code_of(read(16)), Code::kNotFound); }

// systemd 257 hands credentials over as root's files with an access list. That is read; what others might read is not.
class Credential : public SecretFile {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can make root's files";
    write("pass", 0440);
    folder(0550);
    ::setenv("CREDENTIALS_DIRECTORY", directory_.path().c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    folder(0700);
  }
  void folder(mode_t mode) { ASSERT_EQ(::chmod(directory_.path().c_str(), mode), 0); }
};

TEST_F(Credential, IsReadAsSystemdHandsItOver) {
  const auto content = read(16);
  ASSERT_TRUE(content) << content.error().message;
  EXPECT_EQ(base::as_text(content->view()), "pass");
}

TEST_F(Credential, SG_I_STATE_RefusesOneOutsideTheUnitsOwnFolder) {
  ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials/another.service", 1);
  EXPECT_EQ(code_of(read(16)), Code::kModeTooWide);
}

TEST_F(Credential, SG_I_STATE_RefusesOneInAFolderThatOthersEnter) {
  folder(0551);
  EXPECT_EQ(code_of(read(16)), Code::kModeTooWide);
  folder(0570);
  EXPECT_EQ(code_of(read(16)), Code::kModeTooWide);
}

TEST_F(Credential, SG_I_STATE_RefusesOneThatOthersReadOrItsGroupChanges) {
  write("pass", 0444);
  EXPECT_EQ(code_of(read(16)), Code::kModeTooWide);
  write("pass", 0460);
  EXPECT_EQ(code_of(read(16)), Code::kModeTooWide);
}

TEST(SecretFileFault, AReadErrorIsTheResult) {
  base::MemoryEnv env;
  ASSERT_TRUE(env.make_directory("/d", 0700));
  ASSERT_TRUE(env.write_file("/d/key", base::as_bytes("x"), 0600));
  env.set_fault([](base::EnvOperation operation, const base::Path&) -> base::Result<> {
    if (operation == base::EnvOperation::kRead) return base::fail(Code::kIo, "read: /d/key: injected");
    return {};
  });
  EXPECT_EQ(code_of(read_secret_file(env, "/d/key", 16)), Code::kIo);
}

}  // namespace
}  // namespace stargraph::crypto
