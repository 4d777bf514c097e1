// What the facts that rules left behind add up to.
#include "engine/decision.hpp"

#include <gtest/gtest.h>

#include "engine/row.hpp"
#include "stargraph/graph/template.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using rules::Multifield;
using rules::Symbol;

rules::Program two_stages() {
  rules::Program program;
  program.stages.resize(2);
  program.stages[0].name = "pack";
  program.stages[0].digest = "d1";
  program.stages[1].name = "graph";
  program.stages[1].digest = "d2";
  return program;
}

rules::Derived action(std::string kind, std::vector<std::pair<std::string, rules::SlotValue>> slots = {},
                      std::uint32_t stage = 0, std::string rule = "r") {
  rules::Derived out{stage, std::move(rule), {"stargraph_action", {{"kind", Symbol{std::move(kind)}}}}};
  for (auto& slot : slots) out.fact.slots.push_back(std::move(slot));
  return out;
}

rules::Outcome left(std::vector<rules::Derived> actions) {
  rules::Outcome outcome;
  outcome.actions = std::move(actions);
  return outcome;
}

base::Result<Decision> folded(std::vector<rules::Derived> actions, const std::vector<Question>& answered = {},
                              const json::Object& state = {}) {
  return fold(two_stages(), left(std::move(actions)), answered, state);
}

Code why(rules::Derived one) {
  const auto decision = folded({std::move(one)});
  return decision ? Code::kUsage : decision.error().code;
}

TEST(Decision, NothingMeansTheNextNode) { EXPECT_EQ(folded({})->decision, DecisionClass::kContinue); }

TEST(Decision, TheStrongestClassWins) {
  const auto retry = action("retry", {{"target", Symbol{"a"}}});
  const auto parallel = action("parallel", {{"targets", Multifield{Symbol{"a"}, Symbol{"b"}}}});
  const auto go = action("goto", {{"target", Symbol{"a"}}});
  const auto halt = action("halt");
  const auto ask = action("interrupt", {{"prompt", std::string("Sure?")}});
  EXPECT_EQ(folded({retry})->decision, DecisionClass::kRetry);
  EXPECT_EQ(folded({retry, parallel})->decision, DecisionClass::kParallel);
  EXPECT_EQ(folded({retry, parallel, go})->decision, DecisionClass::kGoto);
  EXPECT_EQ(folded({retry, parallel, go, halt})->decision, DecisionClass::kHalt);
  EXPECT_EQ(folded({retry, parallel, go, halt, ask})->decision, DecisionClass::kInterrupt);
  rules::Outcome outcome = left({retry, parallel, go, halt, ask});
  outcome.violations.push_back(
      {1, "v", {"bosun.violation", {{"severity", std::string("halt")}, {"reason", std::string("no")}}}});
  const auto decision = fold(two_stages(), outcome, {}, {});
  EXPECT_EQ(decision->decision, DecisionClass::kViolation);
  EXPECT_EQ(decision->reason, "no");
  EXPECT_EQ(decision->stage, "graph");
}

TEST(Decision, WithinAClassTheFirstWins) {
  const auto decision = folded(
      {action("goto", {{"target", Symbol{"a"}}}, 0, "first"), action("goto", {{"target", Symbol{"b"}}}, 1, "second")});
  EXPECT_EQ(decision->target, "a");
  EXPECT_EQ(decision->rule, "first");
  EXPECT_EQ(decision->stage_digest, "d1");
}

TEST(Decision, AViolationThatOnlyWarnsDecidesNothing) {
  rules::Outcome outcome;
  outcome.violations.push_back({0, "v", {"bosun.violation", {{"severity", std::string("warn")}}}});
  EXPECT_EQ(fold(two_stages(), outcome, {}, {})->decision, DecisionClass::kContinue);
}

TEST(Decision, AnAnsweredQuestionDoesNotCountAgain) {
  const auto ask = action("interrupt", {{"prompt", std::string("Do {what}?")}, {"payload", std::string(R"({"a":1})")}});
  const auto go = action("goto", {{"target", Symbol{"b"}}});
  const json::Object state{{"what", "it"}};
  const auto first = folded({ask, go}, {}, state);
  ASSERT_EQ(first->decision, DecisionClass::kInterrupt);
  EXPECT_EQ(first->question->prompt, "Do it?");
  EXPECT_EQ(first->question->payload, (json::Object{{"a", 1}}));
  EXPECT_EQ(folded({ask, go}, {*first->question}, state)->decision, DecisionClass::kGoto);
  Question other = *first->question;
  other.payload = {{"a", 2}};
  EXPECT_EQ(folded({ask, go}, {other}, state)->decision, DecisionClass::kInterrupt);
}

TEST(Decision, SG_T_STATE_ActionsThatMakeNoSenseAreRefused) {
  EXPECT_EQ(why(action("dance")), Code::kRulesTemplate);
  EXPECT_EQ(why(action("goto")), Code::kRulesTemplate);
  EXPECT_EQ(why(action("parallel")), Code::kRulesTemplate);
  EXPECT_EQ(why(action("parallel", {{"targets", Multifield{Symbol{"a"}}}, {"strategy", Symbol{"race"}}})),
            Code::kRulesTemplate);
  EXPECT_EQ(why(action("interrupt")), Code::kRulesTemplate);
  EXPECT_EQ(why(action("interrupt", {{"prompt", std::string("x")}, {"payload", std::string("[1]")}})),
            Code::kRulesTemplate);
  EXPECT_EQ(why(action("interrupt", {{"prompt", std::string("x")}, {"payload", std::string("{")}})),
            Code::kRulesTemplate);
  EXPECT_EQ(why(action("interrupt", {{"prompt", std::string("x")}, {"timeout", std::string("soon")}})),
            Code::kRulesTemplate);
  EXPECT_EQ(why(action("interrupt", {{"prompt", std::string("x")}, {"on_timeout", std::string("explode")}})),
            Code::kRulesTemplate);
}

