// The work queue: leases, completions, failures and what time does to them.
#include "fixture.hpp"
#include "graphs.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using Nodes = std::vector<std::string>;
using namespace std::chrono_literals;

const std::vector<std::string> kKinds{"test:Act"};

// A failure of `act` goes to `mend`.
const std::string kMend = R"(
ir_version: "1.0.0"
id: mend
nodes: [{id: act, kind: "test:Act"}, {id: end, kind: halt}, {id: mend, kind: halt}]
state_schema: {result: {type: int, default: 0}}
rules:
  - {id: r-mend, when: '(node-id (id act)) (stargraph.error (node "act") (code ?c))', then: [{kind: goto, target: mend}]}
  - {id: r-mended, when: {node: mend}, then: [{kind: halt, reason: mended}]}
  - {id: r-end, when: {node: end}, then: [{kind: halt, reason: done}]}
)";

class Work : public EngineTest {
 protected:
  base::RunId start_work(const std::string& graph = kWork) {
    make_engine({graph});
    const base::RunId run = start(graph == kWork ? "work" : "mend", {});
    run_all();
    EXPECT_EQ(view(run).state, RunState::kWorking);
    return run;
  }
  base::Result<> complete(const WorkItem& item, json::Object output) {
    return engine_->complete(worker_, {worker_.tenant}, item.id, item.lease, output);
  }
  base::Result<> fail_item(const WorkItem& item, bool retryable) {
    return engine_->fail_task(worker_, {worker_.tenant}, item.id, item.lease, "no luck", retryable);
  }
};

TEST_F(Work, ATaskIsLeasedOnceAndItsOutputMerged) {
  const base::RunId run = start_work();
  const auto item = lease(kKinds);
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->run, run);
  EXPECT_EQ(item->node, base::NodeId("act"));
  EXPECT_EQ(item->state, (json::Object{{"result", 0}}));
  EXPECT_EQ(item->attempt, 1);
  EXPECT_EQ(item->lease_until, env_.now() + 60s);
  EXPECT_EQ(item->deadline, env_.now() + 300s);
  EXPECT_FALSE(lease(kKinds).has_value());
  EXPECT_TRUE(complete(*item, {{"result", 7}}).has_value());
  run_all();
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_EQ(view(run).data, (json::Object{{"result", 7}}));
  EXPECT_EQ(*steps(run).front().record.object()->find("worker"), json::Value("worker"));
  EXPECT_EQ(count_audited("work.leased"), 1);
  EXPECT_EQ(count_audited("work.completed"), 1);
}

TEST_F(Work, OnlyAskedKindsAreLeased) {
  start_work();
  EXPECT_FALSE(lease({"test:Other"}).has_value());
  EXPECT_EQ(why(engine_->lease(worker_, {worker_.tenant}, {})), Code::kRequestInvalid);
  EXPECT_EQ(why(engine_->lease(worker_, {}, kKinds)), Code::kRequestInvalid);
}

TEST_F(Work, SG_I_STATE_AWorkerOfAnotherTenantGetsNothing) {
  start_work();
  const std::vector<base::TenantId> foreign{base::TenantId("other")};
  EXPECT_FALSE(engine_->lease(worker_, foreign, kKinds)->has_value());
  const auto item = lease(kKinds);
  EXPECT_EQ(why(engine_->heartbeat(worker_, foreign, item->id, item->lease)), Code::kTaskUnknown);
  EXPECT_EQ(why(engine_->complete(worker_, foreign, item->id, item->lease, {})), Code::kTaskUnknown);
  EXPECT_EQ(why(engine_->fail_task(worker_, foreign, item->id, item->lease, "x", true)), Code::kTaskUnknown);
}

TEST_F(Work, SG_S_STATE_ALeaseIsItsHoldersAlone) {
  const base::RunId run = start_work();
  WorkItem item = *lease(kKinds);
  const Caller thief{base::ActorName("thief"), worker_.tenant, "request-3"};
  EXPECT_EQ(why(engine_->complete(thief, {worker_.tenant}, item.id, item.lease, {{"result", 1}})), Code::kLeaseLost);
  EXPECT_EQ(why(engine_->heartbeat(thief, {worker_.tenant}, item.id, item.lease)), Code::kLeaseLost);
  item.lease[0] = item.lease[0] == '0' ? '1' : '0';
  EXPECT_EQ(why(complete(item, {{"result", 1}})), Code::kLeaseLost);
  item.lease.clear();
  EXPECT_EQ(why(complete(item, {{"result", 1}})), Code::kLeaseLost);
  EXPECT_EQ(view(run).state, RunState::kWorking);
}

