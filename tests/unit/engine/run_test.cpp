// Runs from outside: starting, seeing, steering, limits.
#include "fixture.hpp"
#include "graphs.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using Nodes = std::vector<std::string>;

class Runs : public EngineTest {
 protected:
  base::Result<StartReply> try_start(const std::string& graph, json::Object params,
                                     std::optional<std::string> key = {}) {
    return engine_->start_run(caller_, {base::GraphId(graph), std::move(params), std::move(key), "manual"});
  }
  static json::Value member(const EventView& event, std::string_view name) {
    const json::Value* const found = event.body.object()->find(name);
    return found == nullptr ? json::Value("absent") : *found;
  }
};

TEST_F(Runs, ListOrderIsTheRouteWhenNoRuleSaysOtherwise) {
  make_engine({kLine});
  const base::RunId run = start("line", {{"message", "hi"}});
  run_all();
  EXPECT_EQ(visited(run), (Nodes{"a", "b", "c"}));
  const RunView seen = view(run);
  EXPECT_EQ(seen.state, RunState::kDone);
  EXPECT_EQ(seen.data, (json::Object{{"message", "<hi>"}}));
  EXPECT_EQ(seen.steps, base::StepNumber(3));
  EXPECT_EQ(audited(), (Nodes{"run.created", "run.started", "run.completed"}));
}

TEST_F(Runs, EventsCountFromOneWithoutGaps) {
  make_engine({kLine});
  const base::RunId run = start("line", {{"message", "hi"}});
  run_all();
  const std::vector<EventView> all = events(run);
  ASSERT_EQ(event_types(run), (Nodes{"transition", "transition", "transition", "transition", "result"}));
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].seq.value(), static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(member(all[i], "seq"), json::Value(all[i].seq.value()));
    EXPECT_EQ(member(all[i], "event_id"), json::Value(run.str() + "-" + std::to_string(i + 1)));
    EXPECT_EQ(member(all[i], "run_id"), json::Value(run.str()));
  }
  EXPECT_EQ(member(all[1], "from_node"), json::Value("a"));
  EXPECT_EQ(member(all[1], "to_node"), json::Value("b"));
  EXPECT_EQ(member(all[4], "status"), json::Value("done"));
  EXPECT_EQ(member(all[4], "final_state"), json::Value(json::Object{{"message", "<hi>"}}));
  EXPECT_EQ(engine_->events(caller_.tenant, run, base::EventSeq(3), 10)->size(), 2U);
}

TEST_F(Runs, TheChainsOfARunVerify) {
  make_engine({kLine});
  const base::RunId run = start("line", {{"message", "hi"}});
  run_all();
  EXPECT_TRUE(verify_steps(view(run).basis_hash, steps(run)).has_value());
}

TEST_F(Runs, SG_T_STATE_AChangedStepIsFound) {
  make_engine({kLine});
  const base::RunId run = start("line", {{"message", "hi"}});
  run_all();
  const crypto::Digest basis = view(run).basis_hash;
  const auto broken = [&](const auto& change) {
    std::vector<StepView> all = steps(run);
    change(all);
    return why(verify_steps(basis, all));
  };
  EXPECT_EQ(broken([](auto& all) { all[1].record.object()->set("ts", "2030-01-01T00:00:00.000000Z"); }),
            Code::kChainBroken);
  EXPECT_EQ(broken([](auto& all) { all[1].record.object()->set("patch", json::Object{{"message", "bye"}}); }),
            Code::kChainBroken);
  EXPECT_EQ(broken([](auto& all) { all[1].node = base::NodeId("c"); }), Code::kChainBroken);
  EXPECT_EQ(broken([](auto& all) { all.erase(all.begin()); }), Code::kChainBroken);
  EXPECT_EQ(broken([](auto& all) { all.erase(all.begin() + 1); }), Code::kChainBroken);
  EXPECT_EQ(broken([](auto& all) { std::swap(all[0], all[1]); }), Code::kChainBroken);
  EXPECT_EQ(broken([](auto& all) { all[2].decision_hash = all[1].decision_hash; }), Code::kChainBroken);
  EXPECT_EQ(why(verify_steps(crypto::sha384("another"), steps(run))), Code::kChainBroken);
}

TEST_F(Runs, SG_T_STATE_StepsAndEventsCannotBeRewritten) {
  make_engine({kLine});
  start("line", {{"message", "hi"}});
  run_all();
  for (const std::string sql :
       {"UPDATE steps SET record='{}'", "DELETE FROM steps", "UPDATE events SET body='{}'", "DELETE FROM events",
        "REPLACE INTO steps SELECT * FROM steps", "UPDATE bases SET packs='[]'", "DELETE FROM bases"}) {
    EXPECT_FALSE(ledger_->run([&](store::Connection& db) { return db.execute(sql); }).has_value()) << sql;
  }
}