// A person is asked even when a place of the prompt has no field.
TEST(Decision, APlaceWithoutAFieldStaysReadable) {
  EXPECT_EQ(folded({action("interrupt", {{"prompt", std::string("Do {missing}?")}})})->question->prompt,
            "Do {missing}?");
}

TEST(Decision, SG_T_STATE_TextThatCannotBeRecordedIsRefused) {
  EXPECT_EQ(why(action("halt", {{"reason", std::string("\xc3")}})), Code::kRulesTemplate);
  EXPECT_EQ(why(action("goto", {{"target", std::string("\xff")}})), Code::kRulesTemplate);
  EXPECT_EQ(why(action("interrupt", {{"prompt", std::string("\xff")}})), Code::kRulesTemplate);
}

// A rule may name itself (rule_id), and its name goes into an audit record: one that does not fit would hold the run
// for ever.
TEST(Decision, SG_D_STATE_ARulesNameHasALimit) {
  EXPECT_TRUE(folded({action("halt", {}, 0, std::string(256, 'r'))}).has_value());
  EXPECT_EQ(why(action("halt", {}, 0, std::string(257, 'r'))), Code::kRulesTemplate);
}

// What is asked is read back for as long as the question is open: nothing may be put that cannot be.
TEST(Decision, SG_D_STATE_AQuestionHasLimits) {
  const auto ask = [](const std::string& slot, const rules::SlotValue& value) {
    rules::Derived out = action("interrupt", {{slot, value}});
    if (slot != "prompt") out.fact.slots.emplace_back("prompt", std::string("Sure?"));
    return out;
  };
  const std::string longest(graph::kMaxRenderedBytes - 1, 'x');  // with a brace of its own: no place is filled
  for (const rules::Derived& good :
       {ask("prompt", longest + "{"), ask("requested_capability", std::string(256, 'c')),
        ask("on_timeout", "goto:" + std::string(128, 'n')), ask("guards", Multifield{std::string(128, 'n')}),
        ask("timeout", std::string("P366D"))}) {
    const auto decision = folded({good});
    ASSERT_TRUE(decision.has_value()) << decision.error().message;
    const auto again = question_from_json(to_json(*decision->question));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(to_json(*again), to_json(*decision->question));
  }
  EXPECT_EQ(why(ask("prompt", longest + "x{")), Code::kRulesTemplate);
  EXPECT_EQ(why(ask("requested_capability", std::string(257, 'c'))), Code::kRulesTemplate);
  EXPECT_EQ(why(ask("on_timeout", "goto:" + std::string(129, 'n'))), Code::kRulesTemplate);
  EXPECT_EQ(why(ask("guards", Multifield{std::string(129, 'n')})), Code::kRulesTemplate);
  EXPECT_EQ(why(ask("timeout", std::string("P366DT0.000001S"))), Code::kRulesTemplate);
  graph::Interrupt node;
  node.prompt = longest + "x{";
  const auto asked = make_question(node, {});
  ASSERT_FALSE(asked.has_value());
  EXPECT_EQ(asked.error().code, Code::kRulesTemplate);
}

TEST(Decision, SG_D_STATE_APauseBeforeARetryHasALimit) {
  constexpr std::int64_t kDay = 24LL * 60 * 60 * 1000;
  const auto retry = [](std::int64_t pause) {
    return action("retry", {{"target", Symbol{"a"}}, {"backoff_ms", pause}});
  };
  EXPECT_EQ(folded({retry(kDay)})->backoff_ms, kDay);
  EXPECT_EQ(why(retry(kDay + 1)), Code::kRulesTemplate);
  EXPECT_EQ(why(retry(-1)), Code::kRulesTemplate);
  EXPECT_EQ(why(retry(std::numeric_limits<std::int64_t>::max())), Code::kRulesTemplate);
}

TEST(Cursor, ReadsBackAsItWasWritten) {
  Question question;
  question.prompt = "Sure?";
  question.payload = {{"a", 1}};
  question.requested_capability = "runs:respond";
  question.timeout = std::chrono::minutes(1);
  question.on_timeout = "goto:b";
  question.guards = {"act"};
  question.stage = "pack";
  question.rule = "r";
  EXPECT_EQ(json::canonical(to_json(*question_from_json(to_json(question)))), json::canonical(to_json(question)));
  Cursor cursor;
  cursor.phase = Phase::kDecide;
  cursor.input_digest = "d";
  cursor.worker = "w";
  cursor.patch = {{"x", 1}};
  cursor.error = NodeError{"timed-out", 2};
  cursor.answers.push_back({base::InterruptId("i"), question, {{"answer", "yes"}}, base::ActorName("alice")});
  cursor.approvals.push_back({base::NodeId("act"), "d2"});
  cursor.approvals.push_back({base::NodeId("act"), "d3", "runs:respond"});
  cursor.branches = Branches{{"a", "b"}, "j", 1, {{"x", 0}}, {{"x", 1}}};
  cursor.retries["a"] = 3;
  cursor.decisions = 7;
  const auto again = cursor_from_json(to_json(cursor));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(json::canonical(to_json(*again)), json::canonical(to_json(cursor)));
  EXPECT_EQ(again->branches->merged, (json::Object{{"x", 1}}));
  EXPECT_EQ(again->answers.at(0).question.timeout, question.timeout);
}

}  // namespace
}  // namespace stargraph::engine
