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

}  // namespace
}  // namespace stargraph::engine