// Its rights can change while it holds a lease; asked is what they are when it comes back.
TEST_F(Work, SG_E_STATE_AWorkerThatLostTheKindFinishesNothing) {
  const base::RunId run = start_work();
  const WorkItem item = *lease(kKinds);
  std::vector<std::string> asked;
  const Engine::MayWork never = [&](const std::string& kind) -> base::Result<> {
    asked.push_back(kind);
    return base::fail(Code::kCapabilityDenied, "lost");
  };
  const std::vector<base::TenantId> own{worker_.tenant};
  EXPECT_EQ(why(engine_->heartbeat(worker_, own, item.id, item.lease, never)), Code::kCapabilityDenied);
  EXPECT_EQ(why(engine_->complete(worker_, own, item.id, item.lease, {{"result", 1}}, never)), Code::kCapabilityDenied);
  for (const bool retryable : {true, false}) {
    EXPECT_EQ(why(engine_->fail_task(worker_, own, item.id, item.lease, "x", retryable, never)),
              Code::kCapabilityDenied);
  }
  EXPECT_EQ(asked, std::vector<std::string>(4, kKinds.front()));
  // Who holds no lease is not told what kind it is.
  const Caller thief{base::ActorName("thief"), worker_.tenant, "request-3"};
  EXPECT_EQ(why(engine_->complete(thief, own, item.id, item.lease, {{"result", 1}}, never)), Code::kLeaseLost);
  EXPECT_EQ(asked.size(), 4U);
  EXPECT_EQ(view(run).state, RunState::kWorking);
  EXPECT_EQ(count_audited("work.completed"), 0);
  EXPECT_EQ(count_audited("work.failed"), 0);
  // The lease was not made longer, so the task goes to another when it runs out.
  advance(60s);
  const WorkItem taken = *lease(kKinds);
  EXPECT_EQ(taken.id, item.id);
  EXPECT_TRUE(complete(taken, {{"result", 2}}).has_value());
}

TEST_F(Work, TheSameCompletionTwiceCountsOnce) {
  const base::RunId run = start_work();
  const WorkItem item = *lease(kKinds);
  EXPECT_TRUE(complete(item, {{"result", 1}}).has_value());
  EXPECT_TRUE(complete(item, {{"result", 1}}).has_value());
  EXPECT_EQ(why(complete(item, {{"result", 2}})), Code::kConflict);
  run_all();
  EXPECT_TRUE(complete(item, {{"result", 1}}).has_value());
  EXPECT_EQ(visited(run), (Nodes{"act", "end"}));
  EXPECT_EQ(count_audited("work.completed"), 1);
}

TEST_F(Work, ALeaseThatRunsOutGoesToAnother) {
  const base::RunId run = start_work();
  const WorkItem lost = *lease(kKinds);
  advance(60s - 1us);
  EXPECT_FALSE(lease(kKinds).has_value());
  advance(1us);
  const WorkItem taken = *lease(kKinds);
  EXPECT_EQ(taken.id, lost.id);
  EXPECT_NE(taken.lease, lost.lease);
  EXPECT_EQ(taken.attempt, 2);
  EXPECT_EQ(why(complete(lost, {{"result", 1}})), Code::kLeaseLost);
  EXPECT_TRUE(complete(taken, {{"result", 2}}).has_value());
  run_all();
  EXPECT_EQ(view(run).data, (json::Object{{"result", 2}}));
  EXPECT_EQ(count_audited("work.expired"), 1);
}

TEST_F(Work, AHeartbeatKeepsALeaseUpToTheNodesDeadline) {
  start_work();
  const WorkItem item = *lease(kKinds);
  env_.advance(50s);
  EXPECT_EQ(engine_->heartbeat(worker_, {worker_.tenant}, item.id, item.lease).value(), env_.now() + 60s);
  advance(59s);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(engine_->heartbeat(worker_, {worker_.tenant}, item.id, item.lease).has_value());
    env_.advance(40s);
  }
  EXPECT_EQ(engine_->heartbeat(worker_, {worker_.tenant}, item.id, item.lease).value(), item.deadline);
}

