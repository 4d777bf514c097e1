// Which documents are refused, where the fault is, and what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "documents.hpp"

namespace stargraph::graph {
namespace {

using base::Code;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

Fault only_fault(const json::Value& value) {
  const auto faults = validate(value);
  EXPECT_EQ(faults.size(), 1U);
  return faults.empty() ? Fault{} : faults.front();
}

TEST(Validate, AcceptsASmallDocument) { EXPECT_THAT(validate(value_of(kSmall)), IsEmpty()); }

TEST(Validate, TellsEveryStructuralDefectAtOnce) {
  EXPECT_THAT(
      paths_with(R"({"nodes": [{"id": 1}, {"id": "b", "kind": "halt", "color": "red"}], "rules": {}, "extra": 1})"),
      ElementsAre("/nodes/0/id", "/nodes/0/kind", "/nodes/1/color", "/rules", "/extra"));
}

TEST(Validate, HintsFollowTheClassOfDefect) {
  EXPECT_EQ(only_fault(with(R"({"nodes": [{"id": "a"}], "rules": []})")).hint, "Add the required field.");
  EXPECT_EQ(only_fault(with(R"({"more": 1})")).hint, "Remove this field -- IR forbids unknown keys.");
  EXPECT_EQ(only_fault(with(R"j({"rules": [{"id": "r", "when": "(x)", "then": [{"kind": "explode"}]}]})j")).hint,
            "Set a valid discriminator value (see schema).");
  EXPECT_EQ(only_fault(with(R"j({"rules": [{"id": "r", "when": "(x)", "then": [{"target": "b"}]}]})j")).hint,
            "Add the discriminator field.");
  EXPECT_EQ(
      only_fault(
          with(
              R"j({"rules": [{"id": "r", "when": "(x)", "then": [{"kind": "retry", "target": "b", "backoff_ms": -1}]}]})j"))
          .hint,
      "Adjust value to meet the bound.");
}

TEST(Validate, EveryFaultHasTheUpstreamMessage) {
  EXPECT_EQ(only_fault(with(R"({"more": 1})")).message, "IR validation failed");
  EXPECT_EQ(only_fault(with(R"({"ir_version": "2.0.0"})")).message, "IR version mismatch");
  const auto faults = validate_json("{");
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].message, "IR JSON parse error");
  EXPECT_EQ(faults[0].path, "/");
  EXPECT_EQ(faults[0].expected, "valid JSON");
}

TEST(Validate, PointersEscapeTildeAndSlash) {
  EXPECT_THAT(paths_with(R"({"nodes": [{"id": "a", "kind": "echo", "x~y/z": 1}]})"), ElementsAre("/nodes/0/x~0y~1z"));
}

TEST(Validate, SlugsAreCheckedInOneBatch) {
  EXPECT_THAT(paths_with(R"j({"nodes": [{"id": "A", "kind": "echo"}, {"id": "-b", "kind": "echo"}],
                             "rules": [{"id": "r s", "when": "(x)"}], "governance": [{"id": ""}]})j"),
              ElementsAre("/nodes/0/id", "/nodes/1/id", "/rules/0/id", "/governance/0/id"));
  EXPECT_EQ(only_fault(with(R"({"rules": [{"id": "R"}]})")).expected, "slug ([a-z0-9][a-z0-9_\\-.]{0,127})");
}

TEST(Validate, DuplicatesNameTheFirstPlace) {
  const Fault fault = only_fault(
      with(R"({"nodes": [{"id": "a", "kind": "echo"}, {"id": "b", "kind": "echo"}, {"id": "a", "kind": "halt"}]})"));
  EXPECT_EQ(fault.path, "/nodes/2/id");
  EXPECT_EQ(fault.hint, "duplicate id 'a' also at /nodes/0/id");
  EXPECT_THAT(paths_with(R"({"stores": [{"name": "kv", "provider": "x"}, {"name": "kv", "provider": "y"}]})"),
              ElementsAre("/stores/1/name"));
  EXPECT_THAT(paths_with(R"({"tools": [{"id": "T!"}, {"id": "T!"}], "skills": [{"id": "T!"}]})"),
              ElementsAre("/tools/1/id"));
}

TEST(Validate, OneIdInTwoListsIsFine) {
  EXPECT_THAT(paths_with(R"({"governance": [{"id": "a"}], "tools": [{"id": "a"}]})"), IsEmpty());
}

