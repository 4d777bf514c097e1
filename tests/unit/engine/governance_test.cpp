// Runs under rules packs: what packs decide, in which order, and what a bad one cannot do.
#include "fixture.hpp"
#include "packs.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using Nodes = std::vector<std::string>;

std::string governed(const std::string& mounts) {
  return R"(
ir_version: "1.0.0"
id: governed
nodes: [{id: a, kind: echo}, {id: b, kind: echo}, {id: c, kind: halt}]
state_schema: {amount: {type: int, route: true}, tier: {type: str, route: true, default: dev}}
governance: )" +
         mounts + "\n";
}

const std::string kViolation = R"(
(deftemplate bosun.violation (slot kind) (slot severity) (slot run_id) (slot reason))
(defrule too-much (node-id (id b)) (stargraph.field (name "amount") (value ?v&:(> ?v 100)))
  => (assert (bosun.violation (kind "amount") (severity "halt") (reason "more than a hundred"))))
(defrule much (stargraph.field (name "amount") (value ?v&:(> ?v 50)))
  => (assert (bosun.violation (kind "amount") (severity "warn") (reason "more than fifty"))))
)";

class Governance : public EngineTest {
 protected:
  base::RunId run_governed(json::Object params) {
    const base::RunId run = start("governed", std::move(params));
    run_all();
    return run;
  }
  base::Result<std::shared_ptr<const Catalog>> catalog(const std::string& graph) {
    const std::vector<std::string> documents{to_json_text(graph)};
    return Catalog::make(packs_, documents, {.any_worker_kind = true, .limits = {}});
  }
};

TEST_F(Governance, SG_E_STATE_AViolationOfSeverityHaltEndsTheRun) {
  packs_ = {make_pack({"caps", kViolation})};
  make_engine({governed("[{id: caps}]")});
  const base::RunId good = run_governed({{"amount", 100}});
  EXPECT_EQ(view(good).state, RunState::kDone);
  const base::RunId bad = run_governed({{"amount", 101}});
  EXPECT_EQ(view(bad).state, RunState::kFailed);
  EXPECT_EQ(view(bad).error_class, "policy-denied");
  EXPECT_EQ(visited(bad), (Nodes{"a", "b"}));
  const json::Object decision = *steps(bad).back().record.object()->find("decision")->object();
  EXPECT_EQ(*decision.find("class"), json::Value("violation"));
  EXPECT_EQ(*decision.find("stage"), json::Value("caps"));
  EXPECT_EQ(*decision.find("stage_digest"), json::Value(packs_[0].ref().digest.hex()));
  EXPECT_EQ(*decision.find("rule"), json::Value("too-much"));
  EXPECT_EQ(count_audited("rules.violation"), 1);
}

TEST_F(Governance, TheRecordHasFactsAndTrace) {
  packs_ = {make_pack({"caps", kViolation})};
  make_engine({governed("[{id: caps}]")});
  const base::RunId run = run_governed({{"amount", 101}});
  const json::Object record = *steps(run).back().record.object();
  const std::string facts = json::canonical(*record.find("facts"));
  EXPECT_NE(facts.find(R"({"slots":{"name":"amount","value":101},"template":"stargraph.field"})"), std::string::npos)
      << facts;
  EXPECT_NE(json::canonical(*record.find("trace")).find(R"("rule":"too-much","stage":"caps")"), std::string::npos);
}