// The timer may be late: what counts is the time, not whether it has looked.
TEST_F(Work, SG_S_STATE_ALeaseThatRanOutIsNobodysAnyMore) {
  const base::RunId run = start_work();
  const WorkItem item = *lease(kKinds);
  env_.advance(60s);
  EXPECT_EQ(why(engine_->heartbeat(worker_, {worker_.tenant}, item.id, item.lease)), Code::kLeaseLost);
  EXPECT_EQ(why(complete(item, {{"result", 1}})), Code::kLeaseLost);
  EXPECT_EQ(why(fail_item(item, true)), Code::kLeaseLost);
  advance(0us);
  const WorkItem again = *lease(kKinds);
  env_.advance(60s - 1us);
  EXPECT_TRUE(engine_->heartbeat(worker_, {worker_.tenant}, again.id, again.lease).has_value());
  for (int i = 0; i < 4; ++i) {
    env_.advance(40s);
    EXPECT_TRUE(engine_->heartbeat(worker_, {worker_.tenant}, again.id, again.lease).has_value());
  }
  env_.set_now(item.deadline);
  EXPECT_EQ(why(complete(again, {{"result", 1}})), Code::kLeaseLost);
  advance(0us);
  EXPECT_EQ(view(run).error_class, "node-failed");
}

// After an outage many are overdue at once, each with the whole state of its run.
TEST_F(Work, SG_D_STATE_OverdueTasksAreTakenUpSoManyATick) {
  start_work();
  for (int i = 1; i < 257; ++i) start("work", {});
  run_all();
  env_.advance(300s);
  engine_->tick();
  EXPECT_EQ(count_audited("work.expired"), 256);
  engine_->tick();
  EXPECT_EQ(count_audited("work.expired"), 257);
}

TEST_F(Work, SG_D_STATE_ANodeHasALimitOfTime) {
  const base::RunId run = start_work();
  advance(300s - 1us);
  EXPECT_EQ(view(run).state, RunState::kWorking);
  advance(1us);
  EXPECT_EQ(view(run).state, RunState::kFailed);
  EXPECT_EQ(view(run).error_class, "node-failed");
  EXPECT_EQ(count_audited("node.failed"), 1);
}

TEST_F(Work, AFailureMayBeTriedAgainThreeTimes) {
  const base::RunId run = start_work();
  for (int attempt = 1; attempt <= 3; ++attempt) {
    const auto item = lease(kKinds);
    ASSERT_TRUE(item.has_value()) << attempt;
    EXPECT_EQ(item->attempt, attempt);
    EXPECT_TRUE(fail_item(*item, true).has_value());
    run_all();
  }
  EXPECT_FALSE(lease(kKinds).has_value());
  EXPECT_EQ(view(run).state, RunState::kFailed);
  EXPECT_EQ(view(run).error_class, "node-failed");
  EXPECT_EQ(count_audited("work.failed"), 3);
}

TEST_F(Work, RulesMayRouteAFailure) {
  const base::RunId run = start_work(kMend);
  EXPECT_TRUE(fail_item(*lease(kKinds), false).has_value());
  run_all();
  EXPECT_EQ(view(run).reason, "mended");
  EXPECT_EQ(visited(run), (Nodes{"act", "mend"}));
  EXPECT_EQ(*steps(run).front().record.object()->find("error"), json::Value("node-failed"));
}

TEST_F(Work, SG_T_STATE_AnOutputOfAnotherTypeEndsTheRun) {
  const base::RunId wrong_type = start_work();
  EXPECT_TRUE(complete(*lease(kKinds), {{"result", "seven"}}).has_value());
  const base::RunId unknown = start("work", {});
  run_all();
  EXPECT_TRUE(complete(*lease(kKinds), {{"other", 1}}).has_value());
  run_all();
  EXPECT_EQ(view(wrong_type).error_class, "state-type");
  EXPECT_EQ(view(unknown).error_class, "state-field");
  EXPECT_EQ(view(unknown).data, (json::Object{{"result", 0}}));
  EXPECT_TRUE(verify_steps(view(unknown).basis_hash, steps(unknown)).has_value());
}

