// What a hostile document tries: to bring constructs along, to be too much, to speak through errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "documents.hpp"
#include "stargraph/clp/form.hpp"
#include "stargraph/clp/source.hpp"
#include "stargraph/graph/plan.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::graph {
namespace {

using base::Code;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::size_t count_heads(const clp::Form& form, std::string_view head) {
  std::size_t count = form.head() == head ? 1 : 0;
  for (const clp::Form& item : form.items) count += count_heads(item, head);
  return count;
}

TEST(GraphWhen, SG_T_IR_CannotCloseItsRuleOrBeginAConstruct) {
  for (const char* when : {
           "(node-id (id a)) => (halt)) (defrule evil (node-id (id a))",
           "(node-id (id a)) => (assert (stargraph_action (kind goto) (target \"b\")))",
           "(node-id (id a))) (deffunction f () 1) (defrule x (node-id (id a))",
           "(declare (salience 10000)) (node-id (id a))",
           "(node-id (id a)",
           "(node-id (id a)) )",
           ") (node-id (id a)) (",
           "(node-id (id a)) ; => comment \n => (halt)",
           "node-id",
           "\"text\"",
           "?x <- ",
           "(defrule r (x) => (y))",
           "(logical (node-id (id a)))",
       }) {
    const auto faults = validate(with_when(when));
    ASSERT_EQ(faults.size(), 1U) << when;
    EXPECT_EQ(faults[0].path, "/rules/0/when") << when;
    EXPECT_EQ(faults[0].code, Code::kWhenInvalid) << when;
    EXPECT_EQ(faults[0].actual, "string") << when;
  }
}

TEST(GraphWhen, SG_E_IR_CallsNoFunctionOutsideTheList) {
  for (const char* call : {"(system \"id\")", "(open \"/etc/passwd\" f)", "(load \"x\")", "(eval \"(exit)\")",
                           "(build \"(defrule r =>)\")", "(exit)"}) {
    for (const std::string& when :
         {"(node-id (id a)) (test " + std::string(call) + ")", "(node-id (id ?x&:" + std::string(call) + "))",
          "(node-id (id =" + std::string(call) + "))"}) {
      const auto faults = validate(with_when(when));
      ASSERT_EQ(faults.size(), 1U) << when;
      EXPECT_EQ(faults[0].path, "/rules/0/when") << when;
      EXPECT_EQ(faults[0].code, Code::kRulesFunction) << when;
    }
  }
}

// A decision asserted while facts are matched would carry no rule's name and stand in no trace.
TEST(GraphWhen, SG_R_IR_ConditionsDoNotAct) {
  for (const char* call :
       {"(assert (stargraph_action (kind halt)))", "(retract 1)", "(modify 1 (x 2))", "(duplicate 1)", "(bind ?x 1)",
        "(while TRUE do (+ 1 1))", "(loop-for-count (?i 1 100000000) do (+ 1 1))", "(progn (+ 1 1))", "(return 1)"}) {
    for (const std::string& when :
         {"(node-id (id a)) (test " + std::string(call) + ")", "(node-id (id ?x&:" + std::string(call) + "))",
          "(not (and (node-id (id a)) (test (or FALSE " + std::string(call) + "))))"}) {
      const auto faults = validate(with_when(when));
      ASSERT_EQ(faults.size(), 1U) << when;
      EXPECT_EQ(faults[0].path, "/rules/0/when") << when;
    }
  }
}

TEST(GraphWhen, SG_E_IR_TextsOfADocumentStayTextsInClips) {
  const std::string evil = "x\")) (assert (stargraph_action (kind halt))) (bind ?y \"\\";
  json::Value value =
      with(R"j({"rules": [{"id": "r", "when": "(node-id (id a))", "then": [{"kind": "halt", "reason": ""},
      {"kind": "interrupt", "prompt": "", "interrupt_payload": {"k": ""}}]}]})j");
  json::Array& then = *(*value.object()->find("rules")->array())[0].object()->find("then")->array();
  then[0].object()->set("reason", evil);
  then[1].object()->set("prompt", evil);
  then[1].object()->find("interrupt_payload")->object()->set("k", evil);
  auto document = parse(value);
  ASSERT_TRUE(document) << document.error().message;
  const auto plan = make_plan(*std::move(document));
  ASSERT_TRUE(plan) << plan.error().message;
  const auto constructs = clp::split_constructs(plan->clips());
  ASSERT_TRUE(constructs);
  ASSERT_EQ(constructs->size(), 1U);
  // Two assertions, one an action; what the texts brought stands in strings.
  const auto forms = clp::read_forms(plan->clips());
  ASSERT_TRUE(forms);
  EXPECT_EQ(count_heads(forms->front(), "assert"), 2U) << plan->clips();
  EXPECT_EQ(count_heads(forms->front(), "bind"), 0U) << plan->clips();
}