TEST(Validate, VersionMustBeOneOfMajorOne) {
  EXPECT_THAT(paths_with(R"({"ir_version": "1.9.4-rc.1+b7"})"), IsEmpty());
  for (const char* version :
       {"2.0.0", "0.9.0", "10.0.0", "1", "1.0", "v1.0.0", "1.0.0 ", "1.0.x", "01.0.0", "1.0.0-", "", "1.0.0.0"}) {
    json::Value document = value_of(kSmall);
    document.object()->set("ir_version", version);
    const auto faults = validate(document);
    ASSERT_EQ(faults.size(), 1U) << version;
    EXPECT_EQ(faults[0].path, "/ir_version");
    EXPECT_EQ(faults[0].expected, "^1\\.");
    EXPECT_THAT(faults[0].hint, StartsWith("version_mismatch: "));
    EXPECT_EQ(faults[0].code, Code::kUnsupportedVersion);
  }
}

TEST(Validate, EveryTargetMustBeANode) {
  EXPECT_THAT(
      paths_with(R"j({"rules": [
    {"id": "r1", "when": "(x)", "then": [{"kind": "goto", "target": "gone"}, {"kind": "retry", "target": "gone"}]},
    {"id": "r2", "when": "(x)", "node_id": "gone", "then": [{"kind": "parallel", "targets": ["a", "gone", "a"], "join": "gone"}]},
    {"id": "r3", "when": "(x)", "then": [{"kind": "interrupt", "prompt": "?", "on_timeout": "goto:gone", "guards": "gone"}]}],
    "parallel": [{"targets": [], "join": "gone"}]})j"),
      ElementsAre("/rules/0/then/0/target", "/rules/0/then/1/target", "/rules/1/then/0/targets/1",
                  "/rules/1/then/0/targets/2", "/rules/1/then/0/join", "/rules/1/node_id", "/rules/2/then/0/on_timeout",
                  "/rules/2/then/0/guards", "/parallel/0/targets", "/parallel/0/join"));
}

TEST(Validate, MissingTargetIsExplained) {
  const Fault fault =
      only_fault(with(R"j({"rules": [{"id": "r", "when": "(x)", "then": [{"kind": "goto", "target": "c"}]}]})j"));
  EXPECT_EQ(fault.hint, "no node with id 'c'; declared: ['a', 'b']");
  EXPECT_EQ(fault.actual, "c");
}

TEST(Validate, OnTimeoutIsHaltOrGoto) {
  for (const char* good : {"halt", "goto:b"}) {
    EXPECT_THAT(
        paths_with(
            std::string(
                R"j({"rules": [{"id": "r", "when": "(x)", "then": [{"kind": "interrupt", "prompt": "?", "on_timeout": ")j") +
            good + R"("}]}]})"),
        IsEmpty());
  }
  for (const char* bad : {"noop", "", "goto", "goto:", "goto:zz", "Halt"}) {
    EXPECT_THAT(
        paths_with(
            std::string(
                R"j({"rules": [{"id": "r", "when": "(x)", "then": [{"kind": "interrupt", "prompt": "?", "on_timeout": ")j") +
            bad + R"("}]}]})"),
        ElementsAre("/rules/0/then/0/on_timeout"))
        << bad;
  }
}

TEST(Validate, DurationsAreIsoOrSeconds) {
  const auto faults_of = [](const std::string& timeout) {
    return paths_with(
        R"j({"rules": [{"id": "r", "when": "(x)", "then": [{"kind": "interrupt", "prompt": "?", "timeout": )j" +
        timeout + "}]}]}");
  };
  for (const char* good : {"null", "900", "0.5", "\"PT15M\"", "\"P1DT2H\"", "31622400"})
    EXPECT_THAT(faults_of(good), IsEmpty()) << good;
  for (const char* bad : {"0", "-1", "\"\"", "\"15m\"", "true", "[]", "1e300", "31622401", "\"P9999999999D\""}) {
    EXPECT_THAT(faults_of(bad), ElementsAre("/rules/0/then/0/timeout")) << bad;
  }
}

