#include "stargraph/base/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <regex>
#include <set>

#include "stargraph/base/check.hpp"
#include "stargraph/base/strong.hpp"

namespace stargraph::base {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Code::kBadRequest, "half: number: odd");
  return number / 2;
}
Result<> even(int number) {
  SG_TRY(half(number));
  return {};
}
Result<std::unique_ptr<int>> quarter(int number) {
  SG_TRY(const int once, half(number));
  SG_TRY(auto twice, half(once));
  return std::make_unique<int>(twice);
}

TEST(Result, TryReturnsTheFirstErrorUnchanged) {
  EXPECT_EQ(**quarter(12), 3);
  EXPECT_EQ(quarter(6).error().code, Code::kBadRequest);
  EXPECT_EQ(even(3).error().message, "half: number: odd");
  EXPECT_TRUE(even(4).has_value());
  EXPECT_EQ(in_context("outer", even(3).error()).message, "outer: half: number: odd");
}

TEST(ReasonTable, NamesAreUniqueAndLookedUpBothWays) {
  std::set<std::string_view> names;
  for (const Reason& row : reason_table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(code_from_name(row.name), row.code);
    EXPECT_EQ(reason(row.code).name, row.name);
    EXPECT_TRUE(std::regex_match(std::string(row.name), std::regex("[a-z0-9-]+|[A-Z_]+"))) << row.name;
    EXPECT_GE(row.http_status, 400);
    EXPECT_LE(row.http_status, 599);
    EXPECT_NE(row.exit_code, kExitDone);
  }
  EXPECT_FALSE(code_from_name("no-such-reason").has_value());
}

TEST(ReasonTable, KindsKeepTheirExitCodes) {
  for (const Reason& row : reason_table()) {
    if (row.kind == Kind::kTrust) {
      EXPECT_EQ(row.exit_code, kExitTrust) << row.name;
    }
    if (row.kind == Kind::kDenied) {
      EXPECT_EQ(row.exit_code, kExitDenied) << row.name;
    }
    if (row.kind == Kind::kIntegrity) {
      EXPECT_EQ(row.exit_code, kExitIntegrity) << row.name;
    }
    if (row.kind == Kind::kConfig) {
      EXPECT_EQ(row.exit_code, kExitConfig) << row.name;
    }
    if (row.kind == Kind::kBusy) {
      EXPECT_EQ(row.exit_code, kExitUnavailable) << row.name;
    }
  }
}

TEST(CheckDeathTest, StopsTheProgramInEveryBuild) { EXPECT_DEATH(SG_CHECK(1 + 1 == 3), "check failed: 1 \\+ 1 == 3"); }

template <class A, class B>
concept Comparable = requires(A a, B b) { a == b; };

TEST(StrongTypes, DoNotMix) {
  static_assert(!Comparable<RunId, TaskId>);
  static_assert(!std::is_convertible_v<std::string, RunId>);
  static_assert(!std::is_convertible_v<RunId, TaskId>);
  EXPECT_EQ(StepNumber(4).next(), StepNumber(5));
}

}  // namespace
}  // namespace stargraph::base
