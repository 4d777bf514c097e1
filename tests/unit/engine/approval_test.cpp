// What an approval is worth: for which question, for which input, until when.
#include "fixture.hpp"
#include "graphs.hpp"
#include "packs.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using Nodes = std::vector<std::string>;

// A graph whose own question has the words of a pack's, and asks for nothing.
const std::string kPay = R"(
ir_version: "1.0.0"
id: pay
nodes: [{id: gate, kind: interrupt, config: {prompt: "Approve?"}}, {id: pay, kind: "test:Pay"}, {id: end, kind: halt}]
governance: [{id: weak}, {id: ask}]
)";

std::string asking(const std::string& more) {
  return R"((defrule ask (node-id (id gate)) => (assert (stargraph_action (kind interrupt) (prompt "Approve?") )" +
         more + ")))";
}

class Approvals : public EngineTest {
 protected:
  base::Result<RunView> answer(const base::RunId& run, const std::string& text) {
    return engine_->respond(caller_, run, {view(run).interrupt->id, {{"answer", text}}, false}, allow_);
  }
};

TEST_F(Approvals, SG_E_STATE_AQuestionThatAsksForLessDoesNotAnswerOneThatAsksForMore) {
  for (const std::string more : {"(requested_capability \"runs:respond\")", "(guards pay)",
                                 "(requested_capability \"runs:respond\") (guards pay)"}) {
    packs_ = {make_pack({"weak", asking("")}), make_pack({"ask", asking(more)})};
    make_engine({kPay});
    const base::RunId run = start("pay", {});
    run_all();
    const InterruptView own = *view(run).interrupt;
    EXPECT_FALSE(own.requested_capability || own.guards) << more;
    ASSERT_TRUE(answer(run, "yes").has_value());
    run_all();
    ASSERT_EQ(view(run).state, RunState::kWaiting) << more;
    const InterruptView asked = *view(run).interrupt;
    EXPECT_NE(asked.id, own.id);
    EXPECT_EQ(asked.rule, "ask/ask");
    EXPECT_EQ(asked.requested_capability.has_value(), more.find("capability") != std::string::npos);
    EXPECT_EQ(asked.guards.has_value(), more.find("guards") != std::string::npos);
    ASSERT_TRUE(answer(run, "yes").has_value());
    run_all();
    EXPECT_EQ(view(run).state, RunState::kWorking) << more;
    ASSERT_TRUE(engine_->cancel(caller_, run).has_value());
  }
}

TEST_F(Approvals, WhatIsRefusedChangedAndApprovedHappens) {
  make_engine({R"(
ir_version: "1.0.0"
id: edit
nodes:
  - {id: gate, kind: interrupt, config: {prompt: "Send {text}?", guards: send}}
  - {id: edit, kind: template, config: {template: "better", out: text}}
  - {id: send, kind: "test:Send"}
  - {id: end, kind: halt}
state_schema: {text: str}
rules:
  - {id: r-yes, when: '(node-id (id gate)) (stargraph.response (key "answer") (value "yes"))', then: [{kind: goto, target: send}]}
  - {id: r-again, when: {node: edit}, then: [{kind: goto, target: gate}]}
)"});
  const base::RunId run = start("edit", {{"text", "first"}});
  run_all();
  ASSERT_TRUE(answer(run, "no, edit").has_value());
  run_all();
  EXPECT_EQ(view(run).interrupt->prompt, "Send better?");
  ASSERT_TRUE(answer(run, "yes").has_value());
  run_all();
  ASSERT_EQ(view(run).state, RunState::kWorking) << view(run).error_class.value_or("");
  EXPECT_EQ(lease({"test:Send"})->state, (json::Object{{"text", "better"}}));
  EXPECT_EQ(visited(run), (Nodes{"gate", "edit", "gate"}));
}

// Between them the state changed: whoever has no capability does not get past what somebody with it approved.
TEST_F(Approvals, SG_E_STATE_AnApprovalThatAskedForLessReplacesNone) {
  for (const std::string again : {"", ", requested_capability: \"runs:respond\""}) {
    make_engine({R"(
ir_version: "1.0.0"
id: twice
nodes:
  - {id: first, kind: interrupt, config: {prompt: "Send {text}?", guards: send, requested_capability: "runs:respond"}}
  - {id: edit, kind: template, config: {template: "worse", out: text}}
  - {id: second, kind: interrupt, config: {prompt: "Really?", guards: send)" +
                 again + R"(}}
  - {id: send, kind: "test:Send"}
state_schema: {text: str}
)"});
    const base::RunId run = start("twice", {{"text", "good"}});
    run_all();
    ASSERT_TRUE(answer(run, "yes").has_value());
    run_all();
    ASSERT_TRUE(answer(run, "yes").has_value());
    run_all();
    EXPECT_EQ(view(run).error_class, again.empty() ? std::optional<std::string>("approval-stale") : std::nullopt);
  }
}

// The timer looks four times a second at the most; what counts is the time, not whether it has looked.
TEST_F(Approvals, SG_E_STATE_AnAnswerAfterItsTimeIsNone) {
  make_engine({kGate});
  const base::RunId late = start("gate", {{"what", "it"}});
  const base::RunId in_time = start("gate", {{"what", "it"}});
  run_all();
  env_.advance(std::chrono::minutes(10) - std::chrono::microseconds(1));
  EXPECT_TRUE(answer(in_time, "approve").has_value());
  env_.advance(std::chrono::microseconds(1));
  EXPECT_EQ(why(answer(late, "approve")), Code::kRunState);
  EXPECT_EQ(view(late).state, RunState::kWaiting);
  advance(std::chrono::microseconds(0));
  EXPECT_EQ(view(in_time).reason, "approved");
  EXPECT_EQ(view(late).reason, "late");
}

TEST_F(Approvals, SG_E_STATE_APauseMakesNoQuestionLonger) {
  make_engine({kGate});
  const base::RunId run = start("gate", {{"what", "it"}});
  run_all();
  ASSERT_TRUE(engine_->pause(caller_, run).has_value());
  env_.advance(std::chrono::hours(1));
  ASSERT_TRUE(engine_->resume(caller_, run).has_value());
  EXPECT_EQ(why(answer(run, "approve")), Code::kRunState);
}

}  // namespace
}  // namespace stargraph::engine