TEST(Validate, StrategiesThatAreNotRunAreRefusedOpenly) {
  for (const char* strategy : {"any", "race", "quorum", "quorum:2", "custom:x", ""}) {
    json::Value document = with(R"({"parallel": [{"targets": ["a", "b"]}]})");
    (*document.object()->find("parallel")->array())[0].object()->set("strategy", strategy);
    const Fault fault = only_fault(document);
    EXPECT_EQ(fault.path, "/parallel/0/strategy");
    EXPECT_EQ(fault.code, Code::kUnsupportedFeature);
  }
  EXPECT_THAT(paths_with(R"({"parallel": [{"targets": ["a", "b"], "strategy": "all"}]})"), IsEmpty());
}

TEST(Validate, AssertAndRetractAreRefusedOpenly) {
  const auto faults = validate(with(R"j({"rules": [{"id": "r", "when": "(x)", "then": [
      {"kind": "assert", "fact": "f", "slots": "{}"}, {"kind": "retract", "pattern": "(f)"}]}]})j"));
  EXPECT_THAT(paths(faults), ElementsAre("/rules/0/then/0/kind", "/rules/0/then/1/kind"));
  for (const Fault& fault : faults) EXPECT_EQ(fault.code, Code::kUnsupportedFeature);
}

TEST(Validate, NodesOfTheDaemonHaveTheirConfigChecked) {
  const auto faults_of = [](const std::string& node) {
    return paths_with(R"({"nodes": [{"id": "a", "kind": "echo"}, {"id": "b", )" + node + "}]}");
  };
  EXPECT_THAT(faults_of(R"("kind": "template", "config": {"template": "{message}", "out": "message"})"), IsEmpty());
  EXPECT_THAT(faults_of(R"("kind": "template", "config": {"template": "{message", "out": "message"})"),
              ElementsAre("/nodes/1/config/template"));
  EXPECT_THAT(faults_of(R"("kind": "template", "config": {"template": "{other}", "out": "none"})"),
              ElementsAre("/nodes/1/config/template", "/nodes/1/config/out"));
  EXPECT_THAT(faults_of(R"("kind": "template")"),
              ElementsAre("/nodes/1/config/template", "/nodes/1/config/out", "/nodes/1/config/out"));
  EXPECT_THAT(faults_of(R"("kind": "echo", "config": {"x": 1})"), ElementsAre("/nodes/1/config/x"));
  EXPECT_THAT(faults_of(R"("kind": "halt", "config": {"x": 1})"), ElementsAre("/nodes/1/config/x"));
  EXPECT_THAT(faults_of(R"("kind": "interrupt", "config": {"prompt": "Go on, {message}?", "timeout": 60})"), IsEmpty());
  EXPECT_THAT(faults_of(R"("kind": "interrupt", "config": {"promt": "?"})"),
              ElementsAre("/nodes/1/config/prompt", "/nodes/1/config/promt"));
  EXPECT_THAT(faults_of(R"("kind": "interrupt", "config": {"prompt": "?", "guards": "zz"})"),
              ElementsAre("/nodes/1/config/guards"));
  EXPECT_THAT(faults_of(R"("kind": "soc.enrich", "config": {"anything": [1, {"a": null}]})"), IsEmpty());
}

TEST(Validate, KindsArePlainNames) {
  EXPECT_THAT(paths_with(R"({"nodes": [{"id": "a", "kind": "echo"}, {"id": "b", "kind": "graph.nodes:IngestAlert"}]})"),
              IsEmpty());
  EXPECT_THAT(paths_with(R"({"nodes": [{"id": "a", "kind": "echo"}, {"id": "b", "kind": "ml\nx"}]})"),
              ElementsAre("/nodes/1/kind"));
  EXPECT_THAT(paths_with(R"({"nodes": [{"id": "a", "kind": "echo"}, {"id": "b", "kind": ""}]})"),
              ElementsAre("/nodes/1/kind"));
}

TEST(Validate, IdsThatClipsReadsAsNumbersAreRefused) {
  for (const char* id : {"12", "1.5", "1e5", "7.", "1e-3", "99999999999999999999", "1e999"}) {
    json::Value document =
        with(R"({"nodes": [{"id": "a", "kind": "echo"}, {"id": "b", "kind": "echo"}, {"id": "x", "kind": "echo"}]})");
    (*document.object()->find("nodes")->array())[2].object()->set("id", id);
    EXPECT_THAT(paths(validate(document)), ElementsAre("/nodes/2/id")) << id;
  }
  for (const char* id : {"12a", "1-5", "1.5.0", "e5", "1e", "2x"}) {
    json::Value document =
        with(R"({"nodes": [{"id": "a", "kind": "echo"}, {"id": "b", "kind": "echo"}, {"id": "x", "kind": "echo"}]})");
    (*document.object()->find("nodes")->array())[2].object()->set("id", id);
    EXPECT_THAT(validate(document), IsEmpty()) << id;
  }
}

TEST(Validate, StateSchemaTakesScalarsShortAndTheRestInTheLongForm) {
  EXPECT_THAT(paths_with(R"({"state_schema": {"message": "str", "i": "int", "b": "bool", "y": "bytes",
      "f": {"type": "float", "default": 1}, "l": {"type": "list", "default": [], "reducer": "append"},
      "m": {"type": "map", "default": {}, "route": true}, "n": {"type": "int", "reducer": "max"}}})"),
              IsEmpty());
  EXPECT_THAT(
      paths_with(R"({"state_schema": {"message": "str", "x": "list", "y": "set", "z": 1, "_p": "str",
      "t": {"type": "set"}, "d": {"type": "int", "reducer": "append"}, "e": {"type": "str", "router": true}, "g": {}}})"),
      ElementsAre("/state_schema/x", "/state_schema/y", "/state_schema/z", "/state_schema/_p", "/state_schema/t/type",
                  "/state_schema/d/reducer", "/state_schema/e/router", "/state_schema/g/type", "/state_schema/g/type"));
  EXPECT_THAT(paths_with(R"({"state_schema": {"message": "str", "x": {"type": "int", "default": "1"}}})"),
              ElementsAre("/state_schema/x/default"));
}

