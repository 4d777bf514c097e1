// Durable steps a second through the whole engine (jail, state, hashes, ledger) beside a raw SQLCipher loop that
// commits the same rows in transactions of the size the ledger really had (replayed_run.hpp).
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "figure.hpp"
#include "replayed_run.hpp"
#include "stargraph/audit/outbox.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/engine/engine.hpp"
#include "stargraph/engine/engine_store.hpp"
#include "stargraph/graph/parse.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace stargraph;
using bench::ReplayedRun;

constexpr int kSteps = 40;  // of one run
const int kBatch = engine::EngineLimits{}.batch_steps;

// A chain in which a rule routes every step.
std::string graph_document() {
  std::string yaml = "ir_version: \"1.0.0\"\nid: bench\nstate_schema: {message: str}\nnodes:\n";
  for (int i = 0; i < kSteps; ++i) yaml += "  - {id: n" + std::to_string(i) + ", kind: echo}\n";
  yaml += "rules:\n";
  for (int i = 0; i + 1 < kSteps; ++i) {
    yaml += "  - {id: r" + std::to_string(i) + ", when: {node: n" + std::to_string(i) +
            "}, then: [{kind: goto, target: n" + std::to_string(i + 1) + "}]}\n";
  }
  yaml += "  - {id: r-end, when: {node: n" + std::to_string(kSteps - 1) + "}, then: [{kind: halt, reason: end}]}\n";
  return graph::canonical_dump(graph::load_yaml(yaml).value());
}

class OurEngine {
 public:
  OurEngine(rules::Jail& jail, const base::Path& file, int batch_steps) : batch_steps_(batch_steps) {
    std::vector<store::Migration> migrations;
    for (const std::span<const store::Migration> list : {audit::audit_migrations(), engine::engine_migrations()}) {
      migrations.insert(migrations.end(), list.begin(), list.end());
    }
    database_ = store::Database::open(file, crypto::Secret::copy(bench::kKey), migrations).value();
    ledger_ = store::Ledger::start(*database_, {}).value();
    const std::vector<std::string> documents{graph_document()};
    engine::EngineLimits limits;
    limits.workers = 2;
    limits.batch_steps = batch_steps;
    const engine::EngineServices services{base::real_env(), *database_, *ledger_, jail, {}, {}, {}, true};
    engine_ =
        engine::Engine::make(services, limits,
                             engine::Catalog::make({}, documents, {.any_worker_kind = true, .limits = {}}).value())
            .value();
    engine_->on_events([this](const base::RunId&) {
      const std::scoped_lock lock(mutex_);
      ++told_;
      changed_.notify_all();
    });
    SG_CHECK(engine_->start().has_value());
  }

  // `count` runs at once, to their end.
  void run(int count) {
    const std::uint64_t least = told() + static_cast<std::uint64_t>(count * (1 + kSteps / batch_steps_));
    for (int i = 0; i < count; ++i)
      last_ = engine_->start_run(caller_, {base::GraphId("bench"), {{"message", "hello"}}, {}, "bench"}).value().run;
    started_ += count;
    engine::RunFilter ended;
    ended.status = "done";
    ended.limit = 1;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return told_ >= least; });
    while (true) {
      const std::uint64_t seen = told_;
      lock.unlock();
      if (engine_->list_runs(caller_.tenant, ended)->total == started_) return;
      lock.lock();
      changed_.wait(lock, [&] { return told_ != seen; });
    }
  }

  [[nodiscard]] store::Ledger::Counters counters() const { return ledger_->counters(); }
  [[nodiscard]] const std::string& last_run() const { return last_.str(); }

 private:
  std::uint64_t told() {
    const std::scoped_lock lock(mutex_);
    return told_;
  }

  int batch_steps_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<store::Ledger> ledger_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t told_ = 0;
  std::unique_ptr<engine::Engine> engine_;
  engine::Caller caller_{base::ActorName("bench"), base::TenantId("bench"), "bench"};
  base::RunId last_;
  std::int64_t started_ = 0;
};

// `batch_steps` 1: every step is its own durable point.
void compare(rules::Jail& jail, const std::string& name, int runs, int batch_steps, const std::string& peer) {
  if (!bench::wanted(name)) return;
  const test::TempDir directory;
  OurEngine ours(jail, directory / "ours.db", batch_steps);
  ours.run(runs);  // warm, and the rows the peer writes
  ReplayedRun raw(directory / "raw.db", directory / "ours.db", ours.last_run(),
                  (kSteps + batch_steps - 1) / batch_steps);
  const auto steps = static_cast<std::size_t>(runs) * kSteps;
  double batch = 1;  // operations in one commit of the ledger
  bench::compare(
      name, "steps/s",
      [&] {
        const store::Ledger::Counters before = ours.counters();
        const double speed = bench::per_second(steps, [&] { ours.run(runs); });
        const store::Ledger::Counters after = ours.counters();
        batch = static_cast<double>(after.operations - before.operations) /
                static_cast<double>(after.commits - before.commits);
        return speed;
      },
      peer, [&] { return bench::per_second(steps, [&] { raw.write(runs, batch); }); });
  std::printf("  %s: %zu rows a run, %.1f operations a commit\n", name.c_str(), raw.rows(), batch);
}

}  // namespace

int main() {
  const auto jail = rules::Jail::start().value();
  compare(*jail, "steps_1_run", 1, 1, "raw_sqlcipher_batch1");
  compare(*jail, "steps_1_run_coalesced", 1, kBatch, "raw_sqlcipher_same_batch");
  compare(*jail, "steps_64_runs", 64, kBatch, "raw_sqlcipher_same_batch");
  return 0;
}