TEST_F(Governance, SG_D_STATE_AHostilePackIsStoppedAndToldOnce) {
  packs_ = {
      make_pack({"spin", "(defrule spin (node-id) => (while TRUE do (bind ?x 1)))", "[]", "[]", "{max_ms: 100}"})};
  make_engine({governed("[{id: spin}]"), R"(
ir_version: "1.0.0"
id: honest
nodes: [{id: a, kind: echo}]
rules: [{id: r, when: {node: a}, then: [{kind: halt, reason: fine}]}]
)"});
  const base::RunId bad = run_governed({{"amount", 1}});
  EXPECT_EQ(view(bad).state, RunState::kFailed);
  EXPECT_EQ(view(bad).error_class, "pack-limit");
  EXPECT_EQ(count_audited("rules.limit"), 1);
  EXPECT_EQ(visited(bad), (Nodes{"a"}));
  const base::RunId good = start("honest", {});
  run_all();
  EXPECT_EQ(view(good).reason, "fine");
}

TEST_F(Governance, SG_T_STATE_ARuleThatBreaksEndsItsRunOnly) {
  packs_ = {
      make_pack(
          {"lost", R"((defrule away (node-id (id a)) => (assert (stargraph_action (kind goto) (target nowhere)))))"}),
      make_pack({"nonsense", R"((defrule odd (node-id (id a)) => (assert (stargraph_action (kind dance)))))"}),
      make_pack({"crash",
                 R"((defrule zero (node-id (id a)) => (assert (stargraph_action (kind halt) (reason (div 1 0))))))"})};
  for (const std::string id : {"lost", "nonsense", "crash"}) {
    make_engine({governed("[{id: " + id + "}]")});
    const base::RunId run = run_governed({{"amount", 1}});
    EXPECT_EQ(view(run).state, RunState::kFailed) << id;
    EXPECT_EQ(view(run).error_class, id == "crash" ? "rules-runtime" : "rules-template") << id;
    EXPECT_TRUE(verify_steps(view(run).basis_hash, steps(run)).has_value()) << id;
    EXPECT_EQ(count_audited("run.failed"), 1) << id;
    ASSERT_TRUE(
        ledger_->run([](store::Connection& db) { return audit::outbox_delete(db, audit::SourceSeq(1'000'000)); })
            .has_value());
  }
}

TEST_F(Governance, SG_T_STATE_ABranchThatAPackChoosesCannotAskAPerson) {
  packs_ = {make_pack(
      {"split",
       R"((defrule split (node-id (id a)) => (assert (stargraph_action (kind parallel) (targets b ask) (join c)))))"})};
  make_engine({R"(
ir_version: "1.0.0"
id: governed
nodes: [{id: a, kind: echo}, {id: b, kind: echo}, {id: ask, kind: interrupt, config: {prompt: "Sure?"}}, {id: c, kind: halt}]
governance: [{id: split}]
)"});
  const base::RunId run = run_governed({});
  EXPECT_EQ(view(run).error_class, "rules-template");
}

// Mounted in the wrong order: the provider still goes first.
const std::string kProvider = R"(
(deftemplate risk.level (slot level))
(defrule high (stargraph.field (name "amount") (value ?v&:(> ?v 10))) => (assert (risk.level (level high))))
)";
const std::string kConsumer = R"(
(deftemplate risk.level (slot level))
(defrule stop (node-id (id a)) (risk.level (level high)) => (assert (stargraph_action (kind halt) (reason "high risk"))))
)";

TEST_F(Governance, ProvidersGoBeforeThoseThatRequire) {
  packs_ = {make_pack({"consumer", kConsumer, "[risk.level]"}),
            make_pack({"provider", kProvider, "[]", "[risk.level]"})};
  make_engine({governed("[{id: consumer}, {id: provider}]")});
  EXPECT_EQ(view(run_governed({{"amount", 11}})).reason, "high risk");
  EXPECT_EQ(visited(run_governed({{"amount", 10}})), (Nodes{"a", "b", "c"}));
  EXPECT_EQ(count_audited("run.decided"), 1);
}

TEST_F(Governance, PacksThatRequireEachOtherAreRefused) {
  packs_ = {make_pack({"one", kProvider, "[two.fact]", "[risk.level]"}),
            make_pack({"two", "(deftemplate two.fact (slot x))", "[risk.level]", "[two.fact]"})};
  EXPECT_EQ(why(catalog(governed("[{id: one}, {id: two}]"))), Code::kGraphInvalid);
}

TEST_F(Governance, MountsAreOfActivePacksAndTheirVersions) {
  packs_ = {make_pack({"caps", kViolation, "[]", "[]", "{}", "1.2.3"})};
  EXPECT_TRUE(catalog(governed("[{id: caps}]")).has_value());
  EXPECT_TRUE(catalog(governed("[{id: caps, version: \"1.2\"}]")).has_value());
  EXPECT_EQ(why(catalog(governed("[{id: caps, version: \"1.1\"}]"))), Code::kIncompatible);
  EXPECT_EQ(why(catalog(governed("[{id: other}]"))), Code::kIncompatible);
  EXPECT_EQ(why(catalog(governed("[{id: caps, requires: {api_version: \"2\"}}]"))), Code::kIncompatible);
}

