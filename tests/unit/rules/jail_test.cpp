// The jail as the daemon uses it: evaluators, limits, recycling, a lost zygote, and nothing left behind.
#include "stargraph/rules/jail.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "rules/sandbox.hpp"
#include "support/descriptors.hpp"
#include "support/upstream.hpp"
#include "unit/rules/processes.hpp"
#include "unit/rules/programs.hpp"

namespace stargraph::rules {
namespace {

using base::Code;

class JailTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = Jail::start();
    ASSERT_TRUE(started) << started.error().message;
    jail_ = *std::move(started);
  }
  std::unique_ptr<Evaluator> evaluator(const Program& program) {
    auto made = jail_->evaluator(program);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made ? *std::move(made) : nullptr;
  }
  std::unique_ptr<Jail> jail_;
};

TEST_F(JailTest, DecidesAndRepeats) {
  const auto go = evaluator(program(std::string(kGotoRule)));
  ASSERT_NE(go, nullptr);
  const auto first = go->evaluate(at_node("a"));
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_EQ(first->actions.size(), 1U);
  EXPECT_EQ(first->actions[0].fact.text("target"), "b");
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(go->evaluate(at_node("a"))->same_decision(*first));
}

TEST_F(JailTest, TwoEvaluatorsAnswerTheSame) {
  const auto one = evaluator(program(std::string(kGotoRule)));
  const auto two = evaluator(program(std::string(kGotoRule)));
  EXPECT_NE(one->process_id(), two->process_id());
  EXPECT_TRUE(one->evaluate(at_node("a"))->same_decision(*two->evaluate(at_node("a"))));
}

// Out of descriptors: whoever asked may try again, and then it works.
TEST_F(JailTest, SG_D_STATE_AShortageIsBusyAndPasses) {
  std::optional<stargraph::test::OnlyDescriptors> shortage(0);
  const auto decide = [&]() -> base::Result<Outcome> {
    SG_TRY(const auto one, jail_->evaluator(program(std::string(kGotoRule))));
    return one->evaluate(at_node("a"));
  };
  const auto refused = decide();
  shortage.reset();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kBusy);
  EXPECT_TRUE(decide().has_value());
}

TEST_F(JailTest, EvaluatorsWorkFromManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> decisions = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto mine = jail_->evaluator(program(std::string(kGotoRule)));
      for (int n = 0; n < 50; ++n) {
        const auto outcome = (*mine)->evaluate(at_node("a"));
        if (outcome && outcome->actions.size() == 1) ++decisions;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(decisions, 200);
}

TEST_F(JailTest, LargeInputsAndOutcomesPass) {
  Program many = program(
      "(deftemplate out (slot name) (slot value)) (defrule copy (stargraph.field (name ?n) (value ?v)) => (assert (out "
      "(name ?n) (value ?v))))");
  many.stages[0].provides = {"out"};
  const auto copy = evaluator(many);
  EvaluationInput input;
  const std::string text(1000, 'x');
  for (int i = 0; i < 3000; ++i)
    input.facts.push_back({"stargraph.field", {{"name", std::to_string(i)}, {"value", text}}});
  const auto outcome = copy->evaluate(input);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->provided.size(), 3000U);
  EXPECT_EQ(outcome->provided[2999].fact.text("value"), text);
}

