// The short form compiled to a document.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "documents.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::graph {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::string_view kBot = R"({"id": "bot",
  "state": {"q": "str", "n": "int", "f": "float", "ok": "bool", "l": "list", "d": "dict", "verdict": {"type": "str", "route": true, "default": "new"}},
  "nodes": {"write": {"kind": "template", "template": "{q}", "out": "q"}, "ask": {"kind": "react", "tools": ["std.search", "std.fetch@2"]}, "judge": {"kind": "judge", "tool": "x"}},
  "routes": {"judge": {"fail": "write", "pass": "done"}, "write": "ask"}})";

TEST(Authoring, IsToldFromADocument) {
  EXPECT_TRUE(is_authoring(value_of(kBot)));
  EXPECT_FALSE(is_authoring(value_of(kSmall)));
  EXPECT_FALSE(is_authoring(value_of(R"({"nodes": []})")));
  EXPECT_FALSE(is_authoring(value_of(R"({"ir_version": "1.0.0", "nodes": {}})")));
  EXPECT_FALSE(is_authoring(value_of("[]")));
}

TEST(Authoring, CompilesToADocument) {
  const auto compiled = compile_authoring(value_of(kBot));
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_EQ(json::compact(*compiled), json::compact(value_of(R"({"ir_version": "1.0.0", "id": "graph:bot",
    "nodes": [{"id": "write", "kind": "template", "config": {"template": "{q}", "out": "q"}},
              {"id": "ask", "kind": "react", "config": {"tools": ["std.search@1", "std.fetch@2"]}},
              {"id": "judge", "kind": "judge", "config": {"tool": "x@1"}}],
    "rules": [{"id": "r-judge-fail", "when": {"node": "judge", "verdict": "fail"}, "then": [{"kind": "goto", "target": "write"}]},
              {"id": "r-judge-pass", "when": {"node": "judge", "verdict": "pass"}, "then": [{"kind": "halt", "reason": "judge complete"}]},
              {"id": "r-write", "when": {"node": "write"}, "then": [{"kind": "goto", "target": "ask"}]}],
    "state_schema": {"q": {"type": "str", "default": ""}, "n": {"type": "int", "default": 0}, "f": {"type": "float", "default": 0},
      "ok": {"type": "bool", "default": false}, "l": {"type": "list", "default": []}, "d": {"type": "map", "default": {}},
      "verdict": {"type": "str", "default": "new", "route": true}}})")));
  EXPECT_THAT(validate(value_of(kBot)), IsEmpty());
}

TEST(Authoring, EveryRefusalSaysSo) {
  for (
      const char* text : {
          R"({"nodes": {}})",
          R"({"id": "B o t", "nodes": {}})",
          R"({"id": "b", "nodes": {}, "rules": []})",
          R"({"id": "b", "nodes": {"A": {"kind": "x"}}})",
          R"({"id": "b", "nodes": {"done": {"kind": "x"}}})",
          R"({"id": "b", "nodes": {"a": "x"}})",
          R"({"id": "b", "nodes": {"a": {}}})",
          R"({"id": "b", "nodes": {"a": {"kind": 1}}})",
          R"({"id": "b", "nodes": {"a": {"kind": "x"}}, "state": []})",
          R"({"id": "b", "nodes": {"a": {"kind": "x"}}, "state": {"s": "set"}})",
          R"({"id": "b", "nodes": {"a": {"kind": "x"}}, "state": {"s": {"type": "str", "routed": true}}})",
          R"({"id": "b", "nodes": {"a": {"kind": "x"}}, "state": {"s": {"type": "int", "default": "x"}}})",
          R"({"id": "b", "nodes": {"a": {"kind": "x"}}, "routes": {"zz": "a"}})",
          R"({"id": "b", "nodes": {"a": {"kind": "x"}}, "routes": {"a": "zz"}})",
          R"({"id": "b", "nodes": {"a": {"kind": "x"}}, "routes": {"a": {"pass": "done"}}})",
          R"({"id": "b", "nodes": {"a": {"kind": "x"}}, "state": {"verdict": "str"}, "routes": {"a": {"pass": "done"}}})",
          R"({"id": "b", "nodes": {"a": {"kind": "x"}}, "state": {"verdict": {"type": "str", "route": true}}, "routes": {"a": {}}})",
          R"({"id": "b", "nodes": {"a": {"kind": "x"}}, "state": {"verdict": {"type": "str", "route": true}}, "routes": {"a": {"No Id": "done"}}})",
      }) {
    const auto faults = validate(value_of(text));
    ASSERT_FALSE(faults.empty()) << text;
    EXPECT_THAT(faults[0].hint, StartsWith("authoring: ")) << text;
  }
}

}  // namespace
}  // namespace stargraph::graph
