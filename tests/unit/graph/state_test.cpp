// State: types, unknown fields, reducers, caps; what a node could try to write.
#include "stargraph/graph/state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "documents.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::graph {
namespace {

using base::Code;

StateSchema schema_of(std::string_view fields) {
  auto document = parse(with("{\"rules\": [], \"nodes\": [], \"state_schema\": " + std::string(fields) + "}"));
  EXPECT_TRUE(document) << (document ? "" : document.error().message);
  return state_schema(*document);
}

const StateSchema kOpen{};

json::Object object_of(std::string_view text) { return *value_of(text).object(); }

Code code_of(const base::Result<json::Object>& result) {
  EXPECT_FALSE(result) << (result ? json::canonical(*result) : "");
  return result ? Code::kInternal : result.error().code;
}

std::string text_of_state(const base::Result<json::Object>& result) {
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? json::compact(*result) : "";
}

TEST(StartState, NeedsEveryFieldWithoutDefault) {
  const StateSchema schema = schema_of(R"({"message": "str", "n": {"type": "int", "default": 3}})");
  EXPECT_EQ(text_of_state(check_start_state(schema, object_of(R"({"message": "hi"})"))), R"({"message":"hi","n":3})");
  EXPECT_EQ(code_of(check_start_state(schema, {})), Code::kStateField);
  EXPECT_EQ(code_of(check_start_state(schema, object_of(R"({"message": "hi", "other": 1})"))), Code::kStateField);
}

TEST(StartState, SG_T_STATE_RefusesValuesOfAnotherType) {
  const StateSchema schema = schema_of(R"({"s": {"type": "str", "default": ""}, "i": {"type": "int", "default": 0},
      "b": {"type": "bool", "default": false}, "f": {"type": "float", "default": 0}, "l": {"type": "list", "default": []},
      "m": {"type": "map", "default": {}}, "y": {"type": "bytes", "default": ""}})");
  for (const char* good : {R"({"s": "x"})", R"({"i": -5})", R"({"i": 2.0})", R"({"b": true})", R"({"f": 1})",
                           R"({"f": 0.5})", R"({"l": [1, "a"]})", R"({"m": {"a": null}})", R"({"y": "aGVsbG8="})"}) {
    EXPECT_TRUE(check_start_state(schema, object_of(good))) << good;
    EXPECT_TRUE(merge(schema, {}, object_of(good))) << good;
  }
  for (const char* bad : {R"({"s": 1})", R"({"s": null})", R"({"i": "1"})", R"({"i": 1.5})", R"({"i": true})",
                          R"({"b": 1})", R"({"b": "true"})", R"({"f": "0.5"})", R"({"l": {}})", R"({"l": "x"})",
                          R"({"m": []})", R"({"y": "not base64!"})", R"({"y": 1})"}) {
    EXPECT_EQ(code_of(check_start_state(schema, object_of(bad))), Code::kStateType) << bad;
    EXPECT_EQ(code_of(merge(schema, {}, object_of(bad))), Code::kStateType) << bad;
  }
}

TEST(Merge, SG_T_STATE_RefusesUndeclaredAndHostFields) {
  const StateSchema schema = schema_of(R"({"message": "str"})");
  for (const char* name : {"other", "_run_id", "_source", "__proto__", "", "a b", "message ", "\xc3\xa9"}) {
    json::Object patch;
    patch.set(name, "x");
    EXPECT_EQ(code_of(merge(schema, object_of(R"({"message": "x"})"), patch)), Code::kStateField) << name;
  }
  for (const char* name : {"_run_id", "_origin", "", "a b", "a/b", "x\ny", "1a"}) {
    json::Object patch;
    patch.set(name, "x");
    EXPECT_EQ(code_of(merge(kOpen, {}, patch)), Code::kStateField) << name;
  }
}

TEST(Merge, SG_I_STATE_ErrorsDoNotRepeatTheValueOrAHostileName) {
  json::Object patch;
  patch.set("s3cr3t name", "x");
  EXPECT_EQ(merge(kOpen, {}, patch).error().message.find("s3cr3t"), std::string::npos);
  const auto wrong = merge(schema_of(R"({"n": "int"})"), {}, object_of(R"({"n": "s3cr3t"})"));
  EXPECT_EQ(wrong.error().message, "state: n: expected int, got string");
}

TEST(Merge, LeavesTheStateUntouchedWhenAnythingIsRefused) {
  const StateSchema schema = schema_of(R"({"a": "str", "b": "int"})");
  const json::Object state = object_of(R"({"a": "old", "b": 1})");
  EXPECT_FALSE(merge(schema, state, object_of(R"({"a": "new", "b": "x"})")));
  EXPECT_EQ(json::compact(state), R"({"a":"old","b":1})");
}

TEST(Merge, LastWriteReplacesAndOthersStay) {
  EXPECT_EQ(text_of_state(merge(kOpen, object_of(R"({"a": 1, "b": 2})"), object_of(R"({"b": {"x": 1}, "c": null})"))),
            R"({"a":1,"b":{"x":1},"c":null})");
}

TEST(Merge, ReducersFoldIntoWhatWasThere) {
  const StateSchema schema = schema_of(
      R"({"log": {"type": "list", "default": [], "reducer": "append"}, "hi": {"type": "int", "default": 5, "reducer": "max"},
      "lo": {"type": "float", "default": 0.5, "reducer": "min"}})");
  const auto start = check_start_state(schema, {});
  ASSERT_TRUE(start);
  const auto once = merge(schema, *start, object_of(R"({"log": "one", "hi": 3, "lo": 0.25})"));
  EXPECT_EQ(text_of_state(once), R"({"hi":5,"lo":0.25,"log":["one"]})");
  EXPECT_EQ(text_of_state(merge(schema, *once, object_of(R"({"log": ["two", ["three"]], "hi": 9, "lo": 1})"))),
            R"({"hi":9,"lo":0.25,"log":["one","two",["three"]]})");
}

