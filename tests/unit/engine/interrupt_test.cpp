// Questions to people and what their answers do.
#include "fixture.hpp"
#include "graphs.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using Nodes = std::vector<std::string>;

class Interrupts : public EngineTest {
 protected:
  base::RunId ask() {
    make_engine({kGate});
    const base::RunId run = start("gate", {{"what", "it"}});
    run_all();
    EXPECT_EQ(view(run).state, RunState::kWaiting);
    return run;
  }
  base::Result<RunView> answer(const base::RunId& run, std::optional<base::InterruptId> id,
                               const std::string& text = "approve", bool lenient = false) {
    return engine_->respond(caller_, run, {std::move(id), {{"answer", text}}, lenient}, allow_);
  }
};

TEST_F(Interrupts, TheQuestionSaysWhatItIsAbout) {
  const base::RunId run = ask();
  const InterruptView question = *view(run).interrupt;
  EXPECT_EQ(question.prompt, "Do it?");
  EXPECT_EQ(question.payload, (json::Object{{"risk", 2}}));
  EXPECT_EQ(question.requested_capability, "runs:respond");
  EXPECT_EQ(question.guards, base::NodeId("act"));
  EXPECT_EQ(question.id.str().size(), 96U);
  EXPECT_EQ(*question.expires_at - question.asked_at, base::Duration(std::chrono::minutes(10)));
  EXPECT_EQ(event_types(run).back(), "waiting_for_input");
  EXPECT_EQ(count_audited("run.waiting"), 1);
}

TEST_F(Interrupts, ApproveAndRejectEndDifferently) {
  const base::RunId approved = ask();
  const base::RunId refused = start("gate", {{"what", "it"}});
  run_all();
  EXPECT_TRUE(answer(approved, view(approved).interrupt->id, "approve").has_value());
  EXPECT_TRUE(answer(refused, view(refused).interrupt->id, "reject").has_value());
  run_all();
  EXPECT_EQ(visited(approved), (Nodes{"gate", "act", "done"}));
  EXPECT_EQ(view(approved).reason, "approved");
  EXPECT_EQ(visited(refused), (Nodes{"gate", "refused"}));
  EXPECT_EQ(view(refused).reason, "refused");
  EXPECT_NE(steps(approved).front().decision_hash, steps(refused).front().decision_hash);
}

TEST_F(Interrupts, SG_R_STATE_TheStepTellsWhoAnsweredWhat) {
  const base::RunId run = ask();
  ASSERT_TRUE(answer(run, view(run).interrupt->id).has_value());
  run_all();
  const json::Object record = *steps(run).front().record.object();
  const std::string text = json::canonical(*record.find("interrupts"));
  EXPECT_NE(text.find(R"("actor":"alice")"), std::string::npos);
  EXPECT_NE(text.find(R"("prompt":"Do it?")"), std::string::npos);
  EXPECT_EQ(*record.find("responses"), json::Value(json::Array{json::Object{{"answer", "approve"}}}));
}

TEST_F(Interrupts, SG_I_STATE_TheAnswerStandsInNoAuditRecord) {
  const base::RunId run = ask();
  ASSERT_TRUE(answer(run, view(run).interrupt->id, "the secret answer").has_value());
  run_all();
  const auto read = database_->read([&](store::Connection& db) -> base::Result<> {
    SG_TRY(const auto rows, audit::outbox_rows(db, audit::SourceSeq(0), 1000));
    for (const auto& row : rows) EXPECT_EQ(row.record.find("secret"), std::string::npos) << row.record;
    return {};
  });
  EXPECT_TRUE(read.has_value());
  EXPECT_EQ(count_audited("run.responded"), 1);
}

TEST_F(Interrupts, SG_S_STATE_OnlyTheOpenQuestionIsAnswered) {
  const base::RunId run = ask();
  const base::InterruptId right = view(run).interrupt->id;
  EXPECT_EQ(why(answer(run, std::nullopt)), Code::kInterruptIdRequired);
  EXPECT_EQ(why(answer(run, base::InterruptId("nonsense"))), Code::kInterruptUnknown);
  const base::RunId other = start("gate", {{"what", "it"}});
  run_all();
  EXPECT_NE(view(other).interrupt->id, right);  // the same question of another run is another question
  EXPECT_EQ(why(answer(run, view(other).interrupt->id)), Code::kInterruptUnknown);
  EXPECT_TRUE(answer(run, right).has_value());
  EXPECT_EQ(why(answer(run, right)), Code::kRunState);
  run_all();
  EXPECT_EQ(why(answer(run, right)), Code::kRunState);
  EXPECT_EQ(count_audited("run.responded"), 1);
}

TEST_F(Interrupts, UpstreamsClientsMayLeaveTheIdOutWhereThatIsAllowed) {
  const base::RunId run = ask();
  EXPECT_TRUE(answer(run, std::nullopt, "approve", true).has_value());
  run_all();
  EXPECT_EQ(view(run).reason, "approved");
}

TEST_F(Interrupts, SG_E_STATE_TheCapabilityAskedForIsNeeded) {
  const base::RunId run = ask();
  std::string asked;
  allow_ = [&](const std::string& capability) -> base::Result<> {
    asked = capability;
    return base::fail(Code::kCapabilityDenied, "not yours");
  };
  EXPECT_EQ(why(answer(run, view(run).interrupt->id)), Code::kCapabilityDenied);
  EXPECT_EQ(asked, "runs:respond");
  EXPECT_EQ(view(run).state, RunState::kWaiting);
}

