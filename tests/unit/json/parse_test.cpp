// The strict JSON parser: what it takes, and each thing it refuses with its own code.
#include "stargraph/json/parse.hpp"

#include <gtest/gtest.h>

#include <string>

#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"
#include "support/upstream.hpp"

namespace stargraph::json {
namespace {

using base::Code;

// The name of the reason, so that a failure reads well; "taken" when nothing was refused.
std::string refusal(std::string_view text, const ParseLimits& limits = {}) {
  const auto value = parse(text, limits);
  return value ? "taken" : std::string(value.error().name());
}

std::string name_of(Code code) { return std::string(base::reason(code).name); }

Value taken(std::string_view text) {
  auto value = parse(text);
  EXPECT_TRUE(value.has_value()) << text << ": " << (value ? "" : value.error().message);
  return value ? *std::move(value) : Value();
}

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST(JsonParse, TakesEveryKindOfValue) {
  const Value value = taken(R"( {"n":null,"t":true,"f":false,"i":-12,"d":2.5,"s":"a\"b","a":[1,[]],"o":{}} )");
  const Object& object = *value.object();
  EXPECT_TRUE(object.find("n")->is_null());
  EXPECT_EQ(*object.find("t"), Value(true));
  EXPECT_EQ(*object.find("f"), Value(false));
  EXPECT_EQ(*object.find("i")->integer(), -12);
  EXPECT_EQ(*object.find("d")->number(), 2.5);
  EXPECT_EQ(*object.find("s")->string(), "a\"b");
  EXPECT_EQ(object.find("a")->array()->size(), 2U);
  EXPECT_TRUE(object.find("o")->object()->empty());
  EXPECT_EQ(object.find("x"), nullptr);
}

TEST(JsonParse, TakesScalarsAsWholeDocuments) {
  EXPECT_EQ(*taken("7").integer(), 7);
  EXPECT_EQ(*taken("\"\"").string(), "");
  EXPECT_TRUE(taken("\r\n\tnull ").is_null());
}

TEST(JsonParse, KeepsTheOrderOfMembers) {
  EXPECT_EQ(compact(taken(R"({"b":1,"a":2,"B":3})")), R"({"b":1,"a":2,"B":3})");
}

TEST(JsonParse, DecodesEveryEscape) {
  EXPECT_EQ(*taken(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00")").string(),
            "\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST(JsonParse, KeepsIntegersExactAndDoublesApart) {
  EXPECT_EQ(*taken("9007199254740991").integer(), kMaxInteger);
  EXPECT_EQ(*taken("-9007199254740991").integer(), -kMaxInteger);
  EXPECT_EQ(*taken("-0").integer(), 0);
  EXPECT_TRUE(taken("1.0").is_double());
  EXPECT_TRUE(taken("1e2").is_double());
  EXPECT_EQ(*taken("-1E+2").number(), -100.0);
  EXPECT_EQ(*taken("5e-324").number(), 5e-324);
  EXPECT_EQ(*taken("9007199254740991.0").number(), 9007199254740991.0);
}

TEST(JsonParse, SG_T_IR_RefusesANameTwice) {
  EXPECT_EQ(refusal(R"({"a":1,"b":2,"a":1})"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(refusal(R"([{"x":{"a":1,"a":2}}])"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(refusal(R"({"":1,"":2})"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(refusal(R"({"a":1,"A":2,"o":{"a":3}})"), "taken");
}

TEST(JsonParse, SG_T_IR_RefusesANameTwiceThatEscapesHide) {
  EXPECT_EQ(refusal(R"({"a":1,"\u0061":2})"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(refusal(R"({"/":1,"\/":2})"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(refusal("{\"\xF0\x9F\x98\x80\":1,\"\\uD83D\\uDE00\":2}"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(refusal("{\"\xE2\x82\xAC\":1,\"\\u20AC\":2}"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(refusal("{\"\xC3\xA9\":1,\"\\u00E9\":2}"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(refusal(R"({"\n":1,"\u000a":2})"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(refusal(R"({"\n":1,"n":2,"\\n":3})"), "taken");
}

TEST(JsonParse, SG_D_IR_BoundsDepthForArraysAndObjects) {
  EXPECT_EQ(refusal(nested(31)), "taken");
  EXPECT_EQ(refusal(nested(32)), "taken");
  EXPECT_EQ(refusal(nested(33)), name_of(Code::kTooDeep));
  std::string objects;
  for (int i = 0; i < 33; ++i) objects += "{\"a\":";
  EXPECT_EQ(refusal(objects), name_of(Code::kTooDeep));
  EXPECT_EQ(refusal("[]", {.max_depth = 0}), name_of(Code::kTooDeep));
  EXPECT_EQ(refusal("1", {.max_depth = 0}), "taken");
  EXPECT_EQ(refusal(nested(kMaxDepth), {.max_depth = kMaxDepth}), "taken");
}

TEST(JsonParse, SG_D_IR_StopsAtTheDepthLimitOfABomb) {
  EXPECT_EQ(refusal(std::string(1 << 20, '[')), name_of(Code::kTooDeep));
}

TEST(JsonParse, SG_D_IR_BoundsTheSize) {
  const std::string text = "\"" + std::string(98, 'x') + "\"";
  ASSERT_EQ(text.size(), 100U);
  EXPECT_EQ(refusal(text, {.max_bytes = 101}), "taken");
  EXPECT_EQ(refusal(text, {.max_bytes = 100}), "taken");
  EXPECT_EQ(refusal(text, {.max_bytes = 99}), name_of(Code::kTooLarge));
  EXPECT_EQ(refusal(std::string((1 << 20) + 1, ' ')), name_of(Code::kTooLarge));
}

// A quadratic check of names would need 4 * 10^9 comparisons here and run into the time limit of ctest.
TEST(JsonParse, SG_D_IR_TakesAnObjectOfManyMembers) {
  std::string text = "{";
  for (int i = 0; i < 90'000; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  const Value value = taken(text + "}");
  ASSERT_TRUE(value.is_object());
  EXPECT_EQ(value.object()->size(), 90'000U);
}

TEST(JsonParse, SG_T_IR_RefusesWhatIsNotUtf8) {
  for (const char* bad : {"\"\x80\"", "\"\xC0\x80\"", "\"\xC3\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\xFF"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kBadUtf8)) << bad;
  }
  EXPECT_EQ(parse("[\"ok\xC3\xA9\", \"\xE2\x82\"]").error().message, "json: byte 10: not UTF-8");
}

TEST(JsonParse, SG_T_IR_RefusesNulAsByteAndAsEscape) {
  using namespace std::string_view_literals;
  EXPECT_EQ(refusal("\"a\0b\""sv), name_of(Code::kMalformed));
  EXPECT_EQ(refusal("\"a\\u0000b\""), name_of(Code::kMalformed));
  EXPECT_EQ(refusal("{\"\\u0000\":1}"), name_of(Code::kMalformed));
  EXPECT_EQ(refusal("1\0"sv), name_of(Code::kTrailingBytes));
  EXPECT_EQ(refusal("\0"sv), name_of(Code::kMalformed));
  EXPECT_EQ(refusal("[1,\0 2]"sv), name_of(Code::kMalformed));
  EXPECT_EQ(refusal("\"\\\0\""sv), name_of(Code::kMalformed));
}

TEST(JsonParse, SG_T_IR_RefusesLoneSurrogates) {
  for (const char* bad : {R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\ud83d\u0041")", R"("\ud83d\ud83d")",
                          R"("\ude00\ud83d")", R"("\ud83d\n")"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kMalformed)) << bad;
  }
}

TEST(JsonParse, SG_T_IR_RefusesNumbersThatWouldChange) {
  for (const char* bad : {"9007199254740992", "-9007199254740992", "9007199254740993", "18446744073709551616",
                          "100000000000000000000000000000000000000000000000000000000000000000", "1e309", "-1e309",
                          "1e999999999999", "1e-400", "[1,1e999]"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kNumberRange)) << bad;
  }
  EXPECT_EQ(refusal("0e-400"), "taken");
}

// Found by fuzzing: RFC 8785 writes the double 9e19 as 90000000000000000000, an integer that the parser
// refuses, so that state which held it could be stored and never be read again.
TEST(JsonParse, SG_D_IR_RefusesDoublesThatComeBackAsIntegersOutOfRange) {
  for (const char* bad : {"9e19", "-9e19", "9007199254740992.0", "9.007199254740993e15", "9.9e20"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kNumberRange)) << bad;
  }
  for (const char* good : {"1e21", "-1.5e300", "9007199254740991.0", "9.007199254740991e15"}) {
    const Value value = taken(good);
    EXPECT_EQ(taken(canonical(value)), value) << good;
  }
}

// cJSON stops copying a number at 63 bytes and reads on as if it had ended there.
TEST(JsonParse, SG_T_IR_RefusesNumbersLongerThanCjsonReads) {
  const std::string longest = "0." + std::string(61, '1');
  ASSERT_EQ(longest.size(), 63U);
  EXPECT_EQ(refusal(longest), "taken");
  EXPECT_EQ(refusal("[" + longest + "]"), "taken");
  EXPECT_EQ(refusal(longest + "1"), name_of(Code::kNumberRange));
  EXPECT_EQ(refusal("{\"a\":" + longest + "e1}"), name_of(Code::kNumberRange));
}

TEST(JsonParse, SG_T_IR_RefusesBytesAfterTheValue) {
  for (const char* bad : {"{} {}", "1 2", "[]]", "null,", "\"a\"b", "{}//", "10x"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kTrailingBytes)) << bad;
  }
  EXPECT_EQ(refusal("{} \r\n\t "), "taken");
}

TEST(JsonParse, SG_T_IR_RefusesWhatRfc8259DoesNotAllow) {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "}",
                          "[",
                          "[1",
                          "[1,",
                          "[1,]",
                          "[,1]",
                          "[1 2]",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{'a':1}",
                          "{1:1}",
                          "{\"a\" 1}",
                          "{,}",
                          "\"",
                          "\"abc",
                          "\"\\\"",
                          "\"\\",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\u12G4\"",
                          "\"\\u+123\"",
                          "\"\\u 123\"",
                          "\"\t\"",
                          "\"\n\"",
                          "\"\x1f\"",
                          "'a'",
                          "tru",
                          "True",
                          "nul",
                          "NaN",
                          "Infinity",
                          "-",
                          "-a",
                          "+1",
                          ".5",
                          "1.",
                          "1.e1",
                          "1e",
                          "1e+",
                          "01",
                          "-01",
                          "00",
                          "0x10",
                          "/**/1",
                          "\v1",
                          "\f1",
                          "\xC2\xA0"
                          "1",
                          "\xEF\xBB\xBF{}",
                          "[\x01"
                          "1]"}) {
    const std::string got = refusal(bad);
    EXPECT_TRUE(got == name_of(Code::kMalformed) ||
                (bad == std::string("0x10") && got == name_of(Code::kTrailingBytes)))
        << bad << ": " << got;
  }
}

TEST(JsonParse, MessagesGiveTheOffsetAndNeverTheBytes) {
  EXPECT_EQ(parse("[1, secret]").error().message, "json: byte 4: not a JSON value");
  EXPECT_EQ(parse(R"({"password":1,"password":2})").error().message, "json: byte 14: name stands twice in one object");
  EXPECT_EQ(parse("[1").error().message, "json: byte 2: unexpected end");
  EXPECT_EQ(parse("[123456789012345678]").error().message, "json: byte 1: integer beyond 2^53-1, write it as a string");
}

TEST(JsonParse, TakesBytesAsWellAsText) {
  const auto value = parse(base::as_bytes("[1]"));
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->array()->size(), 1U);
}

// The view need not end in NUL, and nothing behind it may be read.
TEST(JsonParse, SG_I_IR_ReadsNothingBehindTheView) {
  const std::string text = "[1,true]]]]";
  EXPECT_EQ(refusal(std::string_view(text).substr(0, 8)), "taken");
  EXPECT_EQ(refusal(std::string_view("12345").substr(0, 2)), "taken");
  EXPECT_EQ(*taken(std::string_view("12345").substr(0, 2)).integer(), 12);
  EXPECT_EQ(refusal(std::string_view("true").substr(0, 3)), name_of(Code::kMalformed));
}

TEST(JsonParse, UpstreamCanonicalDumpsComeBackByteForByte) {
  SG_UPSTREAM_OR_SKIP(upstream);
  for (const char* name : {"full.json", "minimal.json"}) {
    const std::string text = support::read_upstream(upstream / "stargraph" / "canonical" / name);
    const auto value = parse(text);
    ASSERT_TRUE(value.has_value()) << name << ": " << value.error().message;
    EXPECT_EQ(compact(*value), text) << name;
  }
}

}  // namespace
}  // namespace stargraph::json
