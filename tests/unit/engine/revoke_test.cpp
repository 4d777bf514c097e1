// Revocation while runs are under way: what rests on a revoked pack stops at once and says why; everything else goes
// on.
#include "fixture.hpp"
#include "graphs.hpp"
#include "packs.hpp"
#include "stargraph/engine/affected.hpp"
#include "unit/policy/sample_policy.hpp"

namespace stargraph::engine {
namespace {

using base::Code;

class Revocation : public EngineTest {
 protected:
  void SetUp() override {
    packs_ = {make_execution("bad.gate", kGate, "[]"), make_execution("bad.work", kWork, "[\"test:Act\"]"),
              make_execution("good.line", kLine, "[]")};
    load_pack_ = [&](const trust::PackRef& ref) -> base::Result<trust::LoadedPack> {
      const auto found = std::ranges::find_if(packs_, [&](const auto& pack) { return pack.ref() == ref; });
      if (found == packs_.end()) return base::fail(Code::kPackUnknown, "no such pack");
      return *found;
    };
    make_engine({});
  }
  // Packs whose id begins with "bad." are revoked from now on.
  Engine::Stopped revoke() {
    const auto stopped = engine_->revoke([](const trust::PackRef& ref) -> std::optional<std::string> {
      if (!ref.id.str().starts_with("bad.")) return std::nullopt;
      return "signer-revoked (list 7)";
    });
    EXPECT_TRUE(stopped.has_value()) << stopped.error().message;
    return stopped.value_or(Engine::Stopped{});
  }
  base::RunId waiting() {
    const base::RunId run = start("gate", {{"what", "it"}});
    run_all();
    EXPECT_EQ(view(run).state, RunState::kWaiting);
    return run;
  }
  Code answer(const base::RunId& run) {
    return why(engine_->respond(caller_, run, {view(run).interrupt->id, {{"answer", "approve"}}, false}, allow_));
  }
};

TEST_F(Revocation, SG_S_PACK_RunsThatRestOnARevokedPackArePausedAndSayWhy) {
  const base::RunId asks = waiting();
  const base::RunId works = start("work", {});
  run_all();
  const base::RunId fresh = start("work", {});  // not begun yet
  EXPECT_EQ(revoke().runs, 3);
  for (const base::RunId& run : {asks, works, fresh}) {
    EXPECT_EQ(view(run).state, RunState::kPaused);
    const json::Object event = *events(run).back().body.object();
    EXPECT_EQ(*event.find("type"), json::Value("run_paused"));
    EXPECT_EQ(*event.find("reason"), json::Value("pack-revoked"));
    EXPECT_EQ(*event.find("actor"), json::Value("stargraphd"));
  }
  EXPECT_EQ(count_audited("run.paused"), 3);
  run_all();
  EXPECT_EQ(view(fresh).state, RunState::kPaused);
  EXPECT_TRUE(steps(fresh).empty());
}

// What a dry run of the importer shows before somebody decides.
TEST_F(Revocation, OpenRunsAreFoundByThePacksTheyRestOn) {
  waiting();
  start("work", {});
  start("work", {});
  start("line", {{"message", "m"}});
  run_all();
  const auto resting_on = [&](const std::vector<std::size_t>& packs) {
    std::vector<crypto::Digest> digests;
    for (const std::size_t pack : packs) digests.push_back(packs_[pack].ref().digest);
    auto reader = database_->reader();
    return affected_runs(*reader, digests).value();
  };
  using Runs = std::map<base::GraphId, std::int64_t>;
  EXPECT_EQ(resting_on({0}), (Runs{{base::GraphId("gate"), 1}}));
  EXPECT_EQ(resting_on({0, 1, 1}), (Runs{{base::GraphId("gate"), 1}, {base::GraphId("work"), 2}}));
  EXPECT_EQ(resting_on({2}), Runs()) << "done";
  EXPECT_EQ(resting_on({}), Runs());
}

TEST_F(Revocation, SG_S_PACK_AWaitingRunCanBeNeitherAnsweredNorResumed) {
  const base::RunId run = waiting();
  const std::size_t before = steps(run).size();
  revoke();
  EXPECT_EQ(answer(run), Code::kPackRevoked);
  EXPECT_EQ(why(engine_->resume(caller_, run)), Code::kPackRevoked);
  run_all();
  EXPECT_EQ(steps(run).size(), before);
  EXPECT_EQ(view(run).state, RunState::kPaused);
  EXPECT_EQ(why(engine_->cancel(caller_, run)), Code::kUsage);  // what is left
  EXPECT_EQ(view(run).state, RunState::kCancelled);
}

TEST_F(Revocation, SG_S_PACK_ARunThatWasPausedBeforeStaysPaused) {
  const base::RunId run = waiting();
  ASSERT_TRUE(engine_->pause(caller_, run).has_value());
  EXPECT_EQ(revoke().runs, 1);
  EXPECT_EQ(why(engine_->resume(caller_, run)), Code::kPackRevoked);
  EXPECT_EQ(*events(run).back().body.object()->find("reason"), json::Value("pack-revoked"));
}

TEST_F(Revocation, SG_S_PACK_ItsGraphsLeaveTheCatalogAndNothingStarts) {
  EXPECT_EQ(engine_->catalog()->graphs().size(), 3U);
  const auto old = engine_->catalog();
  EXPECT_EQ(revoke().graphs, 2);
  EXPECT_EQ(engine_->catalog()->graphs().size(), 1U);
  EXPECT_EQ(engine_->catalog()->packs().size(), 1U);
  EXPECT_EQ(why(engine_->start_run(caller_, {base::GraphId("work"), {}, {}, "manual"})), Code::kGraphUnknown);
  engine_->use_catalog(old);  // whoever reloads an older view does not bring it back
  EXPECT_EQ(why(engine_->start_run(caller_, {base::GraphId("work"), {}, {}, "manual"})), Code::kGraphUnknown);
}

TEST_F(Revocation, SG_S_PACK_AWorkerCompletesNothingForIt) {
  const base::RunId run = start("work", {});
  run_all();
  const WorkItem held = lease({"test:Act"}).value();
  const base::RunId other = start("work", {});
  run_all();
  revoke();
  EXPECT_EQ(why(engine_->complete(worker_, {caller_.tenant}, held.id, held.lease, {{"result", 1}})),
            Code::kPackRevoked);
  EXPECT_FALSE(lease({"test:Act"}).has_value());
  EXPECT_EQ(view(run).state, RunState::kPaused);
  EXPECT_EQ(view(other).state, RunState::kPaused);
}

TEST_F(Revocation, SG_S_PACK_ARestartChangesNothing) {
  const base::RunId run = waiting();
  revoke();
  restart();  // the daemon tells the engine again before it starts
  EXPECT_EQ(revoke().runs, 0);
  EXPECT_EQ(answer(run), Code::kPackRevoked);
  EXPECT_EQ(count_audited("run.paused"), 1);  // told once, however often it is looked at
  EXPECT_EQ(revoke().runs, 0);
  EXPECT_EQ(count_audited("run.paused"), 1);
}

// Killed between the revocation's import and its effect: the run was running when the daemon came back.
TEST_F(Revocation, SG_S_PACK_WhatRanAtTheKillIsPausedBeforeItGoesOn) {
  const base::RunId run = start("work", {});
  restart();
  EXPECT_EQ(revoke().runs, 1);
  run_all();
  EXPECT_TRUE(steps(run).empty());
  EXPECT_EQ(view(run).state, RunState::kPaused);
}

TEST_F(Revocation, OthersGoOn) {
  const base::RunId run = start("line", {{"message", "m"}});
  revoke();
  run_all();
  EXPECT_EQ(view(run).state, RunState::kDone);
  EXPECT_EQ(why(engine_->start_run(caller_, {base::GraphId("line"), {{"message", "m"}}, {}, "manual"})), Code::kUsage);
}

TEST_F(Revocation, SG_D_PACK_ManyRunsStopInSeveralTransactions) {
  for (int i = 0; i < 130; ++i) start("work", {});
  EXPECT_EQ(revoke().runs, 130);
  EXPECT_EQ(count_audited("run.paused"), 130);
}

TEST_F(Revocation, SG_D_PACK_WorksWhileNewActsAreRefused) {
  const base::RunId run = waiting();
  admit_ = [] { return base::Result<>(base::fail(Code::kAuditLag, "behind")); };
  restart();
  EXPECT_EQ(revoke().runs, 1);
  EXPECT_EQ(view(run).state, RunState::kPaused);
}

TEST_F(Revocation, RC_T_POLICY_ARevokedPolicyStartsNothingAndStopsWhatItLetStart) {
  policy::Bundle bundle = policy::sample_bundle();
  bundle.not_before = env_.now();
  bundle.not_after = env_.now() + std::chrono::hours(1);
  auto policy = policy::in_force(bundle);
  policy_ = std::make_shared<const policy::InForce>(policy::InForce{
      {base::PackId("bad.policy"), "1.0.0", base::Epoch(1), pack::PackKind::kPolicy, policy->digest()}, bundle});
  make_engine({});
  const base::RunId run = start("line", {{"message", "m"}});
  EXPECT_EQ(revoke().runs, 1);
  EXPECT_EQ(view(run).state, RunState::kPaused);
  EXPECT_EQ(why(engine_->start_run(caller_, {base::GraphId("line"), {{"message", "m"}}, {}, "manual"})),
            Code::kPolicyRevoked);
  EXPECT_EQ(why(engine_->resume(caller_, run)), Code::kPackRevoked);
}

TEST_F(Revocation, AGraphThatMountsAWithdrawnPackIsLeftOutAndTheRestTaken) {
  const std::string mounting = kLine + "governance: [{id: bad.rules}]\n";
  const std::vector<std::string> documents{to_json_text(mounting), to_json_text(kWork)};
  EXPECT_EQ(Catalog::make({}, documents, {}).error().code, Code::kIncompatible);
  const auto catalog = Catalog::make({}, documents, {}, nullptr, {base::PackId("bad.rules")});
  ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
  EXPECT_EQ((*catalog)->graphs().size(), 1U);
}

}  // namespace
}  // namespace stargraph::engine
