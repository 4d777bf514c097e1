// Rates: what one kind of request costs takes nothing from another.
#include "serve/rates.hpp"

#include <gtest/gtest.h>

#include "stargraph/base/memory_env.hpp"

namespace stargraph::serve {
namespace {

using namespace std::chrono_literals;

class RatesTest : public ::testing::Test {
 protected:
  static config::Limits limits() {
    config::Limits limits;
    limits.changes_burst = 3;
    limits.changes_per_second = 2;
    limits.reads_burst = 5;
    limits.reads_per_second = 1;
    return limits;
  }
  bool take(const char* path, bool allowed = true, const std::string& payer = "worker") {
    auto match = match_route("POST", path);
    if (!match) match = match_route("GET", path);
    return rates_.take(match ? match->route : nullptr, allowed, payer).allowed;
  }
  // How many of these are let through at once.
  int at_once(const char* path, bool allowed = true) {
    for (int i = 0; i < 100; ++i)
      if (!take(path, allowed)) return i;
    return 100;
  }

  base::MemoryEnv env_;
  Rates rates_{env_, limits()};
};

// A worker that leases as fast as it may could not give back what it had done.
TEST_F(RatesTest, SG_D_HTTP_LeasingDoesNotStarveTheEndOfWhatWasLeased) {
  EXPECT_EQ(at_once("/v1/work/lease"), 3);
  EXPECT_TRUE(take("/v1/work/t/complete"));
  EXPECT_TRUE(take("/v1/work/t/heartbeat"));
  EXPECT_TRUE(take("/v1/work/t/fail"));  // at its limit, and now over it
  for (const char* path : {"/v1/work/t/complete", "/v1/work/t/heartbeat", "/v1/work/t/fail"})
    EXPECT_FALSE(take(path)) << path;
  env_.advance(499ms);
  EXPECT_FALSE(take("/v1/work/t/complete"));
  env_.advance(1ms);
  EXPECT_TRUE(take("/v1/work/t/complete"));
  EXPECT_TRUE(take("/v1/work/lease"));
}

TEST_F(RatesTest, SG_D_HTTP_EachKindHasItsBucketAndSoHasEachPayer) {
  EXPECT_EQ(at_once("/v1/work/t/complete"), 3);
  EXPECT_EQ(at_once("/v1/runs/r/cancel"), 3);
  EXPECT_EQ(at_once("/v1/packs"), 5);
  EXPECT_TRUE(take("/v1/work/t/complete", true, "other"));
}

// Guessing does not cost less because it is refused, and takes no change from whoever is refused.
TEST_F(RatesTest, SG_D_HTTP_RefusalsAreReads) {
  EXPECT_EQ(at_once("/v1/work/t/complete", false), 5);
  EXPECT_FALSE(take("/nothing/here"));
  EXPECT_TRUE(take("/v1/work/t/complete"));
}

}  // namespace
}  // namespace stargraph::serve