TEST(GraphPlan, SG_E_IR_ProvidedTemplatesBringNothingElse) {
  const std::string smuggled = "(deftemplate p (slot value)) (deffunction f () 1)";
  const std::vector<ProvidedTemplate> provided = {{"p", smuggled}};
  auto document = parse(with_when("(p (value \"x\"))"));
  ASSERT_TRUE(document);
  const auto plan = make_plan(*std::move(document), provided);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::kGraphInvalid);
}

TEST(GraphFaults, SG_I_IR_NeverRepeatTheDocument) {
  const std::string marker = "s3cr3t-\\u001b[31m";
  const std::vector<std::string> documents = {
      R"({"ir_version": "M", "id": "x", "nodes": []})",
      R"({"ir_version": "1.0.0", "id": "x", "nodes": [{"id": "M", "kind": "echo"}]})",
      R"({"ir_version": "1.0.0", "id": "x", "nodes": [{"id": "a", "kind": "M"}]})",
      R"({"ir_version": "1.0.0", "id": "x", "nodes": [], "M": 1})",
      R"({"ir_version": "1.0.0", "id": "x", "nodes": [{"id": "a", "kind": "echo", "M": 1}]})",
      R"({"ir_version": "1.0.0", "id": "x", "nodes": [], "state_schema": {"M": "M"}})",
      R"({"ir_version": "1.0.0", "id": "x", "nodes": [], "state_class": "M"})",
      R"({"ir_version": "1.0.0", "id": "x", "nodes": [], "tools": [{"id": "M"}, {"id": "M"}]})",
      R"({"ir_version": "1.0.0", "id": "x", "nodes": [], "rules": [{"id": "r", "when": "M"}]})",
      R"({"ir_version": "1.0.0", "id": "x", "nodes": [], "rules": [{"id": "r", "when": {"node": "M"}}]})",
      R"({"ir_version": "1.0.0", "id": "x", "nodes": [], "rules": [{"id": "r", "when": {"M": 1}}]})",
      R"j({"ir_version": "1.0.0", "id": "x", "nodes": [], "rules": [{"id": "r", "when": "(test (M))"}]})j",
      R"j({"ir_version": "1.0.0", "id": "x", "nodes": [], "rules": [{"id": "r", "when": "(x)", "then": [{"kind": "M"}]}]})j",
      R"j({"ir_version": "1.0.0", "id": "x", "nodes": [], "rules": [{"id": "r", "when": "(x)", "then": [{"kind": "goto", "target": "M"}]}]})j",
      R"j({"ir_version": "1.0.0", "id": "x", "nodes": [], "rules": [{"id": "r", "when": "(x)", "then": [{"kind": "interrupt", "prompt": "{M}", "on_timeout": "M", "timeout": "M"}]}]})j",
      R"({"id": "M", "nodes": {}})",
      R"({"id": "x", "nodes": {"M": {"kind": "echo"}}})",
      R"({"id": "x", "state": {"M": "M"}, "nodes": {"a": {"kind": "echo"}}, "routes": {"M": "M"}})",
  };
  for (std::string text : documents) {
    for (std::size_t at = text.find('M'); at != std::string::npos; at = text.find('M', at + marker.size()))
      text.replace(at, 1, marker);
    for (const auto& faults : {validate_json(text), validate_yaml(text)}) {
      ASSERT_FALSE(faults.empty()) << text;
      for (const Fault& fault : faults) {
        const std::string told =
            fault.message + fault.path + fault.expected + fault.actual + fault.hint + fault.as_error().message;
        EXPECT_EQ(told.find("s3cr3t"), std::string::npos) << told;
        EXPECT_EQ(told.find('\x1b'), std::string::npos) << text;
      }
    }
  }
}

TEST(GraphLimits, SG_D_IR_BytesJustUnderAtAndOver) {
  const std::string head = R"({"ir_version":"1.0.0","id":"x","nodes":[{"id":"a","kind":"k","config":{"pad":")";
  const std::string tail = R"("}}]})";
  for (const int over : {-1, 0, 1}) {
    const std::size_t size = over < 0 ? kMaxDocumentBytes - 1 : kMaxDocumentBytes + static_cast<std::size_t>(over);
    const std::string text = head + std::string(size - head.size() - tail.size(), 'p') + tail;
    ASSERT_EQ(text.size(), size);
    for (const auto& faults : {validate_json(text), validate_yaml(text)}) {
      if (over <= 0) {
        EXPECT_THAT(faults, IsEmpty()) << over;
        continue;
      }
      ASSERT_EQ(faults.size(), 1U);
      EXPECT_EQ(faults[0].code, Code::kTooLarge);
    }
  }
}

