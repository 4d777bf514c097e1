// Converted Reach packs, walked by the real engine: docs/formats/reach-pack.md says which edge is taken.
#include "stargraph/pack/reach_pack.hpp"

#include "fixture.hpp"
#include "stargraph/json/parse.hpp"

namespace stargraph::engine {
namespace {

using Nodes = std::vector<std::string>;

// `edges` between start, left, right and end.
std::string reach_pack(const std::string& edges) {
  return R"({"metadata":{"id":"acme.triage","version":"1.0.0","spec_version":"1.0.0"},"declared_tools":[],
"execution_graph":{"start_node_id":"start","nodes":{"end":{"id":"end","type":"action"},
"left":{"id":"left","type":"action"},"right":{"id":"right","type":"action"},
"start":{"id":"start","type":"condition","config":{"threshold":1}}},"edges":)" +
         edges + R"(},"deterministic":true,"signature_hash":"HASH"})";
}

// The graph that the pack is converted into, once with its right hash.
std::string converted(const std::string& edges) {
  std::string text = reach_pack(edges);
  const auto refused = pack::decode_reach(base::as_bytes(text));
  EXPECT_EQ(refused.error().code, base::Code::kDigestMismatch) << refused.error().message;
  const std::string& message = refused.error().message;
  text.replace(text.find("HASH"), 4, message.substr(message.find("computed ") + 9, 64));
  const auto reach = pack::decode_reach(base::as_bytes(text));
  EXPECT_TRUE(reach.has_value()) << reach.error().message;
  const auto files = pack::convert_reach(*reach, base::as_bytes(text));
  EXPECT_TRUE(files.has_value()) << files.error().message;
  return base::to_text(files->files.front().bytes);
}

class ReachGraph : public EngineTest {
 protected:
  // The nodes of a run whose worker answers `choice` wherever it is asked to choose.
  Nodes walk(const std::string& edges, const std::string& choice) {
    make_engine({converted(edges)});
    const base::RunId run = start("acme.triage", {});
    serve_all({"reach:action", "reach:condition"}, [&](const WorkItem& item) {
      json::Object output{{"seen." + item.node.str(), true}};
      const json::Value* field = item.config.find("next_field");
      if (field != nullptr && !choice.empty()) output.set(*field->string(), choice);
      return output;
    });
    last_ = view(run);
    EXPECT_EQ(last_.state, RunState::kDone);
    return visited(run);
  }
  RunView last_;
};

constexpr const char* kChoice = R"([{"from":"start","to":"left","type":"conditional","condition":"x > threshold"},
{"from":"start","to":"end","type":"fallback"},{"from":"start","to":"right","type":"default"},
{"from":"left","to":"end","type":"default"}])";

TEST_F(ReachGraph, TheWorkerChoosesAmongConditionalAndFallbackEdges) {
  EXPECT_EQ(walk(kChoice, "left"), (Nodes{"start", "left", "end"}));
  EXPECT_EQ(last_.reason, "complete");
  EXPECT_EQ(walk(kChoice, "end"), (Nodes{"start", "end"}));
}

TEST_F(ReachGraph, WithoutAChoiceTheDefaultEdgeIsTaken) {
  EXPECT_EQ(walk(kChoice, ""), (Nodes{"start", "right"}));
  EXPECT_EQ(walk(kChoice, "nowhere"), (Nodes{"start", "right"})) << "an answer that is no edge";
  EXPECT_EQ(walk(kChoice, "start"), (Nodes{"start", "right"})) << "a node, but no edge to it";
}

TEST_F(ReachGraph, WithoutADefaultEdgeTheRunEndsAndSaysWhy) {
  const std::string edges = R"([{"from":"start","to":"left","type":"conditional","condition":"x"}])";
  EXPECT_EQ(walk(edges, ""), (Nodes{"start"}));
  EXPECT_EQ(last_.reason, "no edge was chosen");
  EXPECT_EQ(walk(edges, "left"), (Nodes{"start", "left"}));
  EXPECT_EQ(last_.reason, "complete");
}

TEST_F(ReachGraph, BranchesRunAndMeet) {
  EXPECT_EQ(walk(R"([{"from":"start","to":"left","type":"parallel"},{"from":"start","to":"right","type":"parallel"},
{"from":"left","to":"end","type":"default"},{"from":"right","to":"end","type":"default"}])",
                 ""),
            (Nodes{"start", "left", "right", "end"}));
  for (const char* seen : {"seen.left", "seen.right", "seen.end"}) EXPECT_NE(last_.data.find(seen), nullptr) << seen;
}

// The list of nodes has an order, and a node without edges must not fall through to the next one.
TEST_F(ReachGraph, ANodeWithoutEdgesIsTheEnd) {
  EXPECT_EQ(walk("[]", ""), (Nodes{"start"}));
  EXPECT_EQ(walk("null", ""), (Nodes{"start"}));
}

}  // namespace
}  // namespace stargraph::engine
