// The graphs that upstream ships, walked by the real engine: which nodes, in which order.
#include "fixture.hpp"

namespace stargraph::engine {
namespace {

class UpstreamGraphs : public EngineTest {
 protected:
  static std::string graph(const std::filesystem::path& upstream, const std::string& name) {
    return support::read_upstream(upstream / "stargraph/graphs" / (name + ".yaml"));
  }
};

using Nodes = std::vector<std::string>;

TEST_F(UpstreamGraphs, HelloVisitsBothNodes) {
  SG_UPSTREAM_OR_SKIP(upstream);
  make_engine({graph(upstream, "hello")});
  const base::RunId run = start("run:hello", {{"message", "hello"}});
  run_all();
  EXPECT_EQ(visited(run), (Nodes{"node_a", "node_b"}));
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_EQ(view(run).reason, "hello example reached node_b");
}

TEST_F(UpstreamGraphs, PipelineVisitsThree) {
  SG_UPSTREAM_OR_SKIP(upstream);
  make_engine({graph(upstream, "pipeline")});
  const base::RunId run = start("run:pipeline", {{"message", "hello"}});
  run_all();
  EXPECT_EQ(visited(run), (Nodes{"node_a", "node_b", "node_c"}));
  EXPECT_EQ(view(run).state, RunState::kDone);
}

TEST_F(UpstreamGraphs, SampleVisitsBothNodes) {
  SG_UPSTREAM_OR_SKIP(upstream);
  make_engine({graph(upstream, "sample-graph")});
  const base::RunId run = start("run:sample-graph", {{"message", "hello"}});
  run_all();
  EXPECT_EQ(visited(run), (Nodes{"node_a", "node_b"}));
  EXPECT_EQ(view(run).state, RunState::kDone);
}

TEST_F(UpstreamGraphs, Phase3RunsBothBranchesAndJoins) {
  SG_UPSTREAM_OR_SKIP(upstream);
  make_engine({graph(upstream, "sample-graph-phase3")});
  const base::RunId run = start("run:sample-graph-phase3", {{"message", "hello"}});
  run_all();
  EXPECT_EQ(visited(run), (Nodes{"node_a", "node_b", "node_c", "node_d"}));
  EXPECT_EQ(view(run).reason, "Phase-3 sample graph reached node_d");
  EXPECT_EQ(event_types(run), (Nodes{"transition", "transition", "branch_started", "branch_completed", "branch_started",
                                     "branch_completed", "transition", "transition", "result"}));
}

TEST_F(UpstreamGraphs, HitlPausesAfterPreAndGoesOnToPost) {
  SG_UPSTREAM_OR_SKIP(upstream);
  make_engine({graph(upstream, "hitl-graph")});
  const base::RunId run = start("graph:cli-hitl-fixture", {{"message", "hello"}, {"reply", ""}});
  run_all();
  const RunView waiting = view(run);
  ASSERT_EQ(waiting.state, RunState::kWaiting);
  ASSERT_TRUE(waiting.interrupt.has_value());
  EXPECT_EQ(waiting.interrupt->prompt, "What should I reply?");
  EXPECT_EQ(waiting.node.str(), "pre");
  respond(run, waiting.interrupt->id, {{"answer", "blue"}});
  run_all();
  EXPECT_EQ(visited(run), (Nodes{"pre", "post"}));
  EXPECT_EQ(view(run).state, RunState::kDone);
}

// The raw form and the sugar route alike: work twice, then finish.
TEST_F(UpstreamGraphs, CyclicRoutesByStateInBothForms) {
  SG_UPSTREAM_OR_SKIP(upstream);
  make_engine({graph(upstream, "cyclic-graph"), graph(upstream, "cyclic-graph-sugar")});
  const std::vector<std::string> kinds{"tests.fixtures.cyclic_nodes:WorkNode",
                                       "tests.fixtures.cyclic_nodes:FinishNode"};
  for (const std::string id : {"graph:cyclic-fixture", "graph:cyclic-sugar-fixture"}) {
    const base::RunId run = start(id, {});
    int round = 0;
    serve_all(kinds, [&](const WorkItem& item) {
      if (item.node.str() == "finish") return json::Object{};
      return json::Object{{"phase_verdict", ++round < 2 ? "refine" : "sufficient"}};
    });
    EXPECT_EQ(visited(run), (Nodes{"work", "work", "finish"})) << id;
    EXPECT_EQ(view(run).state, RunState::kDone) << id;
    EXPECT_EQ(view(run).reason, "cyclic fixture complete") << id;
  }
}

}  // namespace
}  // namespace stargraph::engine
