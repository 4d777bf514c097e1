// What the engine gets: order of nodes, mirrored fields, CLIPS text.
#include "stargraph/graph/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "documents.hpp"
#include "stargraph/graph/hash.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::graph {
namespace {

using base::Code;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

base::Result<Plan> plan_of(const json::Value& value, std::span<const ProvidedTemplate> provided = {},
                           std::span<const std::string> pack_fields = {}) {
  SG_TRY(Document document, parse(value));
  return make_plan(std::move(document), provided, pack_fields);
}

json::Value open_with_when(std::string_view when) {
  json::Value out = with_when(when);
  out.object()->erase("state_schema");
  return out;
}

std::vector<std::string> fields(const Plan& plan) {
  std::vector<std::string> out;
  for (const MirroredField& field : plan.mirrored()) out.push_back(field.field);
  return out;
}

TEST(Plan, KnowsNodesByIdAndByOrder) {
  const auto plan = plan_of(with(R"({"parallel": [{"targets": ["b", "a"]}]})"));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->index_of("b"), 1U);
  EXPECT_EQ(plan->index_of("zz"), std::nullopt);
  EXPECT_EQ(plan->successor(0), 1U);
  EXPECT_EQ(plan->successor(1), std::nullopt);
  ASSERT_NE(plan->parallel_at("b"), nullptr);
  EXPECT_EQ(plan->parallel_at("a"), nullptr);
  EXPECT_EQ(plan->hash(), graph_hash(plan->document()));
}

TEST(Plan, RefusesAGraphWithoutNodes) {
  const auto plan = plan_of(with(R"({"nodes": [], "rules": []})"));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::kGraphInvalid);
}

TEST(Plan, WithoutRulesThereIsNoClipsText) {
  const auto plan = plan_of(with(R"({"rules": []})"));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->clips(), "");
}

TEST(Plan, WritesOneDefruleARuleWithQuotedSlots) {
  const auto plan = plan_of(with(R"j({"rules": [{"id": "7.a", "when": "?n <- (node-id (id a))", "then": [
      {"kind": "goto", "target": "b"}, {"kind": "parallel", "targets": ["a", "b"], "join": "b"}, {"kind": "retry", "target": "a", "backoff_ms": 250},
      {"kind": "interrupt", "prompt": "Say \"yes\"", "interrupt_payload": {"b": 1, "a": "x"}, "requested_capability": "runs:respond", "timeout": 900,
       "on_timeout": "goto:b", "guards": "b"}]}]})j"));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->clips(), R"((defrule graph.7.a
  (declare (salience 1))
  ?n <- (node-id (id a))
  =>
  (assert (stargraph_action (kind goto) (rule_id "7.a") (target "b")))
  (assert (stargraph_action (kind parallel) (rule_id "7.a") (targets "a" "b") (join "b") (strategy "all")))
  (assert (stargraph_action (kind retry) (rule_id "7.a") (target "a") (backoff_ms 250)))
  (assert (stargraph_action (kind interrupt) (rule_id "7.a") (prompt "Say \"yes\"") (payload "{\"a\":\"x\",\"b\":1}") (requested_capability "runs:respond") (timeout "PT15M") (on_timeout "goto:b") (guards "b"))))
)");
  ASSERT_NE(plan->rule_of("graph.7.a"), nullptr);
  EXPECT_EQ(plan->rule_of("graph.7.a")->id, "7.a");
  EXPECT_EQ(plan->rule_of("7.a"), nullptr);
}

TEST(Plan, RulesWithMorePatternsThenEarlierRulesFireFirst) {
  const auto plan = plan_of(
      with(R"({"rules": [{"id": "one", "when": {"node": "a"}}, {"id": "two", "when": {"node": "a", "message": "x"}},
                                               {"id": "three", "when": {"node": "a"}}]})"));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(plan->clips(), HasSubstr("(defrule graph.one\n  (declare (salience 2))"));
  EXPECT_THAT(plan->clips(), HasSubstr("(defrule graph.two\n  (declare (salience 3))"));
  EXPECT_THAT(plan->clips(), HasSubstr("(defrule graph.three\n  (declare (salience 1))"));
}

TEST(Plan, InitialFactMeansRunStart) {
  const auto plan = plan_of(with_when("(initial-fact)"));
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->clips(), HasSubstr("(stargraph.run-start)"));
  EXPECT_THAT(plan->clips(), Not(HasSubstr("initial-fact")));
}

TEST(Mirror, TakesRoutedFieldsAndThoseRulesName) {
  json::Value document = with(
      R"({"state_schema": {"message": "str", "z.a": {"type": "str", "route": true}, "b": "str", "c": "str", "d": "str", "quiet": "str"}})");
  (*document.object()->find("rules")->array())[0].object()->set(
      "when",
      R"((node-id (id a)) (b (value "x")) (not (state (c y))) (or (stargraph.field (name "d") (value 1)) (z-a (value "q"))))");
  const auto plan = plan_of(document);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(fields(*plan), ElementsAre("b", "c", "d", "z.a"));
  ASSERT_EQ(plan->fact_templates().size(), 5U);
  EXPECT_EQ(plan->fact_templates()[0].name, "state");
  EXPECT_EQ(plan->fact_templates()[0].slots.size(), 4U);
  EXPECT_EQ(plan->fact_templates()[4].name, "z-a");
  EXPECT_EQ(plan->fact_templates()[4].slots[0].name, "value");
}

