#include "stargraph/json/value.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace stargraph::json {
namespace {

TEST(JsonValue, SetReplacesInPlaceAndEraseRemoves) {
  Object object{{"a", 1}, {"b", 2}, {"a", 3}};
  EXPECT_EQ(object.size(), 2U);
  EXPECT_EQ(object.begin()->first, "a");
  EXPECT_EQ(*object.find("a"), Value(3));
  object.set("b", "x");
  object.set("c", nullptr);
  EXPECT_EQ(*object.find("b"), Value("x"));
  EXPECT_TRUE(object.erase("a"));
  EXPECT_FALSE(object.erase("a"));
  EXPECT_EQ(object.find("a"), nullptr);
  EXPECT_EQ(object.size(), 2U);
}

TEST(JsonValue, ObjectsAreEqualInAnyOrderAndArraysAreNot) {
  EXPECT_EQ(Value(Object{{"a", 1}, {"b", Array{1, 2}}}), Value(Object{{"b", Array{1, 2}}, {"a", 1}}));
  EXPECT_FALSE(Value(Object{{"a", 1}}) == Value(Object{{"b", 1}}));
  EXPECT_FALSE(Value(Object{{"a", 1}}) == Value(Object{{"a", 1}, {"b", 1}}));
  EXPECT_FALSE(Value(Array{1, 2}) == Value(Array{2, 1}));
}

TEST(JsonValue, NumbersAreEqualByValueAndTypesDiffer) {
  EXPECT_EQ(Value(1), Value(1.0));
  EXPECT_EQ(Value(-0.0), Value(0));
  EXPECT_FALSE(Value(1) == Value(1.5));
  EXPECT_FALSE(Value(1) == Value("1"));
  EXPECT_FALSE(Value(1) == Value(true));
  EXPECT_FALSE(Value(false) == Value(nullptr));
  // Rounding the integer to a double would make these equal.
  EXPECT_FALSE(Value(std::int64_t{9007199254740993}) == Value(9007199254740992.0));
  EXPECT_FALSE(Value(std::numeric_limits<std::int64_t>::max()) == Value(9223372036854775808.0));
  EXPECT_FALSE(Value(0) == Value(std::numeric_limits<double>::quiet_NaN()));
}

TEST(JsonValue, NamesItsType) {
  EXPECT_EQ(Value().type_name(), "null");
  EXPECT_EQ(Value(true).type_name(), "boolean");
  EXPECT_EQ(Value(1).type_name(), "integer");
  EXPECT_EQ(Value(1.0).type_name(), "number");
  EXPECT_EQ(Value("").type_name(), "string");
  EXPECT_EQ(Value(Array{}).type_name(), "array");
  EXPECT_EQ(Value(Object{}).type_name(), "object");
}

}  // namespace
}  // namespace stargraph::json