TEST_F(Runs, StartRefusesWhatTheSchemaDoesNotKnow) {
  make_engine({kLine});
  EXPECT_EQ(why(try_start("line", {})), Code::kStateField);
  EXPECT_EQ(why(try_start("line", {{"message", 1}})), Code::kStateType);
  EXPECT_EQ(why(try_start("line", {{"message", "hi"}, {"more", 1}})), Code::kStateField);
  EXPECT_EQ(why(try_start("other", {{"message", "hi"}})), Code::kGraphUnknown);
  EXPECT_TRUE(audited().empty());
}

TEST_F(Runs, SG_T_IR_TextThatCannotBeReadBackIsRefused) {
  make_engine({kLine});
  EXPECT_EQ(why(try_start("line", {{"message", "\xff"}})), Code::kBadUtf8);
  EXPECT_EQ(why(try_start("line", {{"message", std::string("a\0b", 3)}})), Code::kMalformed);
  EXPECT_EQ(why(try_start("line", {{"message", 1e20}})), Code::kNumberRange);
}

TEST_F(Runs, SG_D_STATE_ParametersHaveALimit) {
  limits_.parameter_bytes = 100;
  make_engine({kLine});
  const std::size_t frame = std::string(R"({"message":""})").size();
  EXPECT_TRUE(try_start("line", {{"message", std::string(99 - frame, 'x')}}).has_value());
  EXPECT_TRUE(try_start("line", {{"message", std::string(100 - frame, 'x')}}).has_value());
  EXPECT_EQ(why(try_start("line", {{"message", std::string(101 - frame, 'x')}})), Code::kTooLarge);
}

TEST_F(Runs, SG_D_STATE_StateHasALimitOfTheSite) {
  limits_.state_bytes = 100;
  make_engine({kLine});
  const std::size_t frame = std::string(R"({"message":""})").size();
  EXPECT_TRUE(try_start("line", {{"message", std::string(99 - frame, 'x')}}).has_value());
  EXPECT_TRUE(try_start("line", {{"message", std::string(100 - frame, 'x')}}).has_value());
  EXPECT_EQ(why(try_start("line", {{"message", std::string(101 - frame, 'x')}})), Code::kTooLarge);
}

TEST_F(Runs, SG_D_PACK_TheSiteLimitsAnEvaluation) {
  evaluation_.max_facts = 2;
  make_engine({R"(
ir_version: "1.0.0"
id: ruled
nodes: [{id: a, kind: echo}]
state_schema: {message: str}
rules: [{id: r-end, when: {node: a, message: hi}, then: [{kind: halt, reason: seen}]}]
)"});
  const auto reply = try_start("ruled", {{"message", "hi"}});
  ASSERT_TRUE(reply.has_value());
  run_all();
  EXPECT_EQ(view(reply->run).error_class, "pack-limit");
}

// Its reply was lost: whoever asks again is told of the run, whatever became of graph and disk meanwhile.
TEST_F(Runs, TheSameKeyGivesTheSameRunWhenNothingMayStartAnyMore) {
  make_engine({kLine});
  const auto first = try_start("line", {{"message", "hi"}}, "key-1");
  ASSERT_TRUE(first.has_value());
  admit_ = [] { return base::fail(Code::kDiskLow, "full"); };
  make_engine({});
  const auto again = try_start("line", {{"message", "hi"}}, "key-1");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->run, first->run);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(why(try_start("line", {{"message", "other"}}, "key-1")), Code::kIdempotencyConflict);
  EXPECT_EQ(why(try_start("line", {{"message", "hi"}}, "key-2")), Code::kGraphUnknown);
}

TEST_F(Runs, TheSameKeyGivesTheSameRun) {
  make_engine({kLine});
  const auto first = try_start("line", {{"message", "hi"}}, "key-1");
  const auto again = try_start("line", {{"message", "hi"}}, "key-1");
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->run, again->run);
  EXPECT_FALSE(first->repeated);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(why(try_start("line", {{"message", "other"}}, "key-1")), Code::kIdempotencyConflict);
  EXPECT_EQ(why(try_start("line", {{"message", "hi"}}, "")), Code::kRequestInvalid);
  EXPECT_EQ(why(try_start("line", {{"message", "hi"}}, std::string(256, 'k'))), Code::kRequestInvalid);
  EXPECT_TRUE(try_start("line", {{"message", "hi"}}, std::string(255, 'k')).has_value());
  caller_.tenant = base::TenantId("other");
  const auto foreign = try_start("line", {{"message", "other"}}, "key-1");
  ASSERT_TRUE(foreign.has_value());
  EXPECT_NE(foreign->run, first->run);
}