TEST_F(Governance, TheBasisIsTheGraphAndItsPacks) {
  packs_ = {make_pack({"caps", kViolation})};
  const auto hash = [&] {
    return catalog(governed("[{id: caps}]")).value()->find(base::GraphId("governed"))->basis_hash;
  };
  const crypto::Digest first = hash();
  EXPECT_EQ(hash(), first);
  packs_ = {make_pack({"caps", kViolation + "; changed\n", "[]", "[]", "{}", "1.0.1", 2})};
  EXPECT_NE(hash(), first);
}

const std::string kAsk =
    R"((defrule ask (node-id (id a)) => (assert (stargraph_action (kind interrupt) (prompt "Go on?")))))";

TEST_F(Governance, RC_T_REPLAY_ARunKeepsThePacksItStartedWith) {
  const trust::LoadedPack old = make_pack(
      {"rule", kAsk + R"((defrule old (node-id (id b)) => (assert (stargraph_action (kind halt) (reason old)))))"});
  packs_ = {old};
  make_engine({governed("[{id: rule}]")});
  const base::RunId run = run_governed({{"amount", 1}});
  ASSERT_EQ(view(run).state, RunState::kWaiting);
  packs_ = {
      make_pack({"rule", R"((defrule new (node-id (id b)) => (assert (stargraph_action (kind halt) (reason new)))))",
                 "[]", "[]", "{}", "2.0.0", 2})};
  std::vector<trust::PackRef> asked;
  load_pack_ = [&](const trust::PackRef& ref) -> base::Result<trust::LoadedPack> {
    asked.push_back(ref);
    return old;
  };
  restart();
  engine_->use_catalog(catalog(governed("[{id: rule}]")).value());
  respond(run, view(run).interrupt->id, {{"answer", "yes"}});
  run_all();
  EXPECT_EQ(view(run).reason, "old");
  EXPECT_EQ(asked, std::vector<trust::PackRef>{old.ref()});
  EXPECT_EQ(view(run_governed({{"amount", 1}})).reason, "new");
}

TEST_F(Governance, SG_T_STATE_ARunWhosePacksAreGoneStaysWhereItIs) {
  packs_ = {make_pack({"rule", kAsk})};
  make_engine({governed("[{id: rule}]")});
  const base::RunId run = run_governed({{"amount", 1}});
  const base::InterruptId question = view(run).interrupt->id;
  const trust::LoadedPack other = make_pack({"rule", kViolation, "[]", "[]", "{}", "2.0.0", 2});
  packs_ = {other};
  load_pack_ = [&](const trust::PackRef&) -> base::Result<trust::LoadedPack> {
    return other;
  };  // not what was asked for
  make_engine({governed("[{id: rule}]")});
  respond(run, question, {{"answer", "yes"}});
  run_all();
  EXPECT_EQ(view(run).state, RunState::kRunning);
  EXPECT_TRUE(visited(run).empty());
}

// A run that waits for its packs, which cannot be read for the first `failures` times.
class Held : public Governance {
 protected:
  base::RunId hold(int failures) {
    const trust::LoadedPack pack = make_pack({"rule", kAsk});
    packs_ = {pack};
    make_engine({governed("[{id: rule}]")});
    const base::RunId run = run_governed({{"amount", 1}});
    const base::InterruptId question = view(run).interrupt->id;
    packs_ = {make_pack({"rule", kViolation, "[]", "[]", "{}", "2.0.0", 2})};
    load_pack_ = [this, pack, failures](const trust::PackRef&) -> base::Result<trust::LoadedPack> {
      if (tried_++ < failures) return base::fail(Code::kIo, "not now");
      return pack;
    };
    make_engine({governed("[{id: rule}]")});
    respond(run, question, {{"answer", "yes"}});
    run_all();
    return run;
  }
  int tried_ = 0;
};

TEST_F(Held, ARunIsTriedAgainLaterAndLater) {
  const base::RunId run = hold(3);
  EXPECT_EQ(tried_, 1);
  std::vector<int> seconds;  // between one try and the next
  for (int waited = 1; view(run).state == RunState::kRunning && waited < 100; ++waited) {
    const int before = tried_;
    advance(std::chrono::seconds(1));
    if (tried_ == before) continue;
    seconds.push_back(waited);
    waited = 0;
  }
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_EQ(seconds, (std::vector<int>{1, 2, 4}));
}

TEST_F(Held, SG_D_STATE_TheTimeOfARunEndsItAllTheSame) {
  limits_.run_wall_clock = std::chrono::hours(1);
  const base::RunId run = hold(1'000'000);
  advance(std::chrono::hours(1) - std::chrono::microseconds(1));
  EXPECT_EQ(view(run).state, RunState::kRunning);
  advance(std::chrono::microseconds(1));
  EXPECT_EQ(view(run).state, RunState::kExpired);
}

