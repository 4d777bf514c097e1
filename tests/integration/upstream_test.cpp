// Upstream's own graphs on a whole appliance: started, watched, answered and read back with the real `stargraph` over
// mutual TLS, foreign kinds served by the real `stargraph-worker`, soc-triage under upstream's rules in packs that the
// real `stargraph-pack` built and imported. What the daemon refuses of upstream is refused here too, with its reason.
#include <gtest/gtest.h>

#include "integration/answer.hpp"
#include "integration/appliance.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"
#include "support/upstream.hpp"

namespace stargraph::test {
namespace {

using Nodes = std::vector<std::string>;

const std::filesystem::path kPrograms = STARGRAPH_PROGRAMS;

json::Value parsed(const std::string& text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? *std::move(value) : json::Value();
}

// The member at the end of `names`, or null.
json::Value at(const json::Value& value, std::initializer_list<const char*> names) {
  const json::Value* now = &value;
  for (const char* name : names) {
    now = now != nullptr && now->object() != nullptr ? now->object()->find(name) : nullptr;
  }
  return now != nullptr ? *now : json::Value();
}

std::string text_at(const json::Value& value, std::initializer_list<const char*> names) {
  const json::Value found = at(value, names);
  return found.string() != nullptr ? *found.string() : "";
}

// One task in, one patch out, by the name of the node.
constexpr const char* kWorker = R"(import json, sys
task = json.load(sys.stdin)
state = task["state"]
if task["node"] == "work":
    rounds = state.get("rounds", 0) + 1
    patch = {"rounds": rounds, "phase_verdict": "refine" if rounds < 2 else "sufficient"}
else:
    patch = {"risk_score": {"risk": 2, "risk_confidence": 0.9},
             "triage_decide": {"disposition": state.get("wanted")}}.get(task["node"], {})
json.dump(patch, sys.stdout)
)";

// Upstream's own audit pack matches facts that no host declares (stargraph.transition and six more), there neither:
// CLIPS refuses it, and so does `stargraph-pack build` (a test below). soc-triage mounts the id, so this stands in for
// it.
constexpr const char* kAuditStandIn = R"((deftemplate bosun.audit (slot step) (slot kind) (slot detail))
(defrule audit-node (node-id (id ?n) (_step ?s)) => (assert (bosun.audit (step ?s) (kind "node_run") (detail ?n))))
)";

class Site {
 public:
  explicit Site(const std::filesystem::path& upstream) : upstream_(upstream / "stargraph"), box_(kPrograms, options()) {
    for (const char* name : {"hello", "pipeline", "sample-graph", "sample-graph-phase3", "hitl-graph", "cyclic-graph",
                             "cyclic-graph-sugar", "soc-triage"}) {
      box_.add_graph(std::string(name) + ".yaml", graph(name));
    }
    write("worker.py", kWorker);
    box_.start_auditd();
  }

  Appliance& box() { return box_; }
  [[nodiscard]] std::string graph(const std::string& name) const {
    return support::read_upstream(upstream_ / "graphs" / (name + ".yaml"));
  }
  [[nodiscard]] std::string rules(const std::string& pack) const {
    return support::read_upstream(upstream_ / pack / "rules.clp");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(box_.path(name), std::ios::binary) << text;
  }

