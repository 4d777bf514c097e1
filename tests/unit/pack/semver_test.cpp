#include "stargraph/pack/semver.hpp"

#include <gtest/gtest.h>

#include <string>

namespace stargraph::pack {
namespace {

TEST(SemVer, OrdersAsTheStandardsExample) {
  // SemVer 2.0.0, item 11.
  const char* const ascending[] = {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
                                   "1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
                                   "1.0.0-rc.1",  "1.0.0",         "2.0.0",
                                   "2.1.0",       "2.1.1"};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    for (std::size_t j = 0; j < std::size(ascending); ++j) {
      const auto a = SemVer::parse(ascending[i]);
      const auto b = SemVer::parse(ascending[j]);
      ASSERT_TRUE(a && b);
      EXPECT_EQ(a->compare(*b), i <=> j) << ascending[i] << " " << ascending[j];
    }
  }
}

TEST(SemVer, BuildPartHasNoPrecedence) {
  EXPECT_EQ(SemVer::parse("1.0.0+a")->compare(*SemVer::parse("1.0.0+b")), std::strong_ordering::equal);
}

TEST(SemVer, RC_E_SPEC_RefusesWhatOnlyLooksLikeAVersion) {
  for (const char* text : {"",         "1",      "1.0",        "1.0.0.0",        "01.0.0",  "1.00.0", "1.0.0-",
                           "1.0.0-01", "1.0.0+", "1.0.0-a..b", "v1.0.0",         " 1.0.0",  "1.0.0 ", "1.0.0\n",
                           "-1.0.0",   "+1.0.0", "1.0.x",      "4294967296.0.0", "1.0.0-ä", "1..0"}) {
    EXPECT_FALSE(SemVer::parse(text)) << text;
  }
  EXPECT_FALSE(SemVer::parse("1.0.0-" + std::string(200, 'a')));
}

}  // namespace
}  // namespace stargraph::pack