TEST(Mirror, OrderOfKeysDecidesNothing) {
  const auto one = plan_of(with(
      R"({"state_schema": {"message": "str", "a": {"type": "int", "route": true}, "b": {"type": "int", "route": true}}})"));
  const auto two = plan_of(with(
      R"({"state_schema": {"b": {"route": true, "type": "int"}, "a": {"type": "int", "route": true}, "message": "str"}})"));
  ASSERT_TRUE(one && two);
  EXPECT_EQ(fields(*one), fields(*two));
  EXPECT_EQ(one->clips(), two->clips());
  EXPECT_EQ(one->hash(), two->hash());
}

TEST(Mirror, OpenStateTakesWhatPatternsMention) {
  const auto plan = plan_of(open_with_when(
      R"((node-id (id a)) (phase_verdict (value "x")) (state (asset_tier prod) (disposition dismiss | escalate)))"));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(fields(*plan), ElementsAre("asset_tier", "disposition", "phase_verdict"));
}

TEST(Mirror, PacksMayAskInOpenStateOnly) {
  const std::vector<std::string> asked = {"risk"};
  const auto open = plan_of(open_with_when("(node-id (id a))"), {}, asked);
  const auto closed = plan_of(value_of(kSmall), {}, asked);
  ASSERT_TRUE(open && closed);
  EXPECT_THAT(fields(*open), ElementsAre("risk"));
  EXPECT_THAT(fields(*closed), IsEmpty());
}

TEST(Mirror, RefusesTemplatesNobodyDeclares) {
  for (const char* when : {R"((gone (value "x")))", "(gone (kind x))", "(state (gone x))",
                           R"((stargraph.field (name "gone")))", "(stargraph.evidence (text ?t))"}) {
    const auto plan = plan_of(with_when(when));
    ASSERT_FALSE(plan) << when;
    EXPECT_EQ(plan.error().code, Code::kGraphInvalid) << when;
  }
  EXPECT_FALSE(plan_of(open_with_when("(gone (kind x))")));
}

TEST(Mirror, SG_E_IR_FieldsCannotTakeTheHostsNames) {
  for (const char* name : {"state", "node-id", "stargraph_action", "not", "test", "and"}) {
    json::Value document = with(R"({"state_schema": {"message": "str"}})");
    document.object()->find("state_schema")->object()->set(name, value_of(R"({"type": "str", "route": true})"));
    EXPECT_FALSE(plan_of(document)) << name;
  }
  EXPECT_FALSE(plan_of(with(
      R"({"state_schema": {"message": "str", "a.b": {"type": "str", "route": true}, "a-b": {"type": "str", "route": true}}})")));
}

// Every mirrored field is looked up in the state and handed over at every step.
TEST(Mirror, SG_D_IR_AnOpenStateMirrorsNoMoreFieldsThanADocumentMayDeclare) {
  const auto when = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += "(f" + std::to_string(i) + ")";
    return text;
  };
  EXPECT_TRUE(plan_of(open_with_when(when(kMaxStateFields))));
  const auto plan = plan_of(open_with_when(when(kMaxStateFields + 1)));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::kGraphInvalid);
}

TEST(Plan, TakesTemplatesOfPacksItsRulesMatch) {
  const std::vector<ProvidedTemplate> provided = {
      {"soc.policy.action", "(deftemplate soc.policy.action (slot kind) (slot reason))"},
      {"unused", "(deftemplate unused (slot x))"}};
  const auto plan = plan_of(with_when(R"((node-id (id a)) (soc.policy.action (kind "escalate")))"), provided);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(plan->required_templates(), ElementsAre("soc.policy.action"));
  EXPECT_THAT(plan->clips(), HasSubstr("(deftemplate soc.policy.action (slot kind) (slot reason))"));
  EXPECT_THAT(plan->clips(), Not(HasSubstr("unused")));
  EXPECT_THAT(plan->mirrored(), IsEmpty());
}

TEST(MirroredValue, GivesTheDeclaredTypeAndNothingForNull) {
  const auto plan =
      plan_of(with(R"({"state_schema": {"message": "str", "f": {"type": "float", "default": 1, "route": true}}})"));
  ASSERT_TRUE(plan);
  const auto value = mirrored_value(*plan, plan->mirrored()[0], *value_of(R"({"f": 2})").object());
  ASSERT_TRUE(value);
  EXPECT_TRUE(value->is_double());
  EXPECT_EQ(mirrored_value(*plan, plan->mirrored()[0], {}), std::nullopt);
  const auto open = plan_of(open_with_when(R"((a-b (value "x")))"));
  ASSERT_TRUE(open);
  EXPECT_EQ(mirrored_value(*open, open->mirrored()[0], *value_of(R"({"a.b": 7})").object()), json::Value(7));
  EXPECT_EQ(mirrored_value(*open, open->mirrored()[0], *value_of(R"({"a.b": 7, "a-b": 8})").object()), json::Value(8));
  EXPECT_EQ(mirrored_value(*open, open->mirrored()[0], *value_of(R"({"a-b": null})").object()), std::nullopt);
}

}  // namespace
}  // namespace stargraph::graph
