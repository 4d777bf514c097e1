// The reference's own documents: what becomes of each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "documents.hpp"
#include "stargraph/graph/hash.hpp"
#include "stargraph/graph/plan.hpp"
#include "support/upstream.hpp"

namespace stargraph::graph {
namespace {

using ::testing::ElementsAreArray;

struct Fate {
  const char* file;
  std::vector<std::string> faults;  // pointers; none: accepted
  std::vector<std::string> mirrored;
};

const std::vector<Fate>& fates() {
  static const std::vector<Fate> table = {
      {"100-node-ir.yaml", {}, {}},
      {"cyclic-graph-sugar.yaml", {}, {"phase_verdict"}},
      {"cyclic-graph.yaml", {}, {"phase_verdict"}},
      {"hello.yaml", {}, {}},
      {"hitl-graph.yaml", {}, {}},
      {"pipeline.yaml", {}, {}},
      {"research-bot.yaml", {}, {"verdict"}},
      {"sample-graph-phase3.yaml", {}, {}},
      {"sample-graph-phase4.yaml", {}, {}},
      {"sample-graph-phase5.yaml", {}, {}},
      {"sample-graph.yaml", {}, {}},
      {"sglang-qa.yaml", {}, {}},
      {"soc-triage.yaml", {}, {"asset_tier", "disposition"}},
      {"std-tool-graph.yaml", {}, {}},
      // `spec` is a mapping in three nodes, and the short form has no lists.
      {"training-subgraph.yaml",
       {"/nodes/0/spec", "/nodes/1/spec", "/nodes/2/spec", "/state_schema/x", "/state_schema/y"},
       {}},
      // The reference accepts these two and fails when it builds the question that has no prompt.
      {"triage_no_nautilus.yaml", {"/nodes/6/config/prompt"}, {}},
      {"triage_stub_broker.yaml", {"/nodes/7/config/prompt"}, {}},
  };
  return table;
}

TEST(Upstream, EveryGraphHasTheFateOfTheTable) {
  SG_UPSTREAM_OR_SKIP(upstream);
  std::set<std::string> known;
  for (const Fate& fate : fates()) {
    known.insert(fate.file);
    const std::string text = support::read_upstream(upstream / "stargraph/graphs" / fate.file);
    const auto faults = validate_yaml(text);
    EXPECT_THAT(paths(faults), ElementsAreArray(fate.faults))
        << fate.file << ": " << (faults.empty() ? "" : faults[0].as_error().message);
    if (!faults.empty() || !fate.faults.empty()) continue;
    auto document = load_yaml(text);
    ASSERT_TRUE(document);
    const auto plan = make_plan(*std::move(document));
    ASSERT_TRUE(plan) << fate.file << ": " << plan.error().message;
    std::vector<std::string> mirrored;
    for (const MirroredField& field : plan->mirrored()) mirrored.push_back(field.field);
    EXPECT_THAT(mirrored, ElementsAreArray(fate.mirrored)) << fate.file;
    const auto again = load_json(canonical_dump(plan->document()));
    ASSERT_TRUE(again) << fate.file << ": " << again.error().message;
    EXPECT_EQ(graph_hash(*again), plan->hash()) << fate.file;
  }
  for (const auto& entry : std::filesystem::directory_iterator(upstream / "stargraph/graphs")) {
    EXPECT_TRUE(known.contains(entry.path().filename().string())) << entry.path() << ": not in the table";
  }
}

TEST(Upstream, CanonicalFilesRoundTripByteForByte) {
  SG_UPSTREAM_OR_SKIP(upstream);
  for (const char* file : {"minimal.json", "full.json"}) {
    const std::string text = support::read_upstream(upstream / "stargraph/canonical" / file);
    const auto document = read(value_of(text));
    ASSERT_TRUE(document) << file << ": " << document.error().message;
    EXPECT_EQ(canonical_dump(*document), text) << file;
  }
}

TEST(Upstream, CanonicalFullIsFormNotARunnableGraph) {
  SG_UPSTREAM_OR_SKIP(upstream);
  const auto faults = validate_json(support::read_upstream(upstream / "stargraph/canonical/full.json"));
  EXPECT_THAT(paths(faults), ElementsAreArray({"/parallel/0/join"}));
}

}  // namespace
}  // namespace stargraph::graph