  [[nodiscard]] CommandResult stargraph(const std::string& client, std::vector<std::string> arguments) const {
    std::vector<std::string> argv{(kPrograms / "stargraph").string(),
                                  "--json",
                                  "--url",
                                  box_.url(""),
                                  "--cert",
                                  box_.path(client + ".pem"),
                                  "--key",
                                  box_.path(client + ".key"),
                                  "--ca",
                                  box_.path("ca.pem")};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run_command(argv);
  }
  [[nodiscard]] CommandResult pack(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(),
                     {(kPrograms / "stargraph-pack").string(), "--config", box_.path("stargraph.yaml"), "--json"});
    return run_command(arguments);
  }
  // Serves `tasks` tasks of these kinds, then ends.
  [[nodiscard]] CommandResult work(int tasks, const std::vector<std::string>& kinds) const {
    std::vector<std::string> argv{(kPrograms / "stargraph-worker").string(),
                                  "--url",
                                  box_.url(""),
                                  "--cert",
                                  box_.path("fixture.pem"),
                                  "--key",
                                  box_.path("fixture.key"),
                                  "--ca",
                                  box_.path("ca.pem"),
                                  "--wait-ms",
                                  "10000",
                                  "--max-tasks",
                                  std::to_string(tasks)};
    for (const std::string& kind : kinds) argv.insert(argv.end(), {"--kind", kind});
    argv.insert(argv.end(), {"--exec", "/usr/bin/python3", box_.path("worker.py")});
    return run_command(argv);
  }

  // A source directory for `stargraph-pack build`: upstream's rules, unchanged, under a manifest of ours.
  void pack_source(const std::string& id, const std::string& text, const std::string& more = "",
                   const std::string& provides = "[]") const {
    std::filesystem::create_directory(box_.path(id));
    write(id + "/manifest.yaml",
          "kind: rules\nid: " + id +
              "\nversion: \"1.0.0\"\ndescription: from upstream\nrequires:\n  stargraph_facts_version: \"1.0\"\n"
              "  api_version: \"1\"\n  facts: [" +
              more + "]\nprovides: " + provides +
              "\ncapabilities: [\"runs:respond\"]\nlimits: {max_facts: 1000, max_firings: 1000, max_ms: 1000, "
              "max_bytes: 67108864}\n");
    write(id + "/rules.clp", text);
  }
  [[nodiscard]] CommandResult build(const std::string& id) const {
    return pack({"build", box_.path(id), "--key", box_.path("keys/publisher.key.pem"), "--epoch", "1", "--out",
                 box_.path(id + ".sgpack")});
  }
  // Builds and imports what soc-triage mounts.
  void govern() {
    ASSERT_TRUE(pack({"keygen", "--out", box_.path("keys"), "--name", "publisher"}).ok());
    const CommandResult told = run_command(
        {(kPrograms / "stargraph-pack").string(), "--json", "fingerprint", box_.path("keys/publisher.pub.pem")});
    ASSERT_TRUE(told.ok()) << told.err;
    const std::string fingerprint = text_at(parsed(told.out), {"fingerprint"});
    ASSERT_FALSE(fingerprint.empty()) << told.out;
    pack_source("stargraph.bosun.budgets", rules("packs-stale/budgets"));
    pack_source("stargraph.bosun.audit", kAuditStandIn, "node-id");
    pack_source("soc-policy", rules("packs/soc-policy"), "soc.policy.input", "[soc.policy.action, bosun.provenance]");
    for (const char* id : {"stargraph.bosun.budgets", "stargraph.bosun.audit", "soc-policy"}) {
      const CommandResult built = build(id);
      ASSERT_TRUE(built.ok()) << id << built.out << built.err;
      const CommandResult unknown = pack({"import", box_.path(std::string(id) + ".sgpack")});
      EXPECT_EQ(unknown.exit_code, 3) << id << unknown.out << unknown.err;  // its signer is not pinned for it yet
      const CommandResult imported =
          pack({"import", box_.path(std::string(id) + ".sgpack"), "--fingerprint", fingerprint});
      ASSERT_TRUE(imported.ok()) << id << imported.out << imported.err;
    }
  }

 private:
  static Appliance::Options options() {
    Appliance::Options options;
    options.start = false;
    options.roles = "  fixtures: [\"work:tests.*\", \"work:graph.nodes:*\", \"work:ml\", \"work:dspy\"]\n";
    options.principals = {{"fixture", "alpha", "fixtures"}};
    return options;
  }

  std::filesystem::path upstream_;
  Appliance box_;
};

// One site for all tests of this file.
class Upstream : public ::testing::Test {
 protected:
  static void TearDownTestSuite() {
    if (site_ == nullptr) return;
    EXPECT_EQ(site_->box().stop(), 0) << site_->box().daemon_log();
    delete site_;
    site_ = nullptr;
  }
  void SetUp() override {
    SG_UPSTREAM_OR_SKIP(upstream);
    if (site_ != nullptr) return;
    site_ = new Site(upstream);
    ASSERT_NO_FATAL_FAILURE(site_->govern());
    site_->box().start_daemon();
  }
  static Site& site() { return *site_; }

