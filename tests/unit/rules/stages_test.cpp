// Stages: what happens inside an evaluator, run in the test's own process and without a jail.
#include <gtest/gtest.h>

#include <algorithm>

#include "rules/environment.hpp"
#include "rules/evaluator_process.hpp"
#include "rules/plan.hpp"
#include "rules/wire.hpp"
#include "stargraph/clp/functions.hpp"
#include "unit/rules/programs.hpp"

namespace stargraph::rules {
namespace {

using base::Code;
using base::Result;

std::string_view body_of(const std::string& frame) { return std::string_view(frame).substr(4); }

class StagesTest : public ::testing::Test {
 protected:
  Result<> load(const Program& program, bool checked = true) {
    count_ = program.stages.size();
    if (checked) SG_TRY(check_stages(program));
    SG_TRY(const Plan plan, make_plan(program, checked));
    SG_TRY(const std::string frame, encode_program(plan));
    SG_TRY(decode_reply(body_of(stages_.answer(body_of(frame))), count_));
    return {};
  }
  Result<Outcome> evaluate(const EvaluationInput& input) {
    SG_TRY(const std::string frame, encode_input(input));
    return decode_reply(body_of(stages_.answer(body_of(frame))), count_);
  }

  Stages stages_;
  std::size_t count_ = 0;
};

TEST_F(StagesTest, GivesTheActionWithItsRuleAndTrace) {
  ASSERT_TRUE(load(program(std::string(kGotoRule))));
  const auto outcome = evaluate(at_node("a"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_EQ(outcome->actions.size(), 1U);
  EXPECT_EQ(outcome->actions[0].rule, "go");
  EXPECT_EQ(outcome->actions[0].fact,
            (Fact{"stargraph_action",
                  {{"kind", Symbol{"goto"}}, {"target", Symbol{"b"}}, {"reason", std::string("because")}}}));
  EXPECT_EQ(outcome->fired, 1U);
  EXPECT_EQ(outcome->trace, (std::vector<Firing>{{0, "go", {{"node-id", 0}}}}));
  EXPECT_TRUE(evaluate(at_node("z"))->actions.empty());
}

TEST_F(StagesTest, PrefersTheRuleIdAnActionNames) {
  ASSERT_TRUE(
      load(program("(defrule generated-1 (node-id) => (assert (stargraph_action (kind halt) (rule_id \"r-7\"))))")));
  EXPECT_EQ(evaluate(at_node("a"))->actions.at(0).rule, "r-7");
}

TEST_F(StagesTest, KeepsEveryTypeOfValue) {
  Program keeping = program(
      "(deftemplate in (slot a) (slot b) (slot c) (slot d) (multislot e))"
      "(deftemplate out (slot a) (slot b) (slot c) (slot d) (multislot e))"
      "(defrule copy (in (a ?a) (b ?b) (c ?c) (d ?d) (e $?e)) => (assert (out (a ?a) (b ?b) (c ?c) (d ?d) (e ?e))))");
  keeping.stages[0].provides = {"out"};
  ASSERT_TRUE(load(keeping));
  const Multifield list{Symbol{"s"}, std::string("t"), std::int64_t{-1}, 0.1};
  EvaluationInput input;
  input.facts.push_back(
      {"in", {{"a", Symbol{"x y"}}, {"b", std::string("\"\n()\\;")}, {"c", INT64_MIN}, {"d", 1e-300}, {"e", list}}});
  const auto outcome = evaluate(input);
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_EQ(outcome->provided.size(), 1U);
  EXPECT_EQ(outcome->provided[0].fact.slots, input.facts[0].slots);
}

TEST_F(StagesTest, SG_T_IR_StringsWithQuotesNewlinesAndParenthesesStayData) {
  ASSERT_TRUE(load(program(
      "(defrule echo (stargraph.field (name ?n) (value ?v)) => (assert (stargraph_action (kind halt) (reason ?v))))")));
  for (const std::string hostile :
       {"\") (system \"id\")", "a\nb\r\n;c", "(stargraph_action (kind goto))", "?x $?y ~ | &", "\\"}) {
    EvaluationInput input;
    input.facts.push_back({"stargraph.field", {{"name", std::string("f")}, {"value", hostile}}});
    const auto outcome = evaluate(input);
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_EQ(outcome->actions.size(), 1U);
    EXPECT_EQ(std::get<std::string>(*outcome->actions[0].fact.find("reason")), hostile);
  }
}

TEST_F(StagesTest, OrdersActionsBySalienceThenByRecency) {
  ASSERT_TRUE(load(
      program("(defrule low (declare (salience -5)) (node-id) => (assert (stargraph_action (kind goto) (target low))))"
              "(defrule high (declare (salience 5)) (node-id) => (assert (stargraph_action (kind goto) (target high))))"
              "(defrule middle (node-id) => (assert (stargraph_action (kind goto) (target middle))))")));
  const auto outcome = evaluate(at_node("a"));
  ASSERT_TRUE(outcome);
  std::vector<std::string> order;
  for (const Derived& action : outcome->actions) order.push_back(action.rule);
  EXPECT_EQ(order, (std::vector<std::string>{"high", "middle", "low"}));
}

TEST_F(StagesTest, ForgetsEverythingBetweenEvaluations) {
  ASSERT_TRUE(
      load(program("(defglobal ?*seen* = 0)"
                   "(defrule count (node-id) => (bind ?*seen* (+ ?*seen* 1))"
                   " (assert (stargraph_action (kind halt) (reason (str-cat ?*seen*)))))")));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(evaluate(at_node("a"))->actions.at(0).fact.text("reason"), "1");
}

TEST_F(StagesTest, HandsProvidedFactsToLaterStages) {
  Program two;
  two.stages.push_back(stage("risk",
                             "(deftemplate verdict (slot risk))"
                             "(defrule judge (node-id (id ?n)) => (assert (verdict (risk ?n))))"));
  two.stages[0].provides = {"verdict"};
  two.stages.push_back(
      stage("graph", "(defrule route (verdict (risk a)) => (assert (stargraph_action (kind goto) (target gate))))"));
  ASSERT_TRUE(load(two));
  const auto outcome = evaluate(at_node("a"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_EQ(outcome->provided.size(), 1U);
  EXPECT_EQ(outcome->provided[0].stage, 0U);
  EXPECT_EQ(outcome->provided[0].rule, "judge");
  ASSERT_EQ(outcome->actions.size(), 1U);
  EXPECT_EQ(outcome->actions[0].stage, 1U);
  EXPECT_EQ(outcome->trace, (std::vector<Firing>{{0, "judge", {{"node-id", 0}}}, {1, "route", {{"verdict", -1}}}}));
}

TEST_F(StagesTest, AssertsStageFactsInTheirStageOnly) {
  Program two;
  two.stages.push_back(stage("a", std::string(kGotoRule)));
  two.stages.push_back(stage("b", std::string(kGotoRule)));
  ASSERT_TRUE(load(two));
  EvaluationInput input;
  input.stage_facts = {{}, {node("a")}};
  const auto outcome = evaluate(input);
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->actions.size(), 1U);
  EXPECT_EQ(outcome->actions[0].stage, 1U);
}

TEST_F(StagesTest, DeclaresTheGraphsOwnHostTemplates) {
  Program graph = program(
      "(defrule r (state (tier prod)) (phase-verdict (value \"refine\")) => (assert (stargraph_action (kind halt))))");
  graph.stages[0].host_templates = {{"state", {{"tier", false}}}, {"phase-verdict", {{"value", false}}}};
  ASSERT_TRUE(load(graph));
  EvaluationInput input;
  input.facts.push_back({"state", {{"tier", Symbol{"prod"}}, {"_origin", std::string("state")}}});
  input.facts.push_back({"phase-verdict", {{"value", std::string("refine")}}});
  EXPECT_EQ(evaluate(input)->actions.size(), 1U);
}

TEST_F(StagesTest, RunStartAndInitialFactDiffer) {
  ASSERT_TRUE(
      load(program("(defrule start (stargraph.run-start) => (assert (stargraph_action (kind goto) (target a))))"
                   "(defrule always (initial-fact) => (assert (stargraph_action (kind goto) (target b))))")));
  EXPECT_EQ(evaluate({})->actions.size(), 1U);
  EvaluationInput input;
  input.facts.push_back({"stargraph.run-start", {}});
  EXPECT_EQ(evaluate(input)->actions.size(), 2U);
}

TEST_F(StagesTest, RefusesFactsThatDoNotFit) {
  ASSERT_TRUE(load(program(std::string(kGotoRule))));
  EvaluationInput input;
  input.facts.push_back({"node-id", {{"no-such-slot", Symbol{"a"}}}});
  EXPECT_EQ(evaluate(input).error().code, Code::kRulesTemplate);
  input.facts[0] = {"node-id", {{"id", Multifield{Symbol{"a"}}}}};
  EXPECT_EQ(evaluate(input).error().code, Code::kRulesTemplate);
  input.facts[0] = {"unknown-template", {{"x", Symbol{"a"}}}};
  EXPECT_TRUE(evaluate(input));
  EXPECT_EQ(evaluate(at_node("a"))->actions.size(), 1U);
}

TEST_F(StagesTest, SG_T_IR_RefusesNulInFacts) {
  ASSERT_TRUE(load(program(std::string(kGotoRule))));
  EXPECT_EQ(evaluate(at_node(std::string("a\0b", 3))).error().code, Code::kMalformed);
}

TEST_F(StagesTest, RC_D_PACK_StopsAtMaxFactsAndMaxFirings) {
  Program many =
      program("(deftemplate n (slot v)) (defrule grow (n (v ?v)) => (assert (n (v (+ ?v 1))))) (deffacts f (n (v 0)))");
  many.stages[0].limits.max_facts = 100;
  ASSERT_TRUE(load(many));
  EXPECT_EQ(evaluate({}).error().code, Code::kPackLimit);
  many.stages[0].limits = {.max_facts = 10'000, .max_firings = 50};
  ASSERT_TRUE(load(many));
  const auto refused = evaluate({});
  EXPECT_EQ(refused.error().message, "rules: stage pack: more firings than max_firings allows");
}

TEST_F(StagesTest, MaxFiringsJustReachedIsNoError) {
  Program exact = program("(deftemplate n (slot v)) (deffacts f (n (v 1)) (n (v 2)) (n (v 3))) (defrule r (n) => )");
  exact.stages[0].limits.max_firings = 3;
  ASSERT_TRUE(load(exact));
  EXPECT_EQ(evaluate({})->fired, 3U);
  exact.stages[0].limits.max_firings = 2;
  ASSERT_TRUE(load(exact));
  EXPECT_EQ(evaluate({}).error().code, Code::kPackLimit);
}

TEST_F(StagesTest, FailsWhenARulesExpressionFails) {
  ASSERT_TRUE(
      load(program("(defrule left (stargraph.field (value ?v&:(> ?v 2))) => )"
                   "(defrule right (node-id (id ?n)) => (bind ?x (+ ?n 1)))")));
  EvaluationInput input;
  input.facts.push_back({"stargraph.field", {{"value", std::string("not a number")}}});
  EXPECT_EQ(evaluate(input).error().code, Code::kRulesRuntime);
  const auto failed = evaluate(at_node("a"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kRulesRuntime);
  EXPECT_NE(failed.error().message.find("rule right"), std::string::npos) << failed.error().message;
  EXPECT_TRUE(evaluate({}));
}

TEST_F(StagesTest, ReportsTheConstructThatClipsRefuses) {
  const auto loaded = load(program("(deftemplate a (slot b))\n(defrule r\n (a (c 1)) => )"));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kRulesSyntax);
  EXPECT_NE(loaded.error().message.find("stage pack: defrule r: line 2: "), std::string::npos)
      << loaded.error().message;
}

TEST_F(StagesTest, MatchesRegularExpressionsUnderBothNames) {
  ASSERT_TRUE(
      load(program("(defrule ssn (stargraph.field (value ?v&:(fathom-matches ?v \"[0-9]{3}-[0-9]{2}-[0-9]{4}\"))) =>"
                   " (assert (stargraph_action (kind halt))))"
                   "(defrule word (stargraph.field (value ?v&:(sg-matches ?v \"^a+$\"))) => (assert (stargraph_action "
                   "(kind goto))))")));
  const auto kinds = [&](std::string text) {
    EvaluationInput input;
    input.facts.push_back({"stargraph.field", {{"value", std::move(text)}}});
    const auto outcome = evaluate(input);
    std::string found;
    for (const Derived& action : outcome->actions) found += action.fact.text("kind");
    return found;
  };
  EXPECT_EQ(kinds("my number is 123-45-6789."), "halt");
  EXPECT_EQ(kinds("aaaa"), "goto");
  EXPECT_EQ(kinds("b"), "");
}

TEST_F(StagesTest, SG_D_PACK_RegularExpressionsAreLinearAndBounded) {
  ASSERT_TRUE(
      load(program("(defrule r (stargraph.field (name ?p) (value ?v&:(sg-matches ?v ?p))) => (assert (stargraph_action "
                   "(kind halt))))")));
  const auto with = [&](std::string pattern, std::string text) {
    EvaluationInput input;
    input.facts.push_back({"stargraph.field", {{"name", std::move(pattern)}, {"value", std::move(text)}}});
    return evaluate(input);
  };
  EXPECT_EQ(with("(a*)*$", std::string(100'000, 'a') + "b")->actions.size(), 1U);
  EXPECT_EQ(with("[", "x").error().code, Code::kRulesRuntime);
  EXPECT_EQ(with(std::string(5000, 'a'), "x").error().code, Code::kRulesRuntime);
  EXPECT_EQ(with("((a{100}){100}){100}", "x").error().code, Code::kRulesRuntime);
}

TEST_F(StagesTest, RefusesOutcomesThatCannotBeShown) {
  ASSERT_TRUE(
      load(program("(defrule r (node-id) => (assert (stargraph_action (kind halt) (reason (* 1e300 1e300)))))")));
  EXPECT_EQ(evaluate(at_node("a")).error().code, Code::kRulesRuntime);
}

TEST_F(StagesTest, RepeatsIdenticallyAThousandTimes) {
  ASSERT_TRUE(
      load(program("(deftemplate p (slot a) (slot b))"
                   "(deffacts f (p (a 1) (b x)) (p (a 2) (b y)) (p (a 3) (b x)) (p (a 4) (b z)))"
                   "(defrule pair (p (a ?a) (b ?b)) (p (a ?c&~?a) (b ?d)) => (assert (stargraph_action (kind goto) "
                   "(target ?b) (reason (str-cat ?a ?d (/ ?a ?c))))))")));
  const auto first = evaluate(at_node("a"));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->fired, 12U);
  for (int i = 0; i < 1000; ++i) {
    const auto again = evaluate(at_node("a"));
    ASSERT_TRUE(again && again->same_decision(*first)) << i;
  }
}

TEST(EnvironmentTest, RC_E_POLICY_NothingButPureFunctionsIsDefined) {
  const Environment environment;
  std::size_t allowed = 0;
  for (const std::string& name : environment.functions()) {
    if (name.starts_with('(') || name == "expand$") continue;
    EXPECT_TRUE(clp::is_allowed_function(name)) << name;
    ++allowed;
  }
  // And each of the list is there: a name misspelt in it would refuse honest packs.
  EXPECT_EQ(allowed, clp::allowed_functions().size());
}

TEST_F(StagesTest, RC_E_POLICY_HostileCallsDoNotEvenParseWithoutTheSourceCheck) {
  for (const char* call : {"(open \"x\" f \"w\")",
                           "(remove \"x\")",
                           "(rename \"x\" \"y\")",
                           "(system \"id\")",
                           "(eval \"1\")",
                           "(build \"(defrule x => )\")",
                           "(load \"x\")",
                           "(batch \"x\")",
                           "(bload \"x\")",
                           "(save \"x\")",
                           "(printout t x)",
                           "(exit)",
                           "(time)",
                           "(random)",
                           "(gensym*)",
                           "(assert-string \"(a)\")",
                           "(funcall open)",
                           "(sort > 1 2)",
                           "(do-for-fact ((?f a)) TRUE)",
                           "(undefrule *)"}) {
    EXPECT_EQ(load(program("(defrule r => " + std::string(call) + ")"), false).error().code, Code::kRulesSyntax)
        << call;
  }
}

TEST_F(StagesTest, RefusesRequestsThatAreNone) {
  EXPECT_FALSE(decode_request(""));
  EXPECT_FALSE(decode_request("\x07"));
  EXPECT_FALSE(decode_request(std::string_view("\x02\xff\xff\xff\xff", 5)));
  EXPECT_EQ(decode_reply(body_of(stages_.answer("?")), 1).error().code, Code::kRulesTemplate);
}

}  // namespace
}  // namespace stargraph::rules