TEST_F(Governance, SG_E_IR_OnlyKindsOfItsExecutionPackAreHandedOut) {
  const std::string graph =
      "ir_version: \"1.0.0\"\nid: exec\nnodes: [{id: a, kind: \"good:Kind\"}, {id: b, kind: \"bad:Kind\"}]\n";
  packs_ = {make_execution("graphs", graph, "[\"good:Kind\"]")};
  any_kind_ = false;
  make_engine({});
  const base::RunId run = start("exec", {});
  serve_all({"good:Kind", "bad:Kind"}, [](const WorkItem&) { return json::Object{}; });
  EXPECT_EQ(visited(run), (Nodes{"a", "b"}));
  EXPECT_EQ(view(run).error_class, "kind-not-declared");
}

// Upstream's own audit pack matches facts that no host declares there either, so CLIPS refuses it.
const std::string kAudit = R"(
(deftemplate bosun.audit (slot step) (slot kind) (slot detail))
(defrule audit-node (node-id (id ?n) (_step ?s)) => (assert (bosun.audit (step ?s) (kind "node_run") (detail ?n))))
)";

class SocTriage : public EngineTest {
 protected:
  void make(const std::filesystem::path& upstream) {
    const std::filesystem::path root = upstream / "stargraph";
    const auto rules = [&](const char* path) { return support::read_upstream(root / path / "rules.clp"); };
    packs_ = {make_pack({"stargraph.bosun.budgets", rules("packs-stale/budgets")}),
              make_pack({"stargraph.bosun.audit", kAudit}),
              make_pack({"soc-policy", rules("packs/soc-policy"), "[soc.policy.input]",
                         "[soc.policy.action, bosun.provenance]"})};
    make_engine({support::read_upstream(root / "graphs/soc-triage.yaml")});
  }
  base::RunId triage(const std::string& tier, const std::string& disposition) {
    const base::RunId run =
        start("graph:soc-triage",
              {{"alert_id", "A-1"}, {"asset_id", "web-1"}, {"asset_tier", tier}, {"features", json::Array{1, 2}}});
    serve(disposition);
    return run;
  }
  void serve(const std::string& disposition) {
    serve_all({"graph.nodes:IngestAlert", "graph.nodes:RetrievalPriors", "ml", "dspy", "graph.nodes:SocWriteArtifact",
               "graph.nodes:AuditChain"},
              [&](const WorkItem& item) {
                if (item.node.str() == "risk_score") return json::Object{{"risk", 2}, {"risk_confidence", 0.9}};
                if (item.node.str() == "triage_decide") return json::Object{{"disposition", disposition}};
                return json::Object{};
              });
  }
};

TEST_F(SocTriage, AProdRemediationWaitsForTheAnalyst) {
  SG_UPSTREAM_OR_SKIP(upstream);
  make(upstream);
  const base::RunId run = triage("prod", "auto_remediate");
  ASSERT_EQ(view(run).state, RunState::kWaiting) << view(run).error_cause.value_or("");
  EXPECT_EQ(view(run).interrupt->prompt,
            "Approve disposition auto_remediate for alert A-1 (risk=2, asset=web-1/prod)?");
  const std::string trace = json::canonical(*steps(run)[4].record.object()->find("trace"));
  EXPECT_NE(trace.find("soc-policy-prod-autoremediate-interrupt"), std::string::npos) << trace;
  respond(run, view(run).interrupt->id, {{"answer", "approve"}});
  serve("");
  EXPECT_EQ(visited(run), (Nodes{"ingest", "retrieval", "risk_score", "triage_decide", "soc_policy", "analyst_gate",
                                 "write_artifact", "audit", "halt"}));
  EXPECT_EQ(view(run).reason, "soc-triage++: run complete");
}

TEST_F(SocTriage, ADismissedAlertNeedsNobody) {
  SG_UPSTREAM_OR_SKIP(upstream);
  make(upstream);
  const base::RunId run = triage("dev", "dismiss");
  EXPECT_EQ(visited(run), (Nodes{"ingest", "retrieval", "risk_score", "triage_decide", "soc_policy", "write_artifact",
                                 "audit", "halt"}));
  EXPECT_EQ(view(run).state, RunState::kDone) << view(run).error_cause.value_or("");
}

}  // namespace
}  // namespace stargraph::engine