  static std::string start(const std::string& graph, const std::vector<std::string>& parameters) {
    std::vector<std::string> arguments{"run", "start", graph};
    for (const std::string& parameter : parameters) arguments.insert(arguments.end(), {"--param", parameter});
    const CommandResult started = site().stargraph("operator", arguments);
    EXPECT_EQ(started.exit_code, 0) << started.out << started.err;
    return text_at(parsed(started.out), {"run_id"});
  }
  // Until it rests; its last view.
  static json::Value watch(const std::string& run) {
    const CommandResult watched = site().stargraph("operator", {"run", "watch", run, "--timeout", "60"});
    EXPECT_EQ(watched.exit_code, 0) << watched.out << watched.err;
    return parsed(watched.out);
  }
  static json::Array steps(const std::string& run) {
    const CommandResult listed = site().stargraph("viewer", {"run", "steps", run});
    EXPECT_EQ(listed.exit_code, 0) << listed.out << listed.err;
    const json::Value items = at(parsed(listed.out), {"items"});
    return items.array() != nullptr ? *items.array() : json::Array();
  }
  static Nodes visited(const std::string& run) {
    Nodes nodes;
    for (const json::Value& step : steps(run)) nodes.push_back(text_at(step, {"node"}));
    return nodes;
  }
  // class, target or reason, and rule of each step.
  static Nodes decisions(const std::string& run) {
    Nodes all;
    for (const json::Value& step : steps(run)) {
      all.push_back(text_at(step, {"record", "decision", "class"}) + " " +
                    text_at(step, {"record", "decision", "target"}) + text_at(step, {"record", "decision", "reason"}) +
                    " by " + text_at(step, {"record", "decision", "rule"}));
    }
    return all;
  }
  static void respond(const std::string& run, const std::string& interrupt, const std::string& pair,
                      int exit_code = 0) {
    const CommandResult answered =
        site().stargraph("operator", {"run", "respond", run, "--interrupt", interrupt, "--set", pair});
    EXPECT_EQ(answered.exit_code, exit_code) << answered.out << answered.err;
  }

 private:
  static inline Site* site_ = nullptr;
};

TEST_F(Upstream, GraphsOfTheDaemonsOwnNodesVisitWhatUpstreamVisits) {
  struct Case {
    std::string graph;
    Nodes nodes;
    std::string reason;
  };
  const std::vector<Case> cases{
      {"run:hello", {"node_a", "node_b"}, "hello example reached node_b"},
      {"run:pipeline", {"node_a", "node_b", "node_c"}, "pipeline example reached node_c"},
      {"run:sample-graph", {"node_a", "node_b"}, "Phase-1 sample graph reached node_b"},
      {"run:sample-graph-phase3", {"node_a", "node_b", "node_c", "node_d"}, "Phase-3 sample graph reached node_d"}};
  for (const Case& one : cases) {
    const CommandResult ended =
        site().stargraph("operator", {"run", "start", one.graph, "--param", "message=hello", "--wait"});
    EXPECT_EQ(ended.exit_code, 0) << ended.out << ended.err;
    const json::Value view = parsed(ended.out);
    EXPECT_EQ(text_at(view, {"state"}), "done") << one.graph;
    EXPECT_EQ(text_at(view, {"reason"}), one.reason);
    EXPECT_EQ(text_at(view, {"data", "message"}), "hello") << one.graph;
    EXPECT_EQ(visited(text_at(view, {"run_id"})), one.nodes) << one.graph;
  }
}

TEST_F(Upstream, HitlWaitsForAPersonAndGoesOn) {
  const std::string run = start("graph:cli-hitl-fixture", {"message=hello", "reply="});
  const json::Value waiting = watch(run);
  EXPECT_EQ(text_at(waiting, {"interrupt", "prompt"}), "What should I reply?");
  EXPECT_EQ(text_at(waiting, {"interrupt", "payload", "example_question"}), "What is your favorite color?");
  EXPECT_TRUE(visited(run).empty());  // the step is recorded when the answer is there
  const std::string question = text_at(waiting, {"interrupt", "interrupt_id"});
  respond(run, std::string(question.size(), '0'), "answer=red", 1);  // another question's answer
  respond(run, question, "answer=blue");
  EXPECT_EQ(text_at(watch(run), {"state"}), "done");
  EXPECT_EQ(visited(run), (Nodes{"pre", "post"}));
}

TEST_F(Upstream, BothFormsOfTheCycleGiveTheSameNodesAndDecisions) {
  const std::vector<std::string> kinds{"tests.fixtures.cyclic_nodes:WorkNode",
                                       "tests.fixtures.cyclic_nodes:FinishNode"};
  std::vector<Nodes> decided;
  for (const char* graph : {"graph:cyclic-fixture", "graph:cyclic-sugar-fixture"}) {
    const std::string run = start(graph, {});
    const CommandResult worked = site().work(3, kinds);
    EXPECT_EQ(worked.exit_code, 0) << worked.out << worked.err;
    EXPECT_EQ(text_at(watch(run), {"reason"}), "cyclic fixture complete") << graph;
    EXPECT_EQ(visited(run), (Nodes{"work", "work", "finish"})) << graph;
    decided.push_back(decisions(run));
  }
  EXPECT_EQ(decided[0], (Nodes{"goto work by r-work-refine", "goto finish by r-work-sufficient",
                               "halt cyclic fixture complete by r-finish-halt"}));
  EXPECT_EQ(decided[0], decided[1]);
}