TEST_F(Runs, SG_I_STATE_AnotherTenantSeesAndMovesNothing) {
  make_engine({kGate});
  const base::RunId run = start("gate", {{"what", "it"}});
  run_all();
  const base::InterruptId question = view(run).interrupt->id;
  const Caller mallory{base::ActorName("mallory"), base::TenantId("other"), "request-9"};
  EXPECT_EQ(why(engine_->get_run(mallory.tenant, run)), Code::kRunUnknown);
  EXPECT_EQ(why(engine_->steps(mallory.tenant, run, base::StepNumber(0), 10)), Code::kRunUnknown);
  EXPECT_EQ(why(engine_->events(mallory.tenant, run, base::EventSeq(0), 10)), Code::kRunUnknown);
  EXPECT_EQ(why(engine_->cancel(mallory, run)), Code::kRunUnknown);
  EXPECT_EQ(why(engine_->pause(mallory, run)), Code::kRunUnknown);
  EXPECT_EQ(why(engine_->resume(mallory, run)), Code::kRunUnknown);
  EXPECT_EQ(why(engine_->respond(mallory, run, {question, {}, false}, allow_)), Code::kRunUnknown);
  EXPECT_EQ(engine_->list_runs(mallory.tenant, {})->total, 0);
  EXPECT_EQ(view(run).state, RunState::kWaiting);
}

TEST_F(Runs, ListsByStatusAndTimeWithATotal) {
  make_engine({kLine, kGate});
  start("line", {{"message", "1"}});
  run_all();
  env_.advance(std::chrono::minutes(1));
  const base::Timestamp later = env_.now();
  const base::RunId waiting = start("gate", {{"what", "it"}});
  run_all();
  EXPECT_EQ(engine_->list_runs(caller_.tenant, {})->total, 2);
  RunFilter filter;
  filter.status = "paused";  // upstream's word for waiting, too
  ASSERT_EQ(engine_->list_runs(caller_.tenant, filter)->items.size(), 1U);
  EXPECT_EQ(engine_->list_runs(caller_.tenant, filter)->items[0].id, waiting);
  filter.status = "waiting";
  EXPECT_EQ(engine_->list_runs(caller_.tenant, filter)->total, 1);
  filter.status = "done";
  EXPECT_EQ(engine_->list_runs(caller_.tenant, filter)->total, 1);
  filter.status = "nonsense";
  EXPECT_EQ(why(engine_->list_runs(caller_.tenant, filter)), Code::kRequestInvalid);
  for (const auto& [limit, offset] : {std::pair{0, 0}, {1001, 0}, {-1, 0}, {1, -1}}) {
    RunFilter bad;
    bad.limit = limit;
    bad.offset = offset;
    EXPECT_EQ(why(engine_->list_runs(caller_.tenant, bad)), Code::kRequestInvalid) << limit << " " << offset;
  }
  EXPECT_EQ(why(engine_->steps(caller_.tenant, waiting, base::StepNumber(0), -1)), Code::kRequestInvalid);
  EXPECT_EQ(why(engine_->events(caller_.tenant, waiting, base::EventSeq(0), 0)), Code::kRequestInvalid);
  RunFilter recent;
  recent.since = later;
  EXPECT_EQ(engine_->list_runs(caller_.tenant, recent)->total, 1);
  RunFilter page;
  page.limit = 1;
  page.offset = 1;
  EXPECT_EQ(engine_->list_runs(caller_.tenant, page)->items.size(), 1U);
  EXPECT_EQ(engine_->list_runs(caller_.tenant, page)->total, 2);
}

TEST_F(Runs, CancelEndsAWaitingRunForGood) {
  make_engine({kGate});
  const base::RunId run = start("gate", {{"what", "it"}});
  run_all();
  const base::InterruptId question = view(run).interrupt->id;
  EXPECT_EQ(engine_->cancel(caller_, run)->state, RunState::kCancelled);
  EXPECT_FALSE(view(run).interrupt.has_value());
  EXPECT_EQ(why(engine_->respond(caller_, run, {question, {}, false}, allow_)), Code::kRunState);
  EXPECT_EQ(why(engine_->cancel(caller_, run)), Code::kRunState);
  EXPECT_EQ(event_types(run).back(), "run_cancelled");
  EXPECT_EQ(count_audited("run.cancelled"), 1);
}

TEST_F(Runs, APausedRunDoesNothingUntilResumed) {
  make_engine({kLine});
  const base::RunId run = start("line", {{"message", "hi"}});
  EXPECT_EQ(engine_->pause(caller_, run)->state, RunState::kPaused);
  EXPECT_EQ(why(engine_->pause(caller_, run)), Code::kRunState);
  run_all();
  EXPECT_TRUE(visited(run).empty());
  EXPECT_TRUE(engine_->resume(caller_, run).has_value());
  EXPECT_EQ(why(engine_->resume(caller_, run)), Code::kRunState);
  run_all();
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_EQ(count_audited("run.paused"), 1);
  EXPECT_EQ(count_audited("run.resumed"), 1);
}