std::string nested_config(int depth) {
  // The document, nodes, node and config are four levels.
  return R"({"ir_version":"1.0.0","id":"x","nodes":[{"id":"a","kind":"k","config":{"v":)" +
         std::string(static_cast<std::size_t>(depth - 4), '[') + std::string(static_cast<std::size_t>(depth - 4), ']') +
         "}}]}";
}

TEST(GraphLimits, SG_D_IR_NestingJustUnderAtAndOver) {
  EXPECT_THAT(validate_json(nested_config(31)), IsEmpty());
  EXPECT_THAT(validate_json(nested_config(32)), IsEmpty());
  const auto faults = validate_json(nested_config(33));
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].code, Code::kTooDeep);
  const auto value = json::parse(nested_config(33), {.max_bytes = kMaxDocumentBytes, .max_depth = 64});
  ASSERT_TRUE(value);
  ASSERT_EQ(validate(*value).size(), 1U) << "a value that another parser made is held to the same cap";
  EXPECT_EQ(validate(*value)[0].code, Code::kTooDeep);
}

json::Value document_of(std::size_t nodes, std::size_t rules) {
  json::Array node_list;
  for (std::size_t i = 0; i < nodes; ++i)
    node_list.push_back(value_of(R"({"id": "n)" + std::to_string(i) + R"(", "kind": "k"})"));
  json::Array rule_list;
  for (std::size_t i = 0; i < rules; ++i)
    rule_list.push_back(value_of(R"({"id": "r)" + std::to_string(i) + R"j(", "when": "(node-id (id n0))"})j"));
  return with("{\"nodes\":" + json::compact(node_list) + ",\"rules\":" + json::compact(rule_list) + "}");
}

TEST(GraphLimits, SG_D_IR_NodesAndRulesJustUnderAtAndOver) {
  EXPECT_THAT(validate(document_of(kMaxNodes - 1, 1)), IsEmpty());
  EXPECT_THAT(validate(document_of(kMaxNodes, kMaxRules)), IsEmpty());
  EXPECT_THAT(paths(validate(document_of(kMaxNodes + 1, 0))), ElementsAre("/nodes"));
  EXPECT_THAT(paths(validate(document_of(1, kMaxRules + 1))), ElementsAre("/rules"));
  EXPECT_EQ(validate(document_of(1, kMaxRules + 1))[0].code, Code::kTooLarge);
}

TEST(GraphLimits, SG_D_IR_TheLargestDocumentStillMakesAPlan) {
  auto document = parse(document_of(kMaxNodes, kMaxRules));
  ASSERT_TRUE(document);
  const auto plan = make_plan(*std::move(document));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->nodes().size(), kMaxNodes);
}

TEST(GraphLimits, SG_D_IR_StateFieldsAreCounted) {
  std::string fields = "\"message\":\"str\"";
  for (std::size_t i = 1; i < kMaxStateFields; ++i) fields += ",\"f" + std::to_string(i) + "\":\"int\"";
  EXPECT_THAT(paths_with("{\"state_schema\":{" + fields + "}}"), IsEmpty());
  EXPECT_THAT(paths_with("{\"state_schema\":{" + fields + ",\"x\":\"int\"}}"), ElementsAre("/state_schema"));
}

TEST(GraphLimits, SG_D_IR_FaultsAreCounted) {
  json::Array nodes;
  for (int i = 0; i < 4000; ++i) nodes.push_back(json::Value(i));
  EXPECT_EQ(validate(with("{\"nodes\":" + json::compact(nodes) + "}")).size(), kMaxFaults);
}

TEST(GraphYaml, SG_D_IR_AliasesAndTagsAreRefused) {
  EXPECT_EQ(validate_yaml("a: &x [1]\nb: *x\n").at(0).code, Code::kYamlAlias);
  EXPECT_EQ(validate_yaml("a: !!python/object:os.system x\n").at(0).code, Code::kYamlTag);
  EXPECT_EQ(validate_yaml("a: 1\na: 2\n").at(0).code, Code::kDuplicateKey);
}

}  // namespace
}  // namespace stargraph::graph
