// Six hostile packs: each ends as pack-limit in time, others are answered meanwhile, nothing leaks.
#include <gtest/gtest.h>

#include <future>

#include "rules/sandbox.hpp"
#include "stargraph/clp/source.hpp"
#include "stargraph/rules/jail.hpp"
#include "unit/rules/processes.hpp"
#include "unit/rules/programs.hpp"

namespace stargraph::rules {
namespace {

using base::Code;
using namespace std::chrono_literals;

class HostilePack : public ::testing::Test {
 protected:
  void SetUp() override {
    auto checked = Jail::start();
    JailOptions trusting;
    trusting.skip_source_check = true;
    auto unchecked = Jail::start(trusting);
    ASSERT_TRUE(checked && unchecked);
    jail_ = *std::move(checked);
    unchecked_ = *std::move(unchecked);
    descriptors_ = open_descriptors(getpid());
  }

  // Evaluates in a thread of its own; another evaluator of the same jail must answer before that ends.
  void expect_limit(Jail& jail, const Program& hostile, const EvaluationInput& input = {}) {
    const auto honest = jail.evaluator(program(std::string(kGotoRule)));
    ASSERT_TRUE(honest);
    {
      const auto attacker = jail.evaluator(hostile);
      ASSERT_TRUE(attacker) << attacker.error().message;
      auto attacked = std::async(std::launch::async, [&] { return (*attacker)->evaluate(input); });
      int answered = 0;
      do {
        ASSERT_TRUE((*honest)->evaluate(at_node("a")));
        ++answered;
      } while (attacked.wait_for(0s) != std::future_status::ready);
      const auto outcome = attacked.get();
      ASSERT_FALSE(outcome);
      EXPECT_EQ(outcome.error().code, Code::kPackLimit) << outcome.error().message;
      EXPECT_GT(answered, 0);
      EXPECT_EQ((*attacker)->process_id(), 0);
    }
    EXPECT_EQ(children_of(jail.zygote_pid()), std::set<int>{(*honest)->process_id()});
    EXPECT_TRUE((*honest)->evaluate(at_node("a")));
  }

  void TearDown() override {
    EXPECT_TRUE(children_of(jail_->zygote_pid()).empty());
    EXPECT_TRUE(children_of(unchecked_->zygote_pid()).empty());
    EXPECT_EQ(open_descriptors(getpid()), descriptors_);
  }

  static Program within(std::string source, std::uint32_t milliseconds) {
    Program made = program(std::move(source));
    made.stages[0].limits.max_ms = milliseconds;
    return made;
  }

  std::unique_ptr<Jail> jail_;
  std::unique_ptr<Jail> unchecked_;
  std::size_t descriptors_ = 0;
};

TEST_F(HostilePack, SG_D_PACK_EndlessLoopInARightHandSide) {
  expect_limit(*jail_, within("(defrule spin (node-id) => (while TRUE do (bind ?x 1)))", 300), at_node("a"));
}

TEST_F(HostilePack, SG_D_PACK_EndlessLoopInACondition) {
  expect_limit(*unchecked_, within("(defrule spin (node-id) (test (while TRUE do 1)) => )", 300), at_node("a"));
  const char* hidden = "(deffunction f () (while TRUE do 1)) (defrule spin (node-id) (test (f)) => )";
  expect_limit(*jail_, within(hidden, 300), at_node("a"));
}

TEST_F(HostilePack, RC_D_PACK_DoublingStrings) {
  if (!kFullWalls) GTEST_SKIP() << "sanitizers need the address space";
  expect_limit(
      *jail_,
      within("(defrule grow (node-id) => (bind ?s \"xxxxxxxx\") (while TRUE do (bind ?s (str-cat ?s ?s))))", 5000),
      at_node("a"));
}

TEST_F(HostilePack, RC_D_PACK_JoinExplosion) {
  EvaluationInput input;
  for (int i = 0; i < 400; ++i) input.facts.push_back({"p", {{"v", std::int64_t{i}}}});
  expect_limit(*jail_,
               within("(deftemplate p (slot v)) (deftemplate last (slot v))"
                      "(defrule join (p (v ?a)) (p (v ?b)) (p (v ?c)) (p (v ?d&:(< (+ ?a ?b ?c ?d) 0))) => )",
                      400),
               input);
}

TEST_F(HostilePack, RC_D_PACK_MultifieldExplosion) {
  if (!kFullWalls) GTEST_SKIP() << "sanitizers need the address space";
  Multifield list;
  for (int i = 0; i < 80; ++i) list.emplace_back(std::int64_t{i});
  EvaluationInput input;
  input.facts.push_back({"m", {{"list", list}}});
  expect_limit(*jail_,
               within("(deftemplate m (multislot list)) (defrule split (m (list $?a $?b $?c $?d $?e $?f)) => )", 5000),
               input);
}

TEST_F(HostilePack, SG_D_PACK_RecursionIsRefusedBeforeTheJail) {
  const auto refused = jail_->evaluator(
      program("(deftemplate n (slot v)) (deffunction f (?n) (f (+ ?n 1))) (defrule r (node-id) => (f 1))"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRulesRecursion);
}

TEST_F(HostilePack, SG_D_PACK_RecursionInsideTheJailEndsOnlyItsEvaluator) {
  expect_limit(*unchecked_, within("(deffunction f (?n) (f (+ ?n 1))) (defrule r (node-id) => (f 1))", 5000),
               at_node("a"));
}

TEST_F(HostilePack, SG_D_PACK_AHundredThousandParenthesesAreRefusedBeforeTheJail) {
  const std::string deep = "(defrule r => (bind ?x " + std::string(100'000, '(') + std::string(100'000, ')') + "))";
  EXPECT_EQ(jail_->evaluator(program(deep)).error().code, Code::kRulesNesting);
}

TEST_F(HostilePack, SG_D_PACK_AHundredThousandParenthesesInsideTheJailEndOnlyTheirEvaluator) {
  std::string deep = "(defrule r (test ";
  for (int i = 0; i < 100'000; ++i) deep += "(not ";
  deep += "TRUE" + std::string(100'000, ')') + ") => )";
  const auto honest = unchecked_->evaluator(program(std::string(kGotoRule)));
  ASSERT_TRUE(honest);
  const auto refused = unchecked_->evaluator(program(deep));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPackLimit) << refused.error().message;
  EXPECT_TRUE((*honest)->evaluate(at_node("a")));
  EXPECT_EQ(children_of(unchecked_->zygote_pid()).size(), 1U);
}

TEST_F(HostilePack, SG_D_PACK_TheNextInputIsAnsweredAfterAKill) {
  const auto attacker =
      jail_->evaluator(within("(defrule spin (node-id (id a)) => (while TRUE do 1))"
                              "(defrule fine (node-id (id b)) => (assert (stargraph_action (kind halt))))",
                              200));
  ASSERT_TRUE(attacker);
  EXPECT_EQ((*attacker)->evaluate(at_node("a")).error().code, Code::kPackLimit);
  const auto outcome = (*attacker)->evaluate(at_node("b"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->actions.size(), 1U);
}

TEST_F(HostilePack, SG_D_PACK_TheCallersDeadlineHoldsBelowThePacksOwn) {
  const auto attacker = jail_->evaluator(within("(defrule spin (node-id) => (while TRUE do 1))", 60'000));
  ASSERT_TRUE(attacker);
  EvaluationInput input = at_node("a");
  input.deadline = 100ms;
  EXPECT_EQ((*attacker)->evaluate(input).error().code, Code::kPackLimit);
}

}  // namespace
}  // namespace stargraph::rules