// A graph that never ends by itself.
const std::string kLoop = R"(
ir_version: "1.0.0"
id: loop
nodes: [{id: a, kind: echo}]
rules: [{id: r, when: {node: a}, then: [{kind: goto, target: a}]}]
)";

TEST_F(Runs, SG_D_STATE_ARunHasALimitOfSteps) {
  limits_.run_steps = 3;
  make_engine({kLine, kLoop});
  const base::RunId fits = start("line", {{"message", "hi"}});
  const base::RunId loops = start("loop", {});
  run_all();
  EXPECT_EQ(view(fits).state, RunState::kDone);  // exactly three
  EXPECT_EQ(view(loops).state, RunState::kFailed);
  EXPECT_EQ(view(loops).error_class, "run-limit");
  EXPECT_EQ(visited(loops).size(), 3U);
  limits_.run_steps = 2;
  restart();
  const base::RunId over = start("line", {{"message", "hi"}});
  run_all();
  EXPECT_EQ(view(over).error_class, "run-limit");
}

TEST_F(Runs, SG_D_STATE_ARunHasALimitOfTime) {
  limits_.run_wall_clock = std::chrono::hours(1);
  make_engine({kGate});
  const base::RunId waits = start("gate", {{"what", "it"}});
  run_all();
  engine_->pause(caller_, waits).value();
  advance(std::chrono::hours(1) - std::chrono::microseconds(1));
  EXPECT_EQ(view(waits).state, RunState::kPaused);
  const base::RunId late = start("gate", {{"what", "it"}});
  engine_->pause(caller_, late).value();
  advance(std::chrono::microseconds(1));
  EXPECT_EQ(view(waits).state, RunState::kExpired);
  EXPECT_EQ(wire_status(view(waits).state), "failed");
  EXPECT_EQ(view(late).state, RunState::kPaused);
  EXPECT_EQ(count_audited("run.expired"), 1);
}

TEST_F(Runs, SG_D_STATE_StateHasALimit) {
  make_engine({R"(
ir_version: "1.0.0"
id: grow
nodes: [{id: a, kind: template, config: {template: "{x}{x}{x}{x}", out: x}}]
state_schema: {x: str}
rules: [{id: r, when: {node: a}, then: [{kind: goto, target: a}]}]
)"});
  const base::RunId run = start("grow", {{"x", std::string(1000, 'x')}});
  run_all();
  EXPECT_EQ(view(run).state, RunState::kFailed);
  EXPECT_EQ(view(run).error_class, "too-large");
  EXPECT_TRUE(verify_steps(view(run).basis_hash, steps(run)).has_value());
}

TEST_F(Runs, SG_R_STATE_NothingHappensWhenItCannotBeAudited) {
  make_engine({kGate});
  const base::RunId run = start("gate", {{"what", "it"}});
  run_all();
  admit_ = [] { return base::Result<>(base::fail(Code::kAuditLag, "audit: lags")); };
  restart();
  EXPECT_EQ(why(try_start("gate", {{"what", "it"}})), Code::kAuditLag);
  EXPECT_EQ(why(engine_->cancel(caller_, run)), Code::kAuditLag);
  EXPECT_EQ(why(engine_->respond(caller_, run, {view(run).interrupt->id, {}, false}, allow_)), Code::kAuditLag);
  EXPECT_EQ(view(run).state, RunState::kWaiting);
}

TEST_F(Runs, SG_R_STATE_RunsStandStillWhileAuditLags) {
  bool lags = true;
  admit_ = [&] { return lags ? base::Result<>(base::fail(Code::kAuditLag, "audit: lags")) : base::Result<>(); };
  lags = false;
  make_engine({kLine});
  const base::RunId run = start("line", {{"message", "hi"}});
  lags = true;
  run_all();
  advance(std::chrono::seconds(1));
  EXPECT_TRUE(visited(run).empty());
  lags = false;
  advance(std::chrono::seconds(1));
  EXPECT_EQ(view(run).state, RunState::kDone);
}

TEST_F(Runs, SG_T_IR_AnEndlessTemplateOfAPersonsTextIsNotReadAgain) {
  make_engine({kLine});
  const base::RunId run = start("line", {{"message", "{message}"}});
  run_all();
  EXPECT_EQ(view(run).data, (json::Object{{"message", "<{message}>"}}));
}

}  // namespace
}  // namespace stargraph::engine
