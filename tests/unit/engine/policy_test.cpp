// Runs under a policy: what it lets start, what it refuses with every reason, and that a run keeps the one it began
// with.
#include "fixture.hpp"
#include "graphs.hpp"
#include "packs.hpp"
#include "unit/policy/sample_policy.hpp"

namespace stargraph::engine {
namespace {

using base::Code;

class Policies : public EngineTest {
 protected:
  std::shared_ptr<const policy::InForce> make_policy(std::int64_t epoch, policy::Mode mode = policy::Mode::kEnforce,
                                                     std::vector<std::string> permissions = {"soc:lookup"}) {
    policy::Bundle bundle = policy::sample_bundle();
    bundle.mode = mode;
    bundle.not_before = env_.now();
    bundle.not_after = env_.now() + std::chrono::hours(1);
    bundle.org.allowed_permissions = std::move(permissions);
    return policy::in_force(bundle, epoch);
  }
  void use(std::shared_ptr<const policy::InForce> next, const std::vector<std::string>& graphs = {}) {
    std::vector<std::string> documents;
    for (const std::string& yaml : graphs) documents.push_back(to_json_text(yaml));
    policy_ = std::move(next);
    catalog_ = Catalog::make(packs_, documents, {.any_worker_kind = any_kind_, .limits = {}}, policy_).value();
    if (engine_) engine_->use_catalog(catalog_);
  }
  Code why_not(const std::string& graph, json::Object params) {
    return why(engine_->start_run(caller_, {base::GraphId(graph), std::move(params), {}, "manual"}));
  }
  // The data of the last audit record of that name, as RFC 8785.
  std::string last(std::string_view name) {
    std::string found;
    const auto read = database_->read([&](store::Connection& db) -> base::Result<> {
      SG_TRY(const auto rows, audit::outbox_rows(db, audit::SourceSeq(0), 100'000));
      for (const audit::OutboxRow& row : rows) {
        SG_TRY(const audit::Record record, audit::decode_record(row.record));
        if (audit::event_text(record.event.name) == name) found = json::canonical(record.event.data);
      }
      return {};
    });
    EXPECT_TRUE(read.has_value());
    return found;
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(Policies, RC_R_POLICY_ThePolicyIsPartOfEveryBasis) {
  const auto hash = [&](std::shared_ptr<const policy::InForce> policy) {
    use(std::move(policy), {kLine});
    return catalog_->find(base::GraphId("line"))->basis_hash;
  };
  const crypto::Digest none = hash(nullptr);
  const crypto::Digest first = hash(make_policy(1));
  EXPECT_NE(first, none);
  EXPECT_NE(hash(make_policy(2)), first);
  EXPECT_EQ(hash(make_policy(1)), first);
}

TEST_F(Policies, RC_E_POLICY_APackThatThePolicyDeniesStartsNothing) {
  packs_ = {
      make_execution("soc.graphs", kLine, "[]",
                     "declared_permissions: [\"soc:lookup\", \"sys:exec\"]\nmodel_requirements: {tier: large}\n")};
  policy_ = make_policy(1);
  make_engine({});
  EXPECT_EQ(why_not("line", {{"message", "m"}}), Code::kPolicyDenied);
  EXPECT_EQ(engine_->list_runs(caller_.tenant, {}).value().total, 0);
  const std::string told = last("policy.denied");
  EXPECT_TRUE(has(told, R"("reasons":["permission_scope_exceeds_policy","model_requirement_not_allowed"])")) << told;
  EXPECT_TRUE(has(told, policy_->digest().hex()));
  EXPECT_TRUE(has(told, packs_[0].ref().digest.hex()));
  EXPECT_TRUE(has(told, R"("mode":"enforce")"));
}

TEST_F(Policies, RC_R_POLICY_ARunNamesThePolicyAndTheDecisionThatLetItStart) {
  packs_ = {make_execution("soc.graphs", kLine, "[]", "declared_permissions: [\"soc:lookup\"]\n")};
  policy_ = make_policy(1);
  make_engine({});
  start("line", {{"message", "m"}});
  const std::string told = last("run.created");
  const auto decision =
      policy::decide(policy_->bundle, policy_->digest(), catalog_->find(base::GraphId("line"))->judged);
  EXPECT_TRUE(has(told, "\"policy\":\"" + policy_->digest().hex() + "\"")) << told;
  EXPECT_TRUE(has(told, "\"policy_decision\":\"" + decision.decision.hex() + "\"")) << told;
}

TEST_F(Policies, RC_R_POLICY_WhatAPackDecidesNamesThePolicyOfTheRun) {
  const std::string rules =
      "(defrule stop (node-id (id a)) => (assert (stargraph_action (kind \"halt\") (reason \"r\"))))\n";
  packs_ = {make_execution("soc.graphs", kLine + "governance: [{id: soc.stop}]\n", "[]"),
            make_pack({"soc.stop", rules})};
  policy_ = make_policy(1);
  make_engine({});
  start("line", {{"message", "m"}});
  run_all();
  EXPECT_TRUE(has(last("run.decided"), "\"policy\":\"" + policy_->digest().hex() + "\"")) << last("run.decided");
}

TEST_F(Policies, RC_E_POLICY_AGraphUsesOnlyToolsThatItsPackDeclares) {
  packs_ = {make_execution("soc.graphs", kLine + "tools: [{id: shell}]\n", "[]", "declared_tools: [lookup]\n")};
  policy_ = make_policy(1);
  make_engine({});
  EXPECT_EQ(why_not("line", {{"message", "m"}}), Code::kPolicyDenied);
  EXPECT_TRUE(has(last("policy.denied"), R"("reasons":["undeclared_tool"])"));
}

TEST_F(Policies, RC_S_POLICY_AGraphThatCameInNoPackIsUnsigned) {
  policy_ = make_policy(1);
  make_engine({kLine});
  EXPECT_EQ(why_not("line", {{"message", "m"}}), Code::kPolicyDenied);
  EXPECT_TRUE(has(last("policy.denied"), R"("reasons":["invalid_signature"])"));
}

TEST_F(Policies, InModeWarnADenialIsToldAndTheRunStarts) {
  policy_ = make_policy(1, policy::Mode::kWarn);
  make_engine({kLine});
  const base::RunId run = start("line", {{"message", "m"}});
  run_all();
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_TRUE(has(last("policy.denied"), R"("mode":"warn")"));
}

TEST_F(Policies, RC_T_POLICY_AStalePolicyStartsNothing) {
  packs_ = {make_execution("soc.graphs", kLine, "[]")};
  policy_ = make_policy(1);
  make_engine({});
  env_.advance(std::chrono::hours(1));
  EXPECT_EQ(why_not("line", {{"message", "m"}}), Code::kPolicyExpired);
  EXPECT_EQ(engine_->list_runs(caller_.tenant, {}).value().total, 0);
}

// Whoever sets the wall clock back while the daemon runs does not make it last longer.
TEST_F(Policies, RC_T_POLICY_AClockSetBackStartsNothing) {
  packs_ = {make_execution("soc.graphs", kLine, "[]")};
  policy_ = make_policy(1);
  make_engine({});
  const base::Timestamp began = env_.now();
  env_.advance(std::chrono::hours(1));
  env_.set_now(began);
  EXPECT_EQ(why_not("line", {{"message", "m"}}), Code::kPolicyExpired);
}

// The original kept an allow after the permission was taken away.
TEST_F(Policies, RC_T_POLICY_APermissionThatIsTakenAwayIsGoneForTheNextRun) {
  packs_ = {make_execution("soc.graphs", kLine, "[]", "declared_permissions: [\"soc:lookup\"]\n")};
  policy_ = make_policy(1);
  make_engine({});
  EXPECT_EQ(why_not("line", {{"message", "m"}}), Code::kUsage);
  use(make_policy(2, policy::Mode::kEnforce, {}));
  EXPECT_EQ(why_not("line", {{"message", "m"}}), Code::kPolicyDenied);
  use(make_policy(1));
  EXPECT_EQ(why_not("line", {{"message", "m"}}), Code::kUsage);
}

TEST_F(Policies, RC_T_REPLAY_ARunKeepsThePolicyItStartedWith) {
  packs_ = {make_execution("soc.graphs", kGate, "[]")};
  policy_ = make_policy(1);
  make_engine({});
  const base::RunId run = start("gate", {{"what", "it"}});
  run_all();
  const crypto::Digest began_with = view(run).basis_hash;
  use(make_policy(2));
  EXPECT_NE(catalog_->find(base::GraphId("gate"))->basis_hash, began_with);
  load_pack_ = [&](const trust::PackRef&) -> base::Result<trust::LoadedPack> { return packs_[0]; };
  restart();
  respond(run, view(run).interrupt->id, {{"answer", "approve"}});
  run_all();
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_EQ(view(run).basis_hash, began_with);
  EXPECT_TRUE(verify_steps(began_with, steps(run)).has_value());
}

}  // namespace
}  // namespace stargraph::engine
