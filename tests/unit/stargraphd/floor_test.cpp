// The floor of free disk, just above, at and below.
#include "bin/stargraphd/floor.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace stargraph::daemon {
namespace {

config::Limits limits_of(std::int64_t percent, std::int64_t bytes) {
  config::Limits limits;
  limits.disk_free_percent = percent;
  limits.disk_free_bytes = bytes;
  return limits;
}

TEST(DiskFloor, SG_D_STATE_BytesJustAboveAtAndBelow) {
  const config::Limits limits = limits_of(0, 4096 * 10);
  EXPECT_TRUE(above_floor({11, 1000, 4096}, limits));
  EXPECT_TRUE(above_floor({10, 1000, 4096}, limits));
  EXPECT_FALSE(above_floor({9, 1000, 4096}, limits));
  EXPECT_FALSE(above_floor({40'959, 1'000'000, 1}, limits));
  EXPECT_TRUE(above_floor({40'960, 1'000'000, 1}, limits));
}

TEST(DiskFloor, SG_D_STATE_PercentJustAboveAtAndBelow) {
  const config::Limits limits = limits_of(5, 0);
  EXPECT_TRUE(above_floor({51, 1000, 4096}, limits));
  EXPECT_TRUE(above_floor({50, 1000, 4096}, limits));
  EXPECT_FALSE(above_floor({49, 1000, 4096}, limits));
}

// Five of a hundredth part that is cut to whole blocks would be 5 blocks of 199; five percent are 9.95.
TEST(DiskFloor, SG_D_STATE_PercentOfFewBlocksIsNotCut) {
  EXPECT_FALSE(above_floor({9, 199, 4096}, limits_of(5, 0)));
  EXPECT_TRUE(above_floor({10, 199, 4096}, limits_of(5, 0)));
  EXPECT_FALSE(above_floor({0, 10, 4096}, limits_of(5, 0)));
}

TEST(DiskFloor, SG_D_STATE_BothHold) {
  const config::Limits limits = limits_of(5, 4096 * 100);
  EXPECT_FALSE(above_floor({99, 1000, 4096}, limits));
  EXPECT_TRUE(above_floor({100, 2000, 4096}, limits));
  EXPECT_FALSE(above_floor({100, 2001, 4096}, limits));
}

TEST(DiskFloor, SG_D_STATE_NothingOverflows) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  const config::Limits limits = limits_of(90, std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(above_floor({kMost, kMost, kMost}, limits));
  EXPECT_FALSE(above_floor({kMost / 2, kMost, kMost}, limits));
}

TEST(DiskFloor, OfNothingNothingIsAsked) {
  EXPECT_TRUE(above_floor({0, 0, 0}, limits_of(0, 0)));
  EXPECT_FALSE(above_floor({0, 0, 0}, limits_of(0, 1)));
}

}  // namespace
}  // namespace stargraph::daemon
