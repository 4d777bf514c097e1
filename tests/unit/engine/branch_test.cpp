// Governance inside a fan-out: packs see every branch's step; only the graph's own routing waits for the join.
#include "fixture.hpp"
#include "packs.hpp"

namespace stargraph::engine {
namespace {

using Nodes = std::vector<std::string>;

// `note` and `shell` run as branches; the graph's rule about `note` says where it would go if it were none.
std::string fan(const std::string& mounts) {
  return R"(
ir_version: "1.0.0"
id: fan
nodes:
  - {id: a, kind: echo}
  - {id: note, kind: template, config: {template: "noted", out: note}}
  - {id: shell, kind: "test:Shell"}
  - {id: c, kind: halt}
  - {id: elsewhere, kind: halt}
state_schema: {note: {type: str, default: ""}, command: {type: str, route: true, default: ""}}
governance: )" +
         mounts + R"(
rules:
  - {id: r-fan, when: {node: a}, then: [{kind: parallel, targets: [note, shell], join: c}]}
  - {id: r-end, when: {node: c}, then: [{kind: halt, reason: joined}]}
  - {id: r-note, when: {node: note}, then: [{kind: goto, target: elsewhere}]}
)";
}

const std::string kNoShell = R"(
(deftemplate bosun.violation (slot kind) (slot severity) (slot run_id) (slot reason))
(defrule no-shell (node-id (id shell)) (stargraph.field (name "command") (value "rm"))
  => (assert (bosun.violation (kind "shell") (severity "halt") (reason "not that"))))
)";

class Branches : public EngineTest {
 protected:
  base::RunId run_fan(const std::string& rules, const std::string& command = "ls") {
    packs_.clear();
    if (!rules.empty()) packs_.push_back(make_pack({"gov", rules}));
    make_engine({fan(rules.empty() ? "[]" : "[{id: gov}]")});
    const base::RunId run = start("fan", {});
    serve_all({"test:Shell"}, [&](const WorkItem&) { return json::Object{{"command", command}}; });
    EXPECT_TRUE(verify_steps(view(run).basis_hash, steps(run)).has_value());
    return run;
  }
  json::Object record(const base::RunId& run, std::size_t step) { return *steps(run).at(step).record.object(); }
  std::string decided(const base::RunId& run) {
    return *record(run, steps(run).size() - 1).find("decision")->object()->find("class")->string();
  }
};

TEST_F(Branches, SG_E_STATE_APackSeesANodeThatRunsAsABranch) {
  const base::RunId bad = run_fan(kNoShell, "rm");
  EXPECT_EQ(view(bad).state, RunState::kFailed);
  EXPECT_EQ(view(bad).error_class, "policy-denied");
  EXPECT_EQ(visited(bad), (Nodes{"a", "note", "shell"}));
  const json::Object last = record(bad, 2);
  const json::Object decision = *last.find("decision")->object();
  EXPECT_EQ(*decision.find("class"), json::Value("violation"));
  EXPECT_EQ(*decision.find("stage"), json::Value("gov"));
  EXPECT_EQ(*decision.find("rule"), json::Value("no-shell"));
  EXPECT_EQ(*last.find("branch"), json::Value(1));
  EXPECT_NE(json::canonical(*last.find("facts")).find(R"({"name":"command","value":"rm"})"), std::string::npos);
  EXPECT_NE(json::canonical(*last.find("trace")).find(R"("rule":"no-shell","stage":"gov")"), std::string::npos);
  EXPECT_EQ(count_audited("rules.violation"), 1);
  const base::RunId good = run_fan(kNoShell, "ls");
  EXPECT_EQ(view(good).state, RunState::kDone);
  EXPECT_EQ(visited(good), (Nodes{"a", "note", "shell", "c"}));
}

TEST_F(Branches, SG_E_STATE_APackHaltsARunFromABranch) {
  const base::RunId run =
      run_fan(R"((defrule stop (node-id (id note)) => (assert (stargraph_action (kind halt) (reason "enough")))))");
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_EQ(view(run).reason, "enough");
  EXPECT_EQ(visited(run), (Nodes{"a", "note"}));
  EXPECT_EQ(*view(run).data.find("note"), json::Value("noted"));
  EXPECT_EQ(count_audited("run.decided"), 1);
}

TEST_F(Branches, SG_E_STATE_APackThatAsksOrRoutesInABranchEndsTheRun) {
  for (const auto& [kind, slots] :
       std::vector<std::pair<std::string, std::string>>{{"interrupt", R"((prompt "Sure?"))"},
                                                        {"goto", "(target c)"},
                                                        {"parallel", "(targets c elsewhere)"},
                                                        {"retry", "(target note)"}}) {
    const base::RunId run =
        run_fan("(defrule odd (node-id (id note)) => (assert (stargraph_action (kind " + kind + ") " + slots + ")))");
    EXPECT_EQ(view(run).state, RunState::kFailed) << kind;
    EXPECT_EQ(view(run).error_class, "rules-template") << kind;
    EXPECT_FALSE(view(run).interrupt.has_value()) << kind;
    EXPECT_EQ(visited(run), (Nodes{"a", "note"})) << kind;
    EXPECT_EQ(decided(run), kind);
    EXPECT_NE(record(run, 1).find("facts"), nullptr) << kind;
  }
}

// With and without a pack, the graph's own rules have no say before the join, and nothing is evaluated for them.
TEST_F(Branches, TheGraphsOwnRulesRouteNoBranch) {
  for (const std::string& rules : std::vector<std::string>{"", kNoShell}) {
    const base::RunId run = run_fan(rules);
    EXPECT_EQ(visited(run), (Nodes{"a", "note", "shell", "c"}));
    EXPECT_EQ(record(run, 1).find("facts") != nullptr, !rules.empty());
    EXPECT_EQ(json::canonical(record(run, 1)).find("\"graph\""), std::string::npos);
    EXPECT_EQ(*record(run, 1).find("decision"), json::Value(json::Object{{"class", "continue"}}));
  }
}

}  // namespace
}  // namespace stargraph::engine
