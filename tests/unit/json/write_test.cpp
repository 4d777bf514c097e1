// The writers against the vectors of RFC 8785 (appendix B, 3.2.2, 3.2.3); the numbers were also
// printed with V8 and are the same.
#include "stargraph/json/write.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"

namespace stargraph::json {
namespace {

struct NumberVector {
  std::uint64_t bits;
  std::string_view text;
};

constexpr NumberVector kRfc8785AppendixB[] = {
    {0x0000000000000000, "0"},
    {0x8000000000000000, "0"},
    {0x0000000000000001, "5e-324"},
    {0x8000000000000001, "-5e-324"},
    {0x7fefffffffffffff, "1.7976931348623157e+308"},
    {0xffefffffffffffff, "-1.7976931348623157e+308"},
    {0x4340000000000000, "9007199254740992"},
    {0xc340000000000000, "-9007199254740992"},
    {0x4430000000000000, "295147905179352830000"},
    {0x44b52d02c7e14af5, "9.999999999999997e+22"},
    {0x44b52d02c7e14af6, "1e+23"},
    {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
    {0x444b1ae4d6e2ef4e, "999999999999999700000"},
    {0x444b1ae4d6e2ef4f, "999999999999999900000"},
    {0x444b1ae4d6e2ef50, "1e+21"},
    {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
    {0x3eb0c6f7a0b5ed8d, "0.000001"},
    {0x41b3de4355555553, "333333333.3333332"},
    {0x41b3de4355555554, "333333333.33333325"},
    {0x41b3de4355555555, "333333333.3333333"},
    {0x41b3de4355555556, "333333333.3333334"},
    {0x41b3de4355555557, "333333333.33333343"},
    {0xbecbf647612f3696, "-0.0000033333333333333333"},
    {0x43143ff3c1cb0959, "1424953923781206.2"},
};

TEST(JsonWrite, WritesTheNumbersOfRfc8785) {
  for (const NumberVector& vector : kRfc8785AppendixB) {
    EXPECT_EQ(canonical(std::bit_cast<double>(vector.bits)), vector.text) << std::hex << vector.bits;
  }
}

TEST(JsonWrite, LaysNumbersOutAsEcmaScriptAtTheEdges) {
  EXPECT_EQ(canonical(0.1), "0.1");
  EXPECT_EQ(canonical(100.0), "100");
  EXPECT_EQ(canonical(123.456), "123.456");
  EXPECT_EQ(canonical(1e20), "100000000000000000000");
  EXPECT_EQ(canonical(1.5e21), "1.5e+21");
  EXPECT_EQ(canonical(1e-6), "0.000001");
  EXPECT_EQ(canonical(1e-7), "1e-7");
  EXPECT_EQ(canonical(-1.25e-9), "-1.25e-9");
  EXPECT_EQ(canonical(1e100), "1e+100");
  EXPECT_EQ(canonical(kMaxInteger), "9007199254740991");
  EXPECT_EQ(canonical(-kMaxInteger), "-9007199254740991");
}

TEST(JsonWrite, EveryFiniteDoubleComesBack) {
  std::mt19937_64 random(8785);
  for (int i = 0; i < 20'000; ++i) {
    const double number = std::bit_cast<double>(random());
    if (!std::isfinite(number)) continue;
    const std::string text = canonical(number);
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), number) << text;
  }
}

TEST(JsonWrite, WritesTheSampleOfRfc8785Section322) {
  const auto value = parse(R"({
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  })");
  ASSERT_TRUE(value.has_value()) << value.error().message;
  EXPECT_EQ(canonical(*value),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
            "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST(JsonWrite, SortsTheNamesOfRfc8785Section323ByUtf16) {
  const auto value = parse(R"({
    "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
    "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"
  })");
  ASSERT_TRUE(value.has_value()) << value.error().message;
  EXPECT_EQ(canonical(*value),
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\","
            "\"\xC3\xB6\":\"Latin Small Letter O With Diaeresis\",\"\xE2\x82\xAC\":\"Euro Sign\","
            "\"\xF0\x9F\x98\x80\":\"Emoji: Grinning Face\","
            "\"\xEF\xAC\xB3\":\"Hebrew Letter Dalet With Dagesh\"}");
}

TEST(JsonWrite, SortsAPrefixFirstAndEveryLevel) {
  EXPECT_EQ(canonical(Object{{"ab", 1}, {"a", Object{{"z", 1}, {"", 2}}}, {"B", 3}}),
            R"({"B":3,"a":{"":2,"z":1},"ab":1})");
}

TEST(JsonWrite, MembersThatStandElsewhereAreWrittenAsTheirObject) {
  const Value text("two\n\"lines\"");
  const Value nested(Object{{"z", 1}, {"a", nullptr}});
  const Object config{{"b", Array{1, 2}}, {"a", true}};
  const std::vector<MemberView> views{{"text", text}, {"config", config}, {"\xC3\xA9", nested}, {"a", nested}};
  EXPECT_EQ(canonical_of(views),
            canonical(Object{{"text", text}, {"config", config}, {"\xC3\xA9", nested}, {"a", nested}}));
  EXPECT_EQ(canonical_of({}), "{}");
}

TEST(JsonWrite, EscapesOnlyWhatMustBe) {
  EXPECT_EQ(quoted("\x01\x1f\x7f\b\t\n\f\r\"\\/<\xE2\x80\xA8"),
            "\"\\u0001\\u001f\x7f\\b\\t\\n\\f\\r\\\"\\\\/<\xE2\x80\xA8\"");
  EXPECT_EQ(quoted(""), "\"\"");
}

TEST(JsonWrite, LaysOutForPeople) {
  EXPECT_EQ(pretty(Object{{"b", Array{1, Object{}, Array{}}}, {"a", "x"}}),
            "{\n  \"b\": [\n    1,\n    {},\n    []\n  ],\n  \"a\": \"x\"\n}");
  EXPECT_EQ(pretty(Object{}), "{}");
}

TEST(JsonWrite, CompactKeepsTheOrder) { EXPECT_EQ(compact(Object{{"b", 1}, {"a", 2.5}}), R"({"b":1,"a":2.5})"); }

TEST(JsonWrite, SG_T_IR_GivesValidJsonFromValuesNoParserWouldGive) {
  using namespace std::string_view_literals;
  EXPECT_EQ(compact(std::nan("")), "null");
  EXPECT_EQ(compact(-std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(quoted("a\0b"sv), "\"a\\u0000b\"");
  EXPECT_EQ(quoted("a\x80"
                   "b\xC3\xA9\xE2\x82"),
            "\"a\xEF\xBF\xBD"
            "b\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(compact(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

std::string portable(const Value& value) {
  const auto checked = check_portable(value);
  return checked ? "portable" : std::string(checked.error().name());
}

TEST(JsonWrite, SG_D_IR_TellsWhatTheParserWouldNotTakeBack) {
  using namespace std::string_view_literals;
  const auto name_of = [](base::Code code) { return std::string(base::reason(code).name); };
  EXPECT_EQ(portable(Object{{"a", Array{nullptr, true, kMaxInteger, 1e21, 0.5, "x"}}}), "portable");
  EXPECT_EQ(portable(Array{kMaxInteger + 1}), name_of(base::Code::kNumberRange));
  EXPECT_EQ(portable(-kMaxInteger - 1), name_of(base::Code::kNumberRange));
  EXPECT_EQ(portable(9e19), name_of(base::Code::kNumberRange));
  EXPECT_EQ(portable(std::nan("")), name_of(base::Code::kNumberRange));
  EXPECT_EQ(portable(Object{{"\x80", 1}}), name_of(base::Code::kBadUtf8));
  EXPECT_EQ(portable(Array{"a\0"sv}), name_of(base::Code::kMalformed));
  Value deep = 1;
  for (int i = 0; i < 32; ++i) deep = Value(Array(1, deep));
  EXPECT_EQ(portable(deep), "portable");
  EXPECT_EQ(portable(Value(Array(1, deep))), name_of(base::Code::kTooDeep));
}

}  // namespace
}  // namespace stargraph::json
