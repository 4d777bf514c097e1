// The SOC triage example: its graph, the rules pack that governs it and its alerts fit together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "documents.hpp"
#include "stargraph/clp/source.hpp"
#include "stargraph/graph/plan.hpp"
#include "stargraph/yaml/parse.hpp"

namespace stargraph::graph {
namespace {

using ::testing::ElementsAre;

const std::filesystem::path kExample = std::filesystem::path(STARGRAPH_SOURCE_DIR) / "config/examples/soc-triage";

base::Result<clp::Source> policy() { return clp::check_source(read_text(kExample / "policy/rules.clp")); }

base::Result<Plan> triage() {
  SG_TRY(const clp::Source source, policy());
  std::vector<ProvidedTemplate> provided;
  for (const char* name : {"soc.policy.action", "bosun.provenance"}) {
    if (const auto* found = source.find_template(name)) provided.push_back({found->name, found->text});
  }
  SG_TRY(Document document, load_yaml(read_text(kExample / "triage/graphs/soc-triage.yaml")));
  return make_plan(std::move(document), provided);
}

TEST(SocTriage, GraphIsValidAndCompilesWithItsPack) {
  const auto plan = triage();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(plan->required_templates(), ElementsAre("soc.policy.action"));
  EXPECT_EQ(plan->nodes().front().id.str(), "ingest");
}

TEST(SocTriage, WhatNoRuleClaimsAtTheGateGoesToAPerson) {
  const auto plan = triage();
  ASSERT_TRUE(plan);
  const auto next = plan->successor(plan->index_of("policy_gate").value());
  ASSERT_TRUE(next);
  EXPECT_EQ(plan->nodes()[*next].id.str(), "escalated");
}

TEST(SocTriage, EverythingThePolicyReadsIsMirrored) {
  const auto plan = triage();
  const auto source = policy();
  ASSERT_TRUE(plan && source);
  const clp::TemplateDefinition* input = source->find_template("soc.policy.input");
  ASSERT_NE(input, nullptr);
  for (const clp::SlotDefinition& slot : input->slots) {
    if (slot.name == "run_id" || slot.name == "step") continue;
    const bool found =
        std::ranges::any_of(plan->mirrored(), [&slot](const MirroredField& one) { return one.field == slot.name; });
    EXPECT_TRUE(found) << slot.name;
  }
}

TEST(SocTriage, AlertsAreStartParameters) {
  const auto plan = triage();
  ASSERT_TRUE(plan);
  int alerts = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kExample / "alerts")) {
    const json::Value alert = value_of(read_text(entry.path()));
    ASSERT_NE(alert.object(), nullptr) << entry.path();
    const auto state = check_start_state(plan->schema(), *alert.object());
    EXPECT_TRUE(state) << entry.path() << ": " << (state ? "" : state.error().message);
    ++alerts;
  }
  EXPECT_GE(alerts, 6);
}

TEST(SocTriage, ManifestDeclaresTheKindsOfTheGraph) {
  const auto plan = triage();
  const auto manifest = yaml::parse(read_text(kExample / "triage/manifest.yaml"));
  ASSERT_TRUE(plan && manifest);
  std::set<std::string> kinds;
  for (const Node& node : plan->nodes()) {
    if (!is_local_kind(node.kind)) kinds.insert(node.kind);
  }
  std::set<std::string> declared;
  for (const json::Value& kind : *manifest->value.object()->find("workers")->array()) declared.insert(*kind.string());
  EXPECT_EQ(kinds, declared);
}

}  // namespace
}  // namespace stargraph::graph
