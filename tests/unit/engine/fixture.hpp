// An engine on one thread: real database, ledger, jail; a clock that moves only when told.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "stargraph/audit/outbox.hpp"
#include "stargraph/base/memory_env.hpp"
#include "stargraph/engine/engine.hpp"
#include "stargraph/engine/engine_store.hpp"
#include "stargraph/engine/record.hpp"
#include "stargraph/graph/parse.hpp"
#include "stargraph/json/write.hpp"
#include "support/temp_dir.hpp"
#include "support/upstream.hpp"

namespace stargraph::engine {

inline rules::Jail& shared_jail() {
  static const auto jail = rules::Jail::start().value();
  return *jail;
}

inline std::string to_json_text(const std::string& yaml) {
  return graph::canonical_dump(graph::load_yaml(yaml).value());
}

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    shared_jail();
    for (const std::span<const store::Migration> list : {audit::audit_migrations(), engine_migrations()}) {
      migrations_.insert(migrations_.end(), list.begin(), list.end());
    }
    open_database();
  }

  void open_database() {
    ledger_.reset();
    database_.reset();
    crypto::Secret key(32);
    database_ = store::Database::open(directory_.path() / "test.db", key, migrations_).value();
    ledger_ = store::Ledger::manual(*database_).value();
  }

  // Takes graphs as YAML texts. `limits_` and `side_effects_` are to be set before.
  void make_engine(const std::vector<std::string>& graphs) {
    std::vector<std::string> documents;
    for (const std::string& yaml : graphs) documents.push_back(to_json_text(yaml));
    auto catalog = Catalog::make(packs_, documents, {.any_worker_kind = any_kind_, .limits = evaluation_}, policy_);
    ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
    catalog_ = *catalog;
    restart();
  }

  // As after a crash: nothing stays but the database file.
  void restart() {
    engine_.reset();
    open_database();
    const EngineServices services{env_, *database_, *ledger_, shared_jail(), admit_, {}, load_pack_, side_effects_};
    engine_ = Engine::make(services, limits_, catalog_).value();
    ASSERT_TRUE(engine_->recover().has_value());
  }

  base::RunId start(const std::string& graph, json::Object params) {
    const auto reply = engine_->start_run(caller_, {base::GraphId(graph), std::move(params), {}, "manual"});
    EXPECT_TRUE(reply.has_value()) << reply.error().message;
    return reply ? reply->run : base::RunId();
  }

  void run_all() {
    for (int i = 0; i < 100'000 && engine_->run_one(); ++i) {
    }
  }

  RunView view(const base::RunId& run) { return engine_->get_run(caller_.tenant, run).value(); }

  std::vector<StepView> steps(const base::RunId& run) {
    return engine_->steps(caller_.tenant, run, base::StepNumber(0), 100'000).value();
  }

  std::vector<std::string> visited(const base::RunId& run) {
    std::vector<std::string> out;
    for (const StepView& step : steps(run)) out.push_back(step.node.str());
    return out;
  }

  std::vector<EventView> events(const base::RunId& run) {
    return engine_->events(caller_.tenant, run, base::EventSeq(0), 100'000).value();
  }

  std::vector<std::string> event_types(const base::RunId& run) {
    std::vector<std::string> out;
    for (const EventView& event : events(run)) out.push_back(*event.body.object()->find("type")->string());
    return out;
  }

  void respond(const base::RunId& run, const base::InterruptId& interrupt, json::Object response) {
    const auto answered = engine_->respond(caller_, run, {interrupt, std::move(response), false}, allow_);
    EXPECT_TRUE(answered.has_value()) << answered.error().message;
  }

  // Names of the audit records that wait to be shipped, oldest first.
  std::vector<std::string> audited() {
    std::vector<std::string> out;
    const auto read = database_->read([&](store::Connection& db) -> base::Result<> {
      SG_TRY(const auto rows, audit::outbox_rows(db, audit::SourceSeq(0), 100'000));
      for (const audit::OutboxRow& row : rows) {
        SG_TRY(const audit::Record record, audit::decode_record(row.record));
        out.emplace_back(audit::event_text(record.event.name));
      }
      return {};
    });
    EXPECT_TRUE(read.has_value());
    return out;
  }

  std::int64_t count_audited(std::string_view name) { return std::ranges::count(audited(), name); }

  void advance(base::Duration by) {
    env_.advance(by);
    engine_->tick();
    run_all();
  }

  std::optional<WorkItem> lease(const std::vector<std::string>& kinds) {
    return engine_->lease(worker_, {worker_.tenant}, kinds).value();
  }

  // Does the work of every ready task with `work(item)`.
  template <class Work>
  void serve_all(const std::vector<std::string>& kinds, const Work& work) {
    while (true) {
      run_all();
      const auto item = engine_->lease(worker_, {caller_.tenant}, kinds).value();
      if (!item) return;
      const auto done = engine_->complete(worker_, {caller_.tenant}, item->id, item->lease, work(*item));
      ASSERT_TRUE(done.has_value()) << done.error().message;
    }
  }

  test::TempDir directory_;
  base::MemoryEnv env_;
  std::vector<store::Migration> migrations_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<store::Ledger> ledger_;
  std::shared_ptr<const Catalog> catalog_;
  std::unique_ptr<Engine> engine_;
  EngineLimits limits_;
  bool side_effects_ = true;
  bool any_kind_ = true;
  rules::Limits evaluation_;  // the site's
  std::vector<trust::LoadedPack> packs_;
  std::shared_ptr<const policy::InForce> policy_;
  std::function<base::Result<>()> admit_;
  std::function<base::Result<trust::LoadedPack>(const trust::PackRef&)> load_pack_;
  std::function<base::Result<>(const std::string&)> allow_ = [](const std::string&) { return base::Result<>(); };
  // The reason of a failure; kUsage stands for success.
  template <class T>
  static base::Code why(const base::Result<T>& result) {
    return result ? base::Code::kUsage : result.error().code;
  }

  Caller caller_{base::ActorName("alice"), base::TenantId("soc"), "request-1"};
  Caller worker_{base::ActorName("worker"), base::TenantId("soc"), "request-2"};
};

}  // namespace stargraph::engine
