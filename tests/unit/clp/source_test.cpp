// check_source: the closed list of constructs and functions, and that no function reaches itself.
#include "stargraph/clp/source.hpp"

#include <gtest/gtest.h>

#include <set>

#include "stargraph/clp/functions.hpp"
#include "support/upstream.hpp"

namespace stargraph::clp {
namespace {

using base::Code;

Code refusal(std::string_view source) {
  const auto checked = check_source(source);
  EXPECT_FALSE(checked.has_value()) << source;
  return checked ? Code::kInternal : checked.error().code;
}

std::string rule_with(std::string_view action) { return "(defrule r (a (b ?x)) => " + std::string(action) + ")"; }

TEST(CheckSource, ExtractsTemplatesRulesAndFunctions) {
  const auto source = check_source(R"(
; a comment
(deftemplate a "doc" (slot b (default 1)) (multislot c))
(deffunction twice (?n) (* 2 ?n))
(defglobal ?*limit* = (twice 5))
(deffacts start (a (b (twice 1)) (c 1 2)))
(defrule first (declare (salience 10)) (a (b ?x&:(> ?x ?*limit*))) => (assert (a (b (twice ?x)))))
(defrule second ?f <- (a (b ?x)) (not (a (c $? 3 $?))) => (retract ?f)))");
  ASSERT_TRUE(source) << source.error().message;
  ASSERT_EQ(source->templates.size(), 1U);
  EXPECT_EQ(source->templates[0].name, "a");
  EXPECT_EQ(source->templates[0].slots, (std::vector<SlotDefinition>{{"b", false}, {"c", true}}));
  EXPECT_EQ(source->templates[0].line, 3U);
  ASSERT_EQ(source->rules.size(), 2U);
  EXPECT_EQ(source->rules[0].name, "first");
  EXPECT_EQ(source->rules[0].salience, 10);
  EXPECT_EQ(source->rules[1].salience, 0);
  EXPECT_EQ(source->functions, std::vector<std::string>{"twice"});
  EXPECT_EQ(source->constructs.size(), 6U);
  EXPECT_NE(source->find_template("a"), nullptr);
  EXPECT_EQ(source->find_template("z"), nullptr);
}

TEST(CheckSource, SG_E_PACK_RefusesEveryOtherConstruct) {
  for (const char* source :
       {"(defmodule M)", "(defclass C)", "(defgeneric g)", "(defmethod g ())", "(definstances i)", "(open \"x\" f)",
        "(system \"id\")", "(load \"x\")", "()", "((defrule r => ))", "atom", "\"s\""}) {
    EXPECT_EQ(refusal(source), Code::kRulesConstruct) << source;
  }
}

TEST(CheckSource, RC_E_POLICY_RefusesFunctionsOutsideTheList) {
  for (const char* name : {"open",
                           "close",
                           "remove",
                           "rename",
                           "system",
                           "eval",
                           "build",
                           "load",
                           "load*",
                           "batch",
                           "batch*",
                           "bload",
                           "save",
                           "printout",
                           "read",
                           "readline",
                           "format",
                           "funcall",
                           "sort",
                           "assert-string",
                           "str-assert",
                           "load-facts",
                           "save-facts",
                           "time",
                           "random",
                           "seed",
                           "gensym",
                           "gensym*",
                           "exit",
                           "run",
                           "reset",
                           "clear",
                           "halt",
                           "focus",
                           "undefrule",
                           "set-strategy",
                           "watch",
                           "dribble-on",
                           "get-char",
                           "explode$",
                           "do-for-fact",
                           "find-fact",
                           "mem-used",
                           "setgen",
                           "set-locale",
                           "(expansion-call)",
                           "no-such-function"}) {
    const std::string call = "(" + std::string(name) + " 1)";
    EXPECT_EQ(refusal(rule_with(call)), name[0] == '(' ? Code::kRulesSyntax : Code::kRulesFunction) << name;
    EXPECT_FALSE(is_allowed_function(name)) << name;
  }
}

TEST(CheckSource, RC_E_POLICY_FindsCallsWhereverClipsEvaluates) {
  for (const char* source : {
           "(defrule r (a (b ?x&:(system ?x))) => )",
           "(defrule r (a (b =(system 1))) => )",
           "(defrule r (test (system 1)) => )",
           "(defrule r (not (and (a) (test (or (system 1) FALSE)))) => )",
           "(defrule r (ordered ?x&:(system 1)) => )",
           "(deftemplate t (slot a (default (system 1))))",
           "(deftemplate t (slot a (default-dynamic (system 1))))",
           "(deftemplate t (slot a)) (deffacts f (t (a (system 1))))",
           "(defglobal ?*g* = (system 1))",
           "(deffunction f () (system 1))",
           "(defrule r => (if (system 1) then (bind ?x 1)))",
           "(defrule r => (bind ?x (+ 1 (system 1))))",
           "(defrule r => (switch 1 (case (system 1) then 1)))",
           "(defrule r => (switch 1 (default (system 1))))",
           "(defrule r => (loop-for-count (?i 1 (system 1)) do (bind ?x 1)))",
           "(defrule r => (loop-for-count (system 1)))",
           "(defrule r => (progn$ (?f (create$ (system 1))) (bind ?x 1)))",
           "(defrule r => (progn$ (?f (create$ 1)) (system 1)))",
           "(deftemplate t (slot a)) (defrule r => (assert (t (a (system 1)))))",
           "(defrule r ?f <- (a) => (modify ?f (b (system 1))))",
           "(defrule r => (assert (stargraph_action (kind halt) (reason (system 1)))))",
       }) {
    EXPECT_EQ(refusal(source), Code::kRulesFunction) << source;
  }
}

// What acts while facts are matched or the environment is reset does so by no rule's name and in no trace.
TEST(CheckSource, RC_R_POLICY_ActsInActionsOnly) {
  for (const char* call : {"(assert (stargraph_action (kind halt)))", "(retract 1)", "(modify 1 (x 2))",
                           "(duplicate 1 (x 2))", "(bind ?*g* 1)", "(while TRUE do 1)", "(loop-for-count 9 do 1)",
                           "(foreach ?x (create$ 1) ?x)", "(progn$ (?x (create$ 1)) ?x)", "(progn 1)", "(return 1)"}) {
    const std::string text(call);
    EXPECT_TRUE(check_source("(defrule r (a) => " + text + ")")) << text;
    EXPECT_TRUE(check_source("(deffunction f () " + text + ")")) << text;
    for (const std::string& source : {
             "(defrule r (test " + text + ") => )",
             "(defrule r (a (b ?x&:" + text + ")) => )",
             "(defrule r (a (b =" + text + ")) => )",
             "(defrule r (not (and (a) (test (or FALSE " + text + ")))) => )",
             "(defrule r (a (b ?x&:(eq ?x " + text + "))) => )",
             "(deftemplate t (slot a (default " + text + ")))",
             "(deftemplate t (slot a (default-dynamic " + text + ")))",
             "(defglobal ?*h* = " + text + ")",
             "(deftemplate t (slot a)) (deffacts d (t (a " + text + ")))",
         }) {
      EXPECT_EQ(refusal(source), Code::kRulesFunction) << source;
    }
  }
}

TEST(CheckSource, RC_R_POLICY_ConditionsDoNotActThroughFunctionsEither) {
  const std::string acts =
      "(deffunction f () (assert (stargraph_action (kind halt)))) (deffunction g () (if TRUE then (f)))";
  EXPECT_EQ(refusal(acts + "(defrule r (test (f)) => )"), Code::kRulesFunction);
  EXPECT_EQ(refusal(acts + "(defrule r (a (b ?x&:(g))) => )"), Code::kRulesFunction);
  EXPECT_EQ(refusal("(deffunction f () (bind ?*g* 1)) (defrule r (test (f)) => )"), Code::kRulesFunction);
  EXPECT_TRUE(check_source(acts + "(defrule r (a) => (g))"));
  const std::string looks = "(deffunction f ($?l) (bind ?n 0) (progn$ (?x ?l) (bind ?n (+ ?n ?x))) (return ?n))";
  EXPECT_TRUE(check_source(looks + "(defrule r (test (> (f 1 2) 1)) => )"));
}

TEST(CheckSource, RC_R_POLICY_RefusesADecisionThatNoRuleMakes) {
  EXPECT_EQ(refusal("(deffacts d (stargraph_action (kind halt)))"), Code::kRulesTemplate);
}

// CSI (U+009B) steers terminals, U+202E turns the line round, and a name cut short is no UTF-8.
TEST(CheckSource, SG_T_PACK_NeverRepeatsNamesThatATerminalWouldAct) {
  for (const std::string& name : {std::string("\xC2\x9B"
                                              "2J"),
                                  std::string("a\xE2\x80\xAE"
                                              "b"),
                                  std::string(63, 'a') + "\xC3\xA9", std::string(100, 'a')}) {
    for (const std::string& source : {"(defrule " + name + " => (system))", "(defrule r => (" + name + "))"}) {
      const auto checked = check_source(source);
      ASSERT_FALSE(checked) << source;
      EXPECT_NE(checked.error().message.find("(name not shown)"), std::string::npos) << checked.error().message;
      EXPECT_EQ(checked.error().message.find(name.substr(0, 60)), std::string::npos);
    }
  }
}

TEST(CheckSource, NamesLineAndFunctionInTheRefusal) {
  const auto checked = check_source("(defrule r\n  =>\n  (system \"id\"))");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message, "rules: defrule r: line 3: function system is not allowed");
}

TEST(CheckSource, SG_D_PACK_RefusesRecursionDirectMutualAndForward) {
  EXPECT_EQ(refusal("(deffunction f (?n) (f (+ ?n 1)))"), Code::kRulesRecursion);
  EXPECT_EQ(refusal("(deffunction g (?n) (f ?n)) (deffunction f (?n) (g ?n))"), Code::kRulesRecursion);
  EXPECT_EQ(refusal("(deffunction f (?n)) (deffunction g (?n) (f ?n)) (deffunction f (?n) (g ?n))"),
            Code::kRulesSyntax);
  EXPECT_EQ(refusal("(deffunction f (?n) (assert (unknown (f ?n))))"), Code::kRulesRecursion);
  EXPECT_EQ(refusal("(defrule r => (f 1)) (deffunction f (?n) ?n)"), Code::kRulesRecursion);
}

TEST(CheckSource, SG_D_PACK_RefusesLongChainsOfFunctions) {
  const auto chain = [](int length) {
    std::string source = "(deffunction f0 () 1)";
    for (int i = 1; i < length; ++i)
      source += "(deffunction f" + std::to_string(i) + " () (f" + std::to_string(i - 1) + "))";
    return source;
  };
  EXPECT_TRUE(check_source(chain(64)));
  EXPECT_EQ(refusal(chain(65)), Code::kRulesNesting);
}

TEST(CheckSource, SG_E_PACK_RefusesRedefiningABuiltInFunction) {
  EXPECT_EQ(refusal("(deffunction assert () 1)"), Code::kRulesFunction);
  EXPECT_EQ(refusal("(deffunction sg-matches () 1)"), Code::kRulesFunction);
}

TEST(CheckSource, RC_E_POLICY_KeepsHostTemplatesForTheHost) {
  for (const char* name :
       {"node-id", "state", "stargraph_action", "stargraph.response", "stargraph.anything", "initial-fact"}) {
    EXPECT_EQ(refusal("(deftemplate " + std::string(name) + " (slot a))"), Code::kRulesTemplate) << name;
  }
  EXPECT_EQ(refusal(rule_with("(assert (stargraph.response (actor \"boss\")))")), Code::kRulesTemplate);
  EXPECT_EQ(refusal("(deffacts f (node-id (id admin)))"), Code::kRulesTemplate);
  EXPECT_TRUE(check_source(rule_with("(assert (stargraph_action (kind halt) (reason (str-cat \"a\" ?x))))")));
}

TEST(CheckSource, RefusesDuplicatesAndMalformedConstructs) {
  EXPECT_EQ(refusal("(defrule a => ) (defrule a => )"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(deftemplate a (slot b) (slot b))"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(deftemplate a (slot))"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(deftemplate a (slot b (type (x))))"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(defrule)"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(defrule r (a))"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(defrule r => atom)"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(deffunction f ((g)) 1)"), Code::kRulesSyntax);
}

TEST(CheckSource, TakesSalienceAsIntegerLiteralOnly) {
  EXPECT_EQ(refusal("(defrule r (declare (salience (+ 1 2))) => )"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(defrule r (declare (salience 10001)) => )"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(defrule r (declare (auto-focus TRUE)) => )"), Code::kRulesSyntax);
  const auto source = check_source("(defrule r (declare (salience -10000)) => )");
  ASSERT_TRUE(source);
  EXPECT_EQ(source->rules[0].salience, -10000);
}

TEST(CheckSource, DropsCommentsFromNormalisedText) {
  const auto source = split_constructs("(defrule r ; (open \"x\")\n (a (b \";c\")) => ) ; end");
  ASSERT_TRUE(source);
  ASSERT_EQ(source->size(), 1U);
  EXPECT_EQ(source->front().text, "(defrule r (a (b \";c\")) =>)");
}

TEST(AllowedFunctions, AreSortedAndHoldNothingThatTouchesTheWorld) {
  EXPECT_TRUE(is_allowed_function("str-cat"));
  EXPECT_TRUE(is_allowed_function("fathom-matches"));
  EXPECT_TRUE(is_allowed_function(">="));
  EXPECT_FALSE(is_allowed_function(""));
  EXPECT_EQ(std::set<std::string_view>(allowed_functions().begin(), allowed_functions().end()).size(),
            allowed_functions().size());
}

TEST(CheckSource, AcceptsUpstreamPacks) {
  SG_UPSTREAM_OR_SKIP(root);
  for (const char* pack : {"packs/soc-policy", "packs/soc-budgets", "packs-stale/budgets", "packs-stale/audit"}) {
    const auto source = check_source(support::read_upstream(root / "stargraph" / pack / "rules.clp"));
    EXPECT_TRUE(source) << pack << ": " << (source ? "" : source.error().message);
  }
  // These two declare templates that are the host's here.
  for (const char* pack : {"packs-stale/retries", "packs-stale/safety_pii"}) {
    EXPECT_EQ(refusal(support::read_upstream(root / "stargraph" / pack / "rules.clp")), Code::kRulesTemplate) << pack;
  }
}

}  // namespace
}  // namespace stargraph::clp
