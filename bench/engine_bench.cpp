// Durable steps a second through the whole engine (jail, state, hashes, ledger) beside a raw SQLCipher loop that
// commits the same bytes in transactions of the size the ledger really had.
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "figure.hpp"
#include "raw_database.hpp"
#include "stargraph/audit/outbox.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/engine/engine.hpp"
#include "stargraph/engine/engine_store.hpp"
#include "stargraph/graph/parse.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace stargraph;

constexpr int kSteps = 40;  // of one run

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

// What one run leaves in its steps and events, and how it got there. The rows of runs that are updated on the way and
// the audit records are not counted: the peer does not write them.
struct Profile {
  std::int64_t rows = 0;   // steps and events of a run
  std::int64_t bytes = 0;  // in them
  double batch = 1;        // rows in one transaction
};

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

  // The last run's rows, and rows a commit since the start of the measured part.
  Profile profile(std::uint64_t commits_before, int runs) {
    Profile out;
    SG_CHECK(database_
                 ->read([&](store::Connection& db) -> base::Result<> {
                   for (const char* sql : {"SELECT count(*), sum(length(tenant) + length(run_id) + length(node) + "
                                           "length(record) + 200) FROM steps WHERE run_id=?1",
                                           "SELECT count(*), sum(length(tenant) + length(run_id) + length(body) + 8) "
                                           "FROM events WHERE run_id=?1"}) {
                     SG_TRY(store::Statement row, db.query(sql));
                     row.bind(1, last_.str());
                     SG_TRY([[maybe_unused]] const bool found, row.step());
                     out.rows += row.integer(0);
                     out.bytes += row.integer(1);
                   }
                   return {};
                 })
                 .has_value());
    const std::uint64_t commits = std::max<std::uint64_t>(1, ledger_->counters().commits - commits_before);
    out.batch = static_cast<double>(out.rows) * runs / static_cast<double>(commits);
    return out;
  }
  std::uint64_t commits() const { return ledger_->counters().commits; }

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

class RawLoop {
 public:
  explicit RawLoop(const base::Path& file) : database_(file, kTable) {}

  // The rows of `runs` runs of this profile.
  void write(const Profile& profile, int runs) {
    const std::string body(static_cast<std::size_t>(profile.bytes / profile.rows), 'x');
    const std::int64_t all = profile.rows * runs;
    const auto batch = std::max<std::int64_t>(1, static_cast<std::int64_t>(profile.batch + 0.5));
    for (std::int64_t done = 0; done < all; done += batch) {
      database_.execute("BEGIN IMMEDIATE");
      for (std::int64_t i = done; i < std::min(all, done + batch); ++i) {
        sqlite3_bind_text(insert_, 1, "019aa0c4-7f6b-7000-8000-0123456789ab", -1, SQLITE_STATIC);
        sqlite3_bind_int64(insert_, 2, ++number_);
        sqlite3_bind_blob(insert_, 3, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
        bench::RawDatabase::run(insert_);
      }
      database_.execute("COMMIT");
    }
  }

 private:
  static constexpr const char* kTable =
      "CREATE TABLE rows(run TEXT NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(run, number)) "
      "STRICT, WITHOUT ROWID;";

  bench::RawDatabase database_;
  sqlite3_stmt* insert_ = database_.prepare("INSERT INTO rows(run, number, body) VALUES (?1, ?2, ?3)");
  std::int64_t number_ = 0;
};

// `batch_steps` 1: every step is its own durable point.
void compare(rules::Jail& jail, const std::string& name, int runs, int batch_steps, const std::string& peer) {
  if (!bench::wanted(name)) return;
  const test::TempDir directory;
  OurEngine ours(jail, directory / "ours.db", batch_steps);
  ours.run(runs);  // warm, and a first profile
  Profile profile = ours.profile(0, runs);
  RawLoop raw(directory / "raw.db");
  const auto steps = static_cast<std::size_t>(runs) * kSteps;
  bench::compare(
      name, "steps/s",
      [&] {
        const std::uint64_t before = ours.commits();
        const double speed = bench::per_second(steps, [&] { ours.run(runs); });
        profile = ours.profile(before, runs);
        return speed;
      },
      peer, [&] { return bench::per_second(steps, [&] { raw.write(profile, runs); }); }, 3);
  std::printf("  %s: %lld rows and %lld bytes a run, %.1f rows a commit\n", name.c_str(),
              static_cast<long long>(profile.rows), static_cast<long long>(profile.bytes), profile.batch);
}

}  // namespace

int main() {
  const auto jail = rules::Jail::start().value();
  compare(*jail, "steps_1_run", 1, 1, "raw_sqlcipher_batch1");
  compare(*jail, "steps_1_run_coalesced", 1, 16, "raw_sqlcipher_same_batch");
  compare(*jail, "steps_64_runs", 64, 16, "raw_sqlcipher_same_batch");
  return 0;
}
