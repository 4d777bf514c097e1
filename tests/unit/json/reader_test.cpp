#include "stargraph/json/reader.hpp"

#include <gtest/gtest.h>

namespace stargraph::json {
namespace {

using base::Code;

struct Refused {
  Code code = Code::kInternal;
  std::string message;
};

Refused finish(Reader& in) {
  const auto done = in.finish();
  return done ? Refused{Code::kInternal, "taken"} : Refused{done.error().code, done.error().message};
}

class JsonReader : public ::testing::Test {
 protected:
  const Value document_ = Object{{"id", "soc"}, {"epoch", 3}, {"on", true}, {"files", Array{"a", "b"}}, {"half", 0.5}};
  Reader in_{document_, "manifest"};
};

TEST_F(JsonReader, ReadsEveryKindOfMember) {
  EXPECT_EQ(in_.text("id", 1, 3), "soc");
  EXPECT_EQ(in_.integer("epoch", 3, 3), 3);
  EXPECT_TRUE(in_.boolean("on"));
  EXPECT_EQ(in_.texts("files"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(in_.array("files").size(), 2U);
  EXPECT_EQ(in_.value("half"), Value(0.5));
  EXPECT_TRUE(in_.finish().has_value());
  EXPECT_EQ(in_.error_pointer(), "");
}

TEST_F(JsonReader, OptionalMembersMayBeAbsentButNotWrong) {
  EXPECT_EQ(in_.optional_text("none"), std::nullopt);
  EXPECT_EQ(in_.optional_integer("none", 0, 1), std::nullopt);
  EXPECT_EQ(in_.optional_boolean("none"), std::nullopt);
  EXPECT_TRUE(in_.optional_array("none").empty());
  EXPECT_TRUE(in_.optional_texts("none").empty());
  EXPECT_EQ(in_.optional_value("none"), nullptr);
  EXPECT_FALSE(in_.failed());
  EXPECT_EQ(in_.optional_text("epoch"), std::nullopt);
  EXPECT_EQ(finish(in_).message, "manifest: /epoch: expected string, found integer");
}

TEST_F(JsonReader, MissingMemberIsNamed) {
  EXPECT_EQ(in_.text("name"), "");
  const Refused refused = finish(in_);
  EXPECT_EQ(refused.code, Code::kMalformed);
  EXPECT_EQ(refused.message, "manifest: /name: missing");
  EXPECT_EQ(in_.error_pointer(), "/name");
}

TEST_F(JsonReader, FirstErrorSticksAndLaterReadsAreEmpty) {
  EXPECT_EQ(in_.integer("id", 0, 1), 0);
  EXPECT_EQ(in_.text("epoch"), "");
  EXPECT_EQ(in_.text("id"), "");
  EXPECT_TRUE(in_.value("half").is_null());
  in_.refuse("on", Code::kConfigInvalid, "never seen");
  EXPECT_EQ(finish(in_).message, "manifest: /id: expected integer, found string");
}

TEST_F(JsonReader, SG_T_IR_RefusesOtherTypes) {
  Reader boolean(document_, "m");
  EXPECT_FALSE(boolean.boolean("id"));
  EXPECT_EQ(finish(boolean).message, "m: /id: expected boolean, found string");
  Reader array(document_, "m");
  EXPECT_TRUE(array.array("id").empty());
  EXPECT_EQ(finish(array).message, "m: /id: expected array, found string");
}

TEST_F(JsonReader, SG_D_IR_BoundsTextAndArrays) {
  Reader longer(document_, "m");
  EXPECT_EQ(longer.text("id", 0, 2), "");
  EXPECT_EQ(finish(longer).code, Code::kTooLarge);
  Reader shorter(document_, "m");
  EXPECT_EQ(shorter.text("id", 4), "");
  EXPECT_EQ(finish(shorter).code, Code::kMalformed);
  Reader items(document_, "m");
  EXPECT_TRUE(items.array("files", 1).empty());
  EXPECT_EQ(finish(items).code, Code::kTooLarge);
}

TEST_F(JsonReader, SG_T_IR_BoundsIntegersAndTakesNoOtherNumber) {
  Reader below(document_, "m");
  EXPECT_EQ(below.integer("epoch", 4, 9), 0);
  EXPECT_EQ(finish(below).message, "m: /epoch: not within 4 and 9");
  Reader above(document_, "m");
  EXPECT_EQ(above.integer("epoch", 0, 2), 0);
  EXPECT_EQ(finish(above).code, Code::kNumberRange);
  const Value whole = Object{{"n", 1.0}};
  Reader number(whole, "m");
  EXPECT_EQ(number.integer("n", 0, 9), 0);
  EXPECT_EQ(finish(number).code, Code::kMalformed);
}

TEST_F(JsonReader, SG_T_IR_RefusesMembersThatNobodyAskedFor) {
  static_cast<void>(in_.text("id"));
  static_cast<void>(in_.integer("epoch", 0, 9));
  static_cast<void>(in_.boolean("on"));
  static_cast<void>(in_.array("files"));
  const Refused refused = finish(in_);
  EXPECT_EQ(refused.code, Code::kUnknownField);
  EXPECT_EQ(refused.message, "manifest: /half: unknown");
  EXPECT_EQ(in_.error_pointer(), "/half");
}

TEST_F(JsonReader, SG_T_IR_ShowsNoControlCharactersOfForeignNames) {
  const Value value = Object{{"a\n\x1b[2J\"b\xC3\xA9", 1}};
  Reader in(value, "m");
  EXPECT_EQ(finish(in).message, "m: /a??[2J?b??: unknown");
  EXPECT_EQ(in.error_pointer(), "/a\n\x1b[2J\"b\xC3\xA9");
  const Value longer = Object{{std::string(5000, 'x'), 1}};
  Reader bounded(longer, "m");
  EXPECT_LT(finish(bounded).message.size(), 300U);
}

TEST_F(JsonReader, TextsNameTheItem) {
  const Value value = Object{{"files", Array{"a", 1}}};
  Reader in(value, "manifest", "/packs/0");
  EXPECT_TRUE(in.texts("files").empty());
  EXPECT_EQ(finish(in).message, "manifest: /packs/0/files/1: expected string, found integer");
}

TEST_F(JsonReader, NeedsAnObject) {
  const Value value = Array{};
  Reader in(value, "manifest");
  EXPECT_TRUE(in.failed());
  EXPECT_EQ(in.text("id"), "");
  EXPECT_EQ(finish(in).message, "manifest: document: expected object, found array");
}

TEST_F(JsonReader, NullIsAValue) {
  const Value value = Object{{"x", nullptr}};
  Reader in(value, "m");
  EXPECT_EQ(in.optional_text("x"), std::nullopt);
  EXPECT_EQ(finish(in).message, "m: /x: expected string, found null");
}

// RFC 6901, section 5.
TEST(JsonPointer, EscapesAsRfc6901) {
  EXPECT_EQ(pointer_step("foo"), "/foo");
  EXPECT_EQ(pointer_step(""), "/");
  EXPECT_EQ(pointer_step("a/b"), "/a~1b");
  EXPECT_EQ(pointer_step("m~n"), "/m~0n");
  EXPECT_EQ(pointer_step("~1"), "/~01");
  EXPECT_EQ(pointer_step(std::size_t{7}), "/7");
}

}  // namespace
}  // namespace stargraph::json
