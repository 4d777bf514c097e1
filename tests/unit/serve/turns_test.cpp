#include "serve/turns.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace stargraph::serve {
namespace {

using namespace std::chrono_literals;

TEST(Turns, SG_D_HTTP_SoManyAtOnceAndNoneBeyond) {
  Turns turns(2);
  auto first = turns.take(0s);
  auto second = turns.take(0s);
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_FALSE(turns.take(0s));
  first.reset();
  const auto third = turns.take(0s);
  EXPECT_TRUE(third);
  EXPECT_FALSE(turns.take(1ms));
}

TEST(Turns, WhoWaitsGetsWhatIsGivenBack) {
  Turns turns(1);
  auto held = turns.take(0s);
  ASSERT_TRUE(held);
  bool had = false;
  std::thread waiting([&] { had = turns.take(1h).has_value(); });
  held.reset();
  waiting.join();
  EXPECT_TRUE(had);
}

}  // namespace
}  // namespace stargraph::serve