TEST_F(Interrupts, SG_T_STATE_WhatWasApprovedIsWhatHappensOrNothing) {
  // Between the question and the guarded node another node changes what that one would be given.
  make_engine({R"(
ir_version: "1.0.0"
id: stale
nodes:
  - {id: gate, kind: interrupt, config: {prompt: "Send to {to}?", guards: send}}
  - {id: change, kind: template, config: {template: "elsewhere", out: to}}
  - {id: send, kind: "test:Send"}
state_schema: {to: str}
)"});
  const base::RunId run = start("stale", {{"to", "here"}});
  run_all();
  ASSERT_TRUE(answer(run, view(run).interrupt->id).has_value());
  run_all();
  EXPECT_EQ(view(run).state, RunState::kFailed);
  EXPECT_EQ(view(run).error_class, "approval-stale");
  EXPECT_FALSE(lease({"test:Send"}).has_value());
  EXPECT_EQ(visited(run), (Nodes{"gate", "change", "send"}));  // the refusal is recorded
}

TEST_F(Interrupts, NobodyAnswersAndTheQuestionSaysWhereToGo) {
  const base::RunId run = ask();
  const base::InterruptId late = view(run).interrupt->id;
  advance(std::chrono::minutes(10) - std::chrono::microseconds(1));
  EXPECT_EQ(view(run).state, RunState::kWaiting);
  advance(std::chrono::microseconds(1));
  EXPECT_EQ(view(run).reason, "late");
  EXPECT_EQ(visited(run), (Nodes{"gate", "late"}));
  EXPECT_EQ(*steps(run).front().record.object()->find("decision")->object()->find("class"), json::Value("timeout"));
  EXPECT_TRUE(verify_steps(view(run).basis_hash, steps(run)).has_value());
  EXPECT_EQ(why(answer(run, late)), Code::kRunState);
  const Nodes types = event_types(run);
  EXPECT_EQ(std::ranges::count(types, "interrupt_timeout"), 1);
}

TEST_F(Interrupts, NobodyAnswersAndTheRunFails) {
  make_engine({R"(
ir_version: "1.0.0"
id: ask
nodes: [{id: gate, kind: interrupt, config: {prompt: "Now?", timeout: PT1S}}, {id: next, kind: halt}]
)"});
  const base::RunId run = start("ask", {});
  run_all();
  advance(std::chrono::seconds(1));
  EXPECT_EQ(view(run).state, RunState::kFailed);
  EXPECT_EQ(view(run).error_class, "timed-out");
  EXPECT_EQ(visited(run), (Nodes{"gate"}));
}

TEST_F(Interrupts, APausedRunsQuestionDoesNotRunOut) {
  const base::RunId run = ask();
  ASSERT_TRUE(engine_->pause(caller_, run).has_value());
  advance(std::chrono::hours(1));
  EXPECT_EQ(view(run).state, RunState::kPaused);
  EXPECT_EQ(why(answer(run, view(run).interrupt->id)), Code::kRunState);
  ASSERT_TRUE(engine_->resume(caller_, run).has_value());
  EXPECT_EQ(view(run).state, RunState::kWaiting);
  advance(std::chrono::microseconds(0));
  EXPECT_EQ(view(run).reason, "late");
}

TEST_F(Interrupts, ARuleAndANodeThatAskTheSameAskOnce) {
  make_engine({R"(
ir_version: "1.0.0"
id: twice
nodes: [{id: gate, kind: interrupt, config: {prompt: "Sure?", interrupt_payload: {a: 1}}}, {id: end, kind: halt}]
rules:
  - id: r-ask
    when: {node: gate}
    then:
      - {kind: interrupt, prompt: "Sure?", interrupt_payload: {a: 1}}
      - {kind: goto, target: end}
)"});
  const base::RunId run = start("twice", {});
  run_all();
  ASSERT_TRUE(answer(run, view(run).interrupt->id).has_value());
  run_all();
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_EQ(visited(run), (Nodes{"gate", "end"}));
}

TEST_F(Interrupts, ASecondQuestionOfOneStepIsAskedAfterTheFirst) {
  make_engine({R"(
ir_version: "1.0.0"
id: two
nodes: [{id: a, kind: echo}, {id: end, kind: halt}]
rules:
  - {id: r-one, when: {node: a}, then: [{kind: interrupt, prompt: "First?"}]}
  - {id: r-two, when: {node: a}, then: [{kind: interrupt, prompt: "Second?"}]}
)"});
  const base::RunId run = start("two", {});
  run_all();
  const InterruptView first = *view(run).interrupt;
  ASSERT_TRUE(answer(run, first.id).has_value());
  run_all();
  ASSERT_TRUE(view(run).interrupt.has_value());
  EXPECT_EQ(first.prompt, "First?");
  EXPECT_EQ(view(run).interrupt->prompt, "Second?");
  EXPECT_EQ(why(answer(run, first.id)), Code::kInterruptUnknown);
  ASSERT_TRUE(answer(run, view(run).interrupt->id).has_value());
  run_all();
  EXPECT_EQ(visited(run), (Nodes{"a", "end"}));
}

}  // namespace
}  // namespace stargraph::engine