TEST_F(Work, SG_T_STATE_AnOutputThatCannotBeReadBackIsRefused) {
  const base::RunId run = start_work();
  const WorkItem item = *lease(kKinds);
  EXPECT_EQ(why(complete(item, {{"result", "\xc3"}})), Code::kBadUtf8);
  EXPECT_EQ(why(complete(item, {{"result", 9007199254740993}})), Code::kNumberRange);
  EXPECT_EQ(view(run).state, RunState::kWorking);
}

TEST_F(Work, ACancelledRunsTaskIsNobodysAnyMore) {
  const base::RunId run = start_work();
  const WorkItem item = *lease(kKinds);
  ASSERT_TRUE(engine_->cancel(caller_, run).has_value());
  EXPECT_EQ(why(complete(item, {{"result", 1}})), Code::kLeaseLost);
  EXPECT_EQ(why(engine_->heartbeat(worker_, {worker_.tenant}, item.id, item.lease)), Code::kLeaseLost);
  EXPECT_EQ(why(fail_item(item, true)), Code::kLeaseLost);
  EXPECT_EQ(view(run).state, RunState::kCancelled);
}

TEST_F(Work, APausedRunTakesItsOutputAndGoesOnWhenResumed) {
  const base::RunId run = start_work();
  const WorkItem item = *lease(kKinds);
  ASSERT_TRUE(engine_->pause(caller_, run).has_value());
  EXPECT_TRUE(complete(item, {{"result", 5}}).has_value());
  run_all();
  EXPECT_EQ(view(run).state, RunState::kPaused);
  ASSERT_TRUE(engine_->resume(caller_, run).has_value());
  run_all();
  EXPECT_EQ(view(run).state, RunState::kDone);
}

TEST_F(Work, APausedRunsTasksAreNotHandedOut) {
  const base::RunId run = start_work();
  ASSERT_TRUE(engine_->pause(caller_, run).has_value());
  EXPECT_FALSE(lease(kKinds).has_value());
  ASSERT_TRUE(engine_->resume(caller_, run).has_value());
  EXPECT_TRUE(lease(kKinds).has_value());
}

TEST_F(Work, APausedRunWhoseTaskRanOutFailsWhenResumed) {
  const base::RunId run = start_work();
  ASSERT_TRUE(engine_->pause(caller_, run).has_value());
  advance(300s);
  EXPECT_EQ(view(run).state, RunState::kPaused);
  ASSERT_TRUE(engine_->resume(caller_, run).has_value());
  run_all();
  EXPECT_EQ(view(run).error_class, "node-failed");
}

TEST_F(Work, SG_E_IR_NoSideEffectsWhereTheAdministratorSaidSo) {
  side_effects_ = false;
  make_engine({kWork});
  const base::RunId run = start("work", {});
  run_all();
  EXPECT_EQ(view(run).error_class, "side-effects-denied");
  EXPECT_FALSE(lease(kKinds).has_value());
}

TEST_F(Work, SG_E_IR_AKindThatNoPackDeclaresIsNotHandedOut) {
  any_kind_ = false;
  make_engine({kWork});
  const base::RunId run = start("work", {});
  run_all();
  EXPECT_EQ(view(run).error_class, "kind-not-declared");
}

TEST_F(Work, TheOldestTaskFirst) {
  const base::RunId first = start_work();
  env_.advance(1ms);
  const base::RunId second = start("work", {});
  run_all();
  EXPECT_EQ(lease(kKinds)->run, first);
  EXPECT_EQ(lease(kKinds)->run, second);
}

// A long poll that finds nothing, then waits: a task made in between is told at once.
TEST_F(Work, NoTaskIsMissedBetweenLeaseAndWait) {
  make_engine({kWork});
  EXPECT_FALSE(lease(kKinds).has_value());
  start("work", {});
  run_all();
  EXPECT_TRUE(engine_->wait_for_work(10min));
  EXPECT_TRUE(lease(kKinds).has_value());
  EXPECT_FALSE(lease(kKinds).has_value());
  EXPECT_FALSE(engine_->wait_for_work(1us));
}

}  // namespace
}  // namespace stargraph::engine