TEST(Validate, StateClassExcludesStateSchema) {
  EXPECT_THAT(paths_with(R"({"state_class": "m:C"})"), ElementsAre("/state_class"));
  EXPECT_THAT(paths_with(R"({"state_class": "tests.fixtures:State", "state_schema": {}})"), IsEmpty());
  EXPECT_THAT(paths_with(R"({"state_class": "no class", "state_schema": {}})"), ElementsAre("/state_class"));
}

TEST(Sugar, LowersToPatternsInOrderOfNames) {
  const auto document = parse(with(
      R"({"state_schema": {}, "rules": [{"id": "r", "when": {"z.y": 0.5, "node": "a", "done": true, "n": 3, "q": "a \"b\" \\ c"}}]})"));
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->rules[0].when,
            R"((node-id (id a)) (done (value "True")) (n (value "3")) (q (value "a \"b\" \\ c")) (z-y (value "0.5")))");
}

TEST(Sugar, RefusesWhatItCannotLower) {
  for (const char* when :
       {R"({})", R"({"node": "zz"})", R"({"node": 1})", R"({"node": "a b"})", R"({"x": null})", R"({"x": []})",
        R"({"x y": 1})", R"({"1x": 1})", R"({"a.b": 1, "a-b": 1})", R"j({"x) (test (halt)": 1})j"}) {
    EXPECT_THAT(paths_with(std::string(R"({"state_schema": {}, "rules": [{"id": "r", "when": )") + when + "}]}"),
                ElementsAre("/rules/0/when"))
        << when;
  }
}

TEST(Sugar, MissingNodeIsExplainedAsUpstreamDoes) {
  const Fault fault = only_fault(with(R"({"rules": [{"id": "r", "when": {"node": "c"}}]})"));
  EXPECT_EQ(fault.hint, "no node with id 'c'; declared: ['a', 'b']");
}

TEST(Conditions, NameNodesThatExist) {
  EXPECT_EQ(only_fault(with_when("(node-id (id zz))")).hint, "no node with id 'zz'; declared: ['a', 'b']");
  EXPECT_THAT(validate(with_when("(node-id (id ~zz))")), IsEmpty());
}

TEST(Conditions, AnEmptyOneIsRefused) {
  for (const char* when : {"", " \n\t"}) {
    EXPECT_EQ(only_fault(with_when(when)).code, Code::kWhenInvalid);
  }
}

TEST(Errors, ReadContextObjectReason) {
  const auto document = parse(with(R"({"more": 1})"));
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, Code::kGraphInvalid);
  EXPECT_EQ(document.error().message,
            "graph: /more: IR validation failed: expected no such field, got integer: Remove this field -- IR forbids "
            "unknown keys.");
}

}  // namespace
}  // namespace stargraph::graph