const std::vector<std::string> kTriageKinds{"graph.nodes:IngestAlert",      "graph.nodes:RetrievalPriors", "ml", "dspy",
                                            "graph.nodes:SocWriteArtifact", "graph.nodes:AuditChain"};

std::vector<std::string> alert(const std::string& tier, const std::string& disposition) {
  return {"alert_id=A-1", "asset_id=web-1", "asset_tier=" + tier, "features=[1,2]", "wanted=" + disposition};
}

TEST_F(Upstream, SocTriageWithAStandInForItsAuditPackAsksTheAnalyst) {
  const std::string run = start("graph:soc-triage", alert("prod", "auto_remediate"));
  ASSERT_EQ(site().work(4, kTriageKinds).exit_code, 0);
  const json::Value waiting = watch(run);
  EXPECT_EQ(text_at(waiting, {"interrupt", "prompt"}),
            "Approve disposition auto_remediate for alert A-1 (risk=2, asset=web-1/prod)?");
  EXPECT_EQ(text_at(waiting, {"interrupt", "requested_capability"}), "runs:respond");
  const json::Array before = steps(run);
  ASSERT_EQ(before.size(), 5U);
  const json::Value trace = at(before[4], {"record", "trace"});  // of soc_policy
  EXPECT_TRUE(has(json::canonical(trace), "soc-policy-prod-autoremediate-interrupt")) << json::canonical(trace);
  respond(run, text_at(waiting, {"interrupt", "interrupt_id"}), "answer=approve");
  ASSERT_EQ(site().work(2, kTriageKinds).exit_code, 0);
  EXPECT_EQ(text_at(watch(run), {"reason"}), "soc-triage++: run complete");
  EXPECT_EQ(visited(run), (Nodes{"ingest", "retrieval", "risk_score", "triage_decide", "soc_policy", "analyst_gate",
                                 "write_artifact", "audit", "halt"}));
}

TEST_F(Upstream, SocTriageWithAStandInForItsAuditPackDismissesAlone) {
  const std::string run = start("graph:soc-triage", alert("dev", "dismiss"));
  ASSERT_EQ(site().work(6, kTriageKinds).exit_code, 0);
  EXPECT_EQ(text_at(watch(run), {"state"}), "done");
  EXPECT_EQ(visited(run), (Nodes{"ingest", "retrieval", "risk_score", "triage_decide", "soc_policy", "write_artifact",
                                 "audit", "halt"}));
}

TEST_F(Upstream, SG_E_PACK_ItsAuditPackIsRefusedSinceNobodyDeclaresItsFacts) {
  site().pack_source("upstream.audit", site().rules("packs-stale/audit"));
  const CommandResult built = site().build("upstream.audit");
  EXPECT_EQ(built.exit_code, 4) << built.out << built.err;
  EXPECT_TRUE(has(built.out, "rules-syntax")) << built.out;
  EXPECT_TRUE(has(built.out, "(stargraph.transition")) << built.out;  // the pattern that CLIPS has no template for
}

TEST_F(Upstream, SG_T_IR_TrainingSubgraphIsRefusedWithPointers) {
  site().write("training.yaml", site().graph("training-subgraph"));
  const CommandResult checked = site().stargraph("operator", {"graph", "validate", site().box().path("training.yaml")});
  EXPECT_EQ(checked.exit_code, 4);
  for (const char* pointer :
       {"/nodes/0/spec", "/nodes/1/spec", "/nodes/2/spec", "/state_schema/x", "/state_schema/y"}) {
    EXPECT_TRUE(has(checked.out, std::string("\"") + pointer + "\"")) << pointer << checked.out;
  }
}

TEST_F(Upstream, SG_T_IR_DaemonDoesNotStartWithAGraphItRefuses) {
  Appliance::Options options;
  options.start = false;
  Appliance box(kPrograms, options);
  box.add_graph("training-subgraph.yaml", site().graph("training-subgraph"));
  box.start_auditd();
  box.spawn_daemon();
  EXPECT_FALSE(box.wait_notified("READY=1"));
  EXPECT_EQ(box.daemon().wait(), 4);
  EXPECT_TRUE(has(box.daemon_log(), "graphs_dir: training-subgraph.yaml")) << box.daemon_log();
  EXPECT_TRUE(has(box.daemon_log(), "/nodes/0/spec")) << box.daemon_log();
}

}  // namespace
}  // namespace stargraph::test
