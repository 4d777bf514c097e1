// What a crash between any two commits leaves behind: the run that would have been.
#include "fixture.hpp"
#include "graphs.hpp"

namespace stargraph::engine {
namespace {

using namespace std::chrono_literals;

class Crash : public EngineTest {
 protected:
  const std::vector<std::string> kinds_{"test:Score", "test:Left", "test:Act"};

  // Does one thing that changes the run (one commit); false at its end.
  bool one_thing(const base::RunId& run) {
    if (engine_->run_one()) return true;
    const RunView seen = view(run);
    if (is_terminal(seen.state)) return false;
    if (seen.state == RunState::kWaiting) {
      respond(run, seen.interrupt->id, {{"answer", "yes"}});
      return true;
    }
    if (seen.state == RunState::kWorking) {
      if (!item_) {
        item_ = engine_->lease(worker_, {worker_.tenant}, kinds_).value();
        return true;
      }
      const WorkItem item = *std::exchange(item_, std::nullopt);
      do_work(item);
      return true;
    }
    env_.advance(500ms);  // a retry waits for its time
    engine_->tick();
    return true;
  }

  void do_work(const WorkItem& item) {
    const std::string node = item.node.str();
    base::Result<> done;
    if (node == "act" && failures_++ < 1) {
      done = engine_->fail_task(worker_, {worker_.tenant}, item.id, item.lease, "first time", false);
    } else {
      json::Object output{{"seen", node}};
      if (node == "score") output.set("score", 3);
      if (node == "left") output.set("left", "left");
      done = engine_->complete(worker_, {worker_.tenant}, item.id, item.lease, output);
    }
    EXPECT_TRUE(done.has_value()) << done.error().message;
  }

  // The run with the engine thrown away before the things of `crashes`; gives its last decision hash.
  crypto::Digest run_with(const std::function<bool(int)>& crashes, int* things = nullptr) {
    failures_ = 0;
    item_.reset();
    const base::RunId run = start("everything", {{"alert", "a-1"}});
    int done = 0;
    while (true) {
      if (crashes(done)) restart();
      if (!one_thing(run)) break;
      ++done;
      if (done > 500) {
        ADD_FAILURE() << "no end";
        break;
      }
    }
    if (things != nullptr) *things = done;
    EXPECT_EQ(view(run).state, RunState::kDone) << view(run).error_cause.value_or("");
    EXPECT_EQ(view(run).reason, "all of it");
    EXPECT_TRUE(verify_steps(view(run).basis_hash, steps(run)).has_value());
    last_ = run;
    return steps(run).back().decision_hash;
  }

  std::optional<WorkItem> item_;
  int failures_ = 0;
  base::RunId last_;
};

TEST_F(Crash, EverythingARunCanDoIsDone) {
  limits_.batch_steps = 1;
  make_engine({kEverything});
  run_with([](int) { return false; });
  EXPECT_EQ(visited(last_), (std::vector<std::string>{"intro", "score", "left", "right", "joined", "gate", "act", "act",
                                                      "again", "end"}));
  const json::Object data = view(last_).data;
  EXPECT_EQ(*data.find("note"), json::Value("alert a-1"));
  EXPECT_EQ(*data.find("left"), json::Value("left"));
  EXPECT_EQ(*data.find("right"), json::Value("right of a-1"));
  EXPECT_EQ(*data.find("seen"), json::Value(json::Array{"score", "left", "act"}));
}

TEST_F(Crash, RC_T_REPLAY_ACrashAfterAnyCommitChangesNoDecision) {
  limits_.batch_steps = 1;
  make_engine({kEverything});
  int things = 0;
  const crypto::Digest expected = run_with([](int) { return false; }, &things);
  ASSERT_GT(things, 15);
  for (int at = 0; at <= things; ++at) {
    EXPECT_EQ(run_with([at](int done) { return done == at; }), expected) << "crash before thing " << at;
  }
}

TEST_F(Crash, RC_T_REPLAY_ACrashAfterEachCommitChangesNoDecision) {
  limits_.batch_steps = 1;
  make_engine({kEverything});
  const crypto::Digest expected = run_with([](int) { return false; });
  EXPECT_EQ(run_with([](int) { return true; }), expected);
}

TEST_F(Crash, RC_T_REPLAY_BatchesOfStepsDecideNothing) {
  make_engine({kEverything});
  limits_.batch_steps = 16;
  restart();
  const crypto::Digest expected = run_with([](int) { return false; });
  limits_.batch_steps = 1;
  restart();
  EXPECT_EQ(run_with([](int) { return false; }), expected);
}

TEST_F(Crash, RC_T_REPLAY_OtherInputIsAnotherDecision) {
  make_engine({kLine});
  std::vector<crypto::Digest> ends;
  for (const std::string text : {"one", "one", "two"}) {
    const base::RunId run = start("line", {{"message", text}});
    run_all();
    ends.push_back(steps(run).back().decision_hash);
  }
  EXPECT_EQ(ends[0], ends[1]);
  EXPECT_NE(ends[0], ends[2]);
}

TEST_F(Crash, TakingUpARunIsAudited) {
  make_engine({kLine});
  start("line", {{"message", "hi"}});
  restart();
  EXPECT_EQ(count_audited("run.recovered"), 1);
  run_all();
  restart();
  EXPECT_EQ(count_audited("run.recovered"), 1);
}

TEST_F(Crash, ARetryStillWaitsForItsTimeAfterARestart) {
  make_engine({R"(
ir_version: "1.0.0"
id: slow
nodes: [{id: act, kind: "test:Act"}, {id: end, kind: halt}]
rules: [{id: r, when: '(node-id (id act)) (stargraph.error (node "act"))', then: [{kind: retry, target: act, backoff_ms: 60000}]}]
)"});
  const base::RunId run = start("slow", {});
  run_all();
  const auto item = lease({"test:Act"});
  ASSERT_TRUE(engine_->fail_task(worker_, {worker_.tenant}, item->id, item->lease, "x", false).has_value());
  run_all();
  restart();
  run_all();
  EXPECT_FALSE(lease({"test:Act"}).has_value());
  advance(60s);
  EXPECT_TRUE(lease({"test:Act"}).has_value());
  EXPECT_EQ(view(run).state, RunState::kWorking);
}

}  // namespace
}  // namespace stargraph::engine
