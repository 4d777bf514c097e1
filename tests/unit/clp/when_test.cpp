// check_when: a condition stays a condition, whatever it says.
#include "stargraph/clp/when.hpp"

#include <gtest/gtest.h>

#include "stargraph/clp/source.hpp"

namespace stargraph::clp {
namespace {

using base::Code;

Code refusal(std::string_view text) {
  const auto when = check_when(text);
  EXPECT_FALSE(when.has_value()) << text;
  return when ? Code::kInternal : when.error().code;
}

TEST(CheckWhen, AcceptsThePatternsOfRealGraphs) {
  const auto when = check_when(
      "?n <- (node-id (id soc_policy)) (state (asset_tier prod)) (state (disposition dismiss | needs_human))");
  ASSERT_TRUE(when) << when.error().message;
  EXPECT_EQ(when->text,
            "?n <- (node-id (id soc_policy)) (state (asset_tier prod)) (state (disposition dismiss | needs_human))");
  EXPECT_EQ(when->node, "soc_policy");
  EXPECT_FALSE(when->run_start);
  EXPECT_EQ(when->patterns,
            (std::vector<PatternUse>{{"node-id", {"id"}}, {"state", {"asset_tier"}}, {"state", {"disposition"}}}));
}

TEST(CheckWhen, RewritesInitialFactToRunStart) {
  const auto when = check_when("(initial-fact)");
  ASSERT_TRUE(when);
  EXPECT_EQ(when->text, "(stargraph.run-start)");
  EXPECT_TRUE(when->run_start);
  EXPECT_EQ(when->node, std::nullopt);
}

TEST(CheckWhen, LearnsPatternsInsideNotAndTakesNoNodeFromThere) {
  const auto when =
      check_when("(not (node-id (id a))) (or (phase_verdict (value \"x\")) (and (b (value ?v)) (test (> ?v 1))))");
  ASSERT_TRUE(when) << when.error().message;
  EXPECT_EQ(when->node, std::nullopt);
  EXPECT_EQ(when->patterns,
            (std::vector<PatternUse>{{"node-id", {"id"}}, {"phase_verdict", {"value"}}, {"b", {"value"}}}));
}

TEST(CheckWhen, LeavesTheNodeOpenWhenItIsNoLiteral) {
  EXPECT_EQ(check_when("(node-id (id ?n))")->node, std::nullopt);
  EXPECT_EQ(check_when("(node-id (id a | b))")->node, std::nullopt);
}

TEST(CheckWhen, AllowsASlotThatIsCalledLikeAConstruct) { EXPECT_TRUE(check_when("(state (object x) (declare y))")); }

TEST(CheckWhen, SG_E_IR_CannotCloseItsPatternAndInjectAConstruct) {
  for (const char* text : {
           "(a)) => (system \"id\")) (defrule evil (a",
           "(a)) (deffunction x () 1) (b",
           "(a) => (assert (stargraph_action (kind goto) (target x)))",
           "(a) =>",
           "=> (a)",
           "(defrule x (a) => )",
           "(deftemplate t (slot a))",
           "(deffunction f () 1)",
           "(declare (salience 10000)) (a)",
           "(logical (a))",
           "(and (a) (defrule b))",
           "(not (deffacts b))",
           "(a (b =>))",
           "(a (b <-))",
           "(and ?f <- (a))",
           ")(",
           "(a",
           "a",
           "?x",
           "?x <-",
           "?x <- ?y <- (a)",
           "(a) \"string\"",
           "",
           "; only a comment",
           "()",
           "((a))",
           "(a ((b)))",
       }) {
    EXPECT_EQ(refusal(text), Code::kWhenInvalid) << text;
  }
}

TEST(CheckWhen, SG_T_IR_HidesNothingInStringsOrComments) {
  const auto when = check_when("(a (b \"x\\\") => (system \\\"id\\\")\")) ; ) => (system)\r(c)");
  ASSERT_TRUE(when) << when.error().message;
  EXPECT_EQ(when->text, "(a (b \"x\\\") => (system \\\"id\\\")\")) (c)");
  EXPECT_EQ(check_when("(a) ; comment (")->text, "(a)");
  const auto rule = split_constructs("(defrule r " + when->text + " => )");
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->size(), 1U);
  EXPECT_EQ(refusal(std::string_view("(a)\0=> (b)", 10)), Code::kWhenInvalid);
}

TEST(CheckWhen, RC_E_POLICY_CallsAllowedFunctionsOnly) {
  EXPECT_EQ(refusal("(test (system \"id\"))"), Code::kRulesFunction);
  EXPECT_EQ(refusal("(a (b ?x&:(open ?x f)))"), Code::kRulesFunction);
  EXPECT_EQ(refusal("(a (b =(eval \"1\")))"), Code::kRulesFunction);
  EXPECT_TRUE(check_when("(a (b ?x&:(sg-matches ?x \"^a+$\")))"));
}

TEST(CheckWhen, SG_R_IR_ConditionsDoNotAct) {
  for (const char* call : {"(assert (stargraph_action (kind halt)))", "(bind ?x 1)", "(while TRUE do (+ 1 1))"}) {
    for (const std::string& when : {"(test " + std::string(call) + ")", "(a (b ?x&:" + std::string(call) + "))",
                                    "(not (and (a) (test (or FALSE " + std::string(call) + "))))"}) {
      EXPECT_EQ(refusal(when), Code::kRulesFunction) << when;
    }
  }
  EXPECT_TRUE(check_when("(state (return x) (break y))")) << "slots may be called so";
}

TEST(CheckWhen, SG_D_IR_RefusesDeepNesting) { EXPECT_EQ(refusal(std::string(100'000, '(')), Code::kRulesNesting); }

}  // namespace
}  // namespace stargraph::clp