TEST_F(JailTest, RC_D_PACK_AnOutcomeOverEightMebibytesIsALimit) {
  Program flood = program(
      "(deftemplate out (slot name) (slot value)) (defrule copy (stargraph.field (name ?n) (value ?v)) =>"
      " (loop-for-count (?i 1 200) do (assert (out (name (str-cat ?n ?i)) (value ?v)))))");
  flood.stages[0].provides = {"out"};
  flood.stages[0].limits.max_facts = 100'000;
  const auto copy = evaluator(flood);
  EvaluationInput input;
  input.facts.push_back({"stargraph.field", {{"name", std::string("n")}, {"value", std::string(60'000, 'x')}}});
  EXPECT_EQ(copy->evaluate(input).error().code, Code::kPackLimit);
}

TEST_F(JailTest, RecyclesTheProcess) {
  JailOptions options;
  options.recycle_after = 3;
  const auto recycling = Jail::start(options);
  ASSERT_TRUE(recycling);
  const auto go = (*recycling)->evaluator(program(std::string(kGotoRule)));
  ASSERT_TRUE(go);
  const int first = (*go)->process_id();
  const auto outcome = (*go)->evaluate(at_node("a"));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE((*go)->evaluate(at_node("a"))->same_decision(*outcome));
  EXPECT_NE((*go)->process_id(), first);
}

TEST_F(JailTest, CheckProgramLoadsAndRunsEmpty) {
  EXPECT_TRUE(check_program(*jail_, program(std::string(kGotoRule))));
  EXPECT_EQ(check_program(*jail_, program("(defrule r (node-id (nope 1)) => )")).error().code, Code::kRulesSyntax);
  const auto failing = check_program(
      *jail_, program("(deftemplate n (slot v)) (deffacts f (n (v a))) (defrule r (n (v ?x)) => (bind ?y (+ ?x 1)))"));
  EXPECT_EQ(failing.error().code, Code::kRulesRuntime) << failing.error().message;
  EXPECT_EQ(check_program(*jail_, program("(defrule r => (system \"id\"))")).error().code, Code::kRulesFunction);
}

TEST_F(JailTest, RC_S_PACK_NoRuleMakesAHostFactOutOfAnother) {
  for (const char* action : {"(modify ?n (id b))", "(duplicate ?n (id b))", "(duplicate ?n (_source \"engine\"))"}) {
    const auto forger = evaluator(program("(defrule r ?n <- (node-id (id a)) => " + std::string(action) + ")"));
    const auto outcome = forger->evaluate(at_node("a"));
    ASSERT_FALSE(outcome) << action;
    EXPECT_EQ(outcome.error().code, Code::kRulesRuntime) << outcome.error().message;
    EXPECT_TRUE(forger->evaluate(at_node("z"))) << "only the evaluation that forged has failed";
  }
}

TEST_F(JailTest, SG_E_PACK_AnEvaluatorHoldsItsSocketAndNothingElse) {
  const auto go = evaluator(program(std::string(kGotoRule)));
  EXPECT_EQ(open_descriptors(go->process_id()), 1U);
  EXPECT_EQ(open_descriptors(jail_->zygote_pid()), 1U);
}

TEST_F(JailTest, SG_D_PACK_NothingIsLeftBehind) {
  const std::size_t descriptors = open_descriptors(getpid());
  for (int round = 0; round < 20; ++round) {
    const auto go = evaluator(program(std::string(kGotoRule)));
    EXPECT_TRUE(go->evaluate(at_node("a")));
    EXPECT_FALSE(jail_->evaluator(program("(defrule r (node-id (nope 1)) => )")));
    EXPECT_EQ(children_of(jail_->zygote_pid()), std::set<int>{go->process_id()});
  }
  EXPECT_TRUE(children_of(jail_->zygote_pid()).empty());
  EXPECT_EQ(open_descriptors(getpid()), descriptors);
  const int zygote = jail_->zygote_pid();
  jail_.reset();
  EXPECT_FALSE(children_of(getpid()).contains(zygote));
}

TEST_F(JailTest, ALostZygoteIsSeenAndEndsItsEvaluators) {
  const auto go = evaluator(program(std::string(kGotoRule)));
  pollfd watch{jail_->watch_fd(), POLLIN, 0};
  EXPECT_EQ(poll(&watch, 1, 0), 0);
  ASSERT_EQ(kill(jail_->zygote_pid(), SIGKILL), 0);
  EXPECT_EQ(poll(&watch, 1, 10'000), 1);
  EXPECT_EQ(go->evaluate(at_node("a")).error().code, Code::kJailLost);
  EXPECT_EQ(go->evaluate(at_node("a")).error().code, Code::kJailLost);
  EXPECT_EQ(jail_->evaluator(program(std::string(kGotoRule))).error().code, Code::kJailLost);
}

TEST_F(JailTest, AnEvaluatorMayOutliveItsJail) {
  const auto go = evaluator(program(std::string(kGotoRule)));
  jail_.reset();
  EXPECT_EQ(go->evaluate(at_node("a")).error().code, Code::kJailLost);
}

TEST_F(JailTest, AKilledEvaluatorIsReplaced) {
  const auto go = evaluator(program(std::string(kGotoRule)));
  ASSERT_EQ(kill(go->process_id(), SIGKILL), 0);
  EXPECT_EQ(go->evaluate(at_node("a")).error().code, Code::kPackLimit);
  EXPECT_TRUE(go->evaluate(at_node("a")));
}

TEST_F(JailTest, StopSignalsToTheGroupLeaveTheJailToTheDaemon) {
  const auto go = evaluator(program(std::string(kGotoRule)));
  ASSERT_EQ(kill(jail_->zygote_pid(), SIGTERM), 0);
  ASSERT_EQ(kill(go->process_id(), SIGTERM), 0);
  EXPECT_TRUE(go->evaluate(at_node("a")));
  EXPECT_TRUE(jail_->evaluator(program(std::string(kGotoRule))));
}

// --- the packs of the system we re-implement ---

class UpstreamPacks : public JailTest {
 protected:
  static Stage pack(const std::filesystem::path& root, const std::string& name) {
    return stage(name, support::read_upstream(root / "stargraph" / name / "rules.clp"));
  }
};

TEST_F(UpstreamPacks, SocPolicyDecidesItsFirstRule) {
  SG_UPSTREAM_OR_SKIP(upstream);
  Program soc;
  soc.stages.push_back(pack(upstream, "packs/soc-policy"));
  soc.stages[0].provides = {"soc.policy.action", "bosun.provenance"};
  const auto policy = evaluator(soc);
  EvaluationInput input;
  input.facts.push_back({"soc.policy.input",
                         {{"run_id", std::string("run-1")},
                          {"step", std::int64_t{4}},
                          {"asset_tier", Symbol{"prod"}},
                          {"disposition", Symbol{"auto_remediate"}}}});
  const auto outcome = policy->evaluate(input);
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_EQ(outcome->provided.size(), 2U);
  EXPECT_EQ(outcome->provided[0].fact.text("kind"), "interrupt");
  EXPECT_EQ(outcome->provided[0].fact.text("run_id"), "run-1");
  EXPECT_EQ(outcome->provided[1].fact.text("rule_id"), "soc-policy-prod-autoremediate-interrupt");
  EXPECT_EQ(outcome->provided[1].fact.text("decision"), "interrupt");
  EXPECT_EQ(outcome->provided[1].fact.find("step")->index(), 2U);  // an integer
}

TEST_F(UpstreamPacks, SocBudgetsHaltsAtTheAllowance) {
  SG_UPSTREAM_OR_SKIP(upstream);
  Program soc;
  soc.stages.push_back(pack(upstream, "packs/soc-budgets"));
  const auto budgets = evaluator(soc);
  const auto violations = [&](std::int64_t consumed) {
    EvaluationInput input;
    input.facts.push_back({"bosun.budget",
                           {{"kind", std::string("tokens")},
                            {"allowed", std::int64_t{8000}},
                            {"consumed", consumed},
                            {"run_id", std::string("r")}}});
    return budgets->evaluate(input)->violations;
  };
  EXPECT_TRUE(violations(7999).empty());
  const auto at = violations(8000);
  ASSERT_EQ(at.size(), 1U);
  EXPECT_EQ(at[0].fact.text("severity"), "halt");
  EXPECT_EQ(at[0].rule, "budget-exhausted-token");
}

TEST_F(UpstreamPacks, TheReferencePacksLoad) {
  SG_UPSTREAM_OR_SKIP(upstream);
  EXPECT_TRUE(check_program(*jail_, Program{{pack(upstream, "packs-stale/budgets")}, "t"}));
  // The audit pack listens to facts that upstream never declares either: the host would have to.
  Stage audit = pack(upstream, "packs-stale/audit");
  EXPECT_EQ(check_program(*jail_, Program{{audit}, "t"}).error().code, Code::kRulesSyntax);
  for (const auto& [name, slot] : std::vector<std::pair<std::string, std::string>>{{"transition", "kind"},
                                                                                   {"tool_call", "name"},
                                                                                   {"node_run", "node_id"},
                                                                                   {"respond", "caller"},
                                                                                   {"cancel", "reason"},
                                                                                   {"pause", "reason"},
                                                                                   {"artifact_write", "artifact_id"}})
    audit.host_templates.push_back({"stargraph." + name, {{slot, false}}});
  const auto checked = check_program(*jail_, Program{{audit}, "t"});
  EXPECT_TRUE(checked) << checked.error().message;
  // These two declare templates that are the host's here.
  for (const char* name : {"packs-stale/retries", "packs-stale/safety_pii"})
    EXPECT_EQ(check_program(*jail_, Program{{pack(upstream, name)}, "t"}).error().code, Code::kRulesTemplate) << name;
}

}  // namespace
}  // namespace stargraph::rules