TEST(Merge, SG_T_STATE_AppendTakesAListAtTheStart) {
  const StateSchema schema = schema_of(R"({"log": {"type": "list", "default": [], "reducer": "append"}})");
  EXPECT_EQ(code_of(check_start_state(schema, object_of(R"({"log": "one"})"))), Code::kStateType);
}

TEST(Merge, ValuesAreHeldAsTheyWouldBeReadBack) {
  json::Object patch;
  patch.set("whole", 3.0);
  patch.set("minus", -0.0);
  patch.set("big", 9007199254740993.0);
  patch.set("nested", json::Array{json::Value(2.0), json::Value(2.5)});
  patch.set("map", object_of(R"({"z": 1, "a": 2})"));
  const auto state = merge(kOpen, {}, patch);
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->find("whole")->is_integer());
  EXPECT_TRUE(state->find("minus")->is_integer());
  EXPECT_TRUE(state->find("big")->is_double());
  EXPECT_EQ(json::compact(*state->find("map")), R"({"a":2,"z":1})");
  EXPECT_EQ(json::compact(*state), json::canonical(*state)) << "sorted as RFC 8785 sorts these names";
}

TEST(Merge, SG_T_STATE_RefusesNumbersJsonCannotHold) {
  for (const double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    json::Object patch;
    patch.set("x", bad);
    EXPECT_EQ(code_of(merge(kOpen, {}, patch)), Code::kStateType);
  }
  json::Object patch;
  patch.set("x", std::int64_t{9007199254740992});
  EXPECT_EQ(code_of(merge(kOpen, {}, patch)), Code::kStateType);
}

TEST(StateLimits, SG_D_STATE_BytesJustUnderAtAndOver) {
  // {"s":"..."} is eight bytes and the text.
  for (const std::size_t size : {kMaxStateBytes - 1, kMaxStateBytes}) {
    json::Object patch;
    patch.set("s", std::string(size - 8, 'x'));
    EXPECT_TRUE(merge(kOpen, {}, patch)) << size;
  }
  json::Object patch;
  patch.set("s", std::string(kMaxStateBytes - 7, 'x'));
  EXPECT_EQ(code_of(merge(kOpen, {}, patch)), Code::kTooLarge);
  EXPECT_EQ(code_of(check_start_state(kOpen, patch)), Code::kTooLarge);
}

TEST(StateLimits, SG_D_STATE_AppendCannotGrowPastTheCap) {
  const StateSchema schema = schema_of(R"({"log": {"type": "list", "default": [], "reducer": "append"}})");
  auto state = check_start_state(schema, {});
  json::Object patch;
  patch.set("log", std::string(kMaxStateBytes / 4, 'x'));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(state);
    state = merge(schema, *state, patch);
  }
  ASSERT_TRUE(state);
  EXPECT_EQ(code_of(merge(schema, *state, patch)), Code::kTooLarge);
}

json::Object nested(int levels) {
  json::Value value(json::Array{});
  for (int i = 1; i < levels; ++i) value = json::Value(json::Array{std::move(value)});
  json::Object out;
  out.set("x", std::move(value));
  return out;
}

TEST(StateLimits, SG_D_STATE_DepthJustUnderAtAndOver) {
  EXPECT_TRUE(merge(kOpen, {}, nested(kMaxStateDepth - 2)));
  EXPECT_TRUE(merge(kOpen, {}, nested(kMaxStateDepth - 1)));
  EXPECT_EQ(code_of(merge(kOpen, {}, nested(kMaxStateDepth))), Code::kTooDeep);
  EXPECT_EQ(code_of(merge(kOpen, {}, nested(200))), Code::kTooDeep);
}

TEST(TypedValue, FloatFieldsAreFloatsForRules) {
  const StateSchema schema = schema_of(R"({"f": {"type": "float", "default": 0}, "i": {"type": "int", "default": 0}})");
  EXPECT_TRUE(typed_value(schema, "f", 1).is_double());
  EXPECT_TRUE(typed_value(schema, "i", 1).is_integer());
  EXPECT_TRUE(typed_value(kOpen, "f", 1).is_integer());
}

// Known answers: repr() of CPython 3.11.
TEST(TextOf, WritesScalarsAsUpstreamDoes) {
  EXPECT_EQ(text_of(true), "True");
  EXPECT_EQ(text_of(false), "False");
  EXPECT_EQ(text_of(-7), "-7");
  EXPECT_EQ(text_of("a \"b\""), "a \"b\"");
  EXPECT_EQ(text_of(nullptr), std::nullopt);
  EXPECT_EQ(text_of(0.5), "0.5");
  EXPECT_EQ(text_of(1.0), "1.0");
  EXPECT_EQ(text_of(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(text_of(1e15), "1000000000000000.0");
  EXPECT_EQ(text_of(1e16), "1e+16");
  EXPECT_EQ(text_of(1.5e300), "1.5e+300");
  EXPECT_EQ(text_of(0.0001), "0.0001");
  EXPECT_EQ(text_of(0.00001), "1e-05");
  EXPECT_EQ(text_of(-0.0), "-0.0");
  EXPECT_EQ(text_of(value_of(R"({"b": [1, 2.5], "a": null})")), R"({"a":null,"b":[1,2.5]})");
}

}  // namespace
}  // namespace stargraph::graph
