// A database of the second version, from before budgets and retention, is counted when it is opened.
#include "graphs.hpp"
#include "recount.hpp"

namespace stargraph::engine {
namespace {

// Rows as that version wrote them, the texts short enough to be counted by hand: one run with a row of every kind and
// one that has only begun, of two tenants. "ü" is two bytes, "€" three.
constexpr const char* kRows = R"sql(
INSERT INTO bases(basis_hash, graph_document, packs, any_worker_kind) VALUES('b', '{}', '[]', 0);
INSERT INTO runs VALUES('r1', 'soc', 'g', 'h', 'b', 'failed', NULL, 'manual', 'alice', 1, 1, 5, 9, NULL, NULL, 2, 'n',
  'ü', 'node-failed', '€', '{"a":1}', '{}', 's', 'd', 'x', 1, 3);
INSERT INTO runs VALUES('r2', 'lab', 'g', 'h', 'b', 'pending', NULL, 'manual', 'bob', 1, 1, NULL, 9, NULL, NULL, 0, 'n',
  '', NULL, NULL, '{}', '{}', 's', 'd', 'x', 0, 0);
INSERT INTO steps VALUES('soc', 'r1', 0, 'n', '{"ü":0}', 's', 'd'), ('soc', 'r1', 1, 'n', '{}', 's', 'd');
INSERT INTO events VALUES('soc', 'r1', 1, '{"e":1}');
INSERT INTO interrupts VALUES('i1', 'soc', 'r1', 0, 'n', '{"q":1}', '[]', 'closed', 1, NULL, NULL, NULL, NULL),
  ('i2', 'soc', 'r1', 1, 'n', '{}', '[]', 'answered', 1, NULL, '{"a":2}', 'alice', 2);
INSERT INTO work_items VALUES('t1', 'soc', 'r1', 0, 'n', 'k', '{"c":1}', '{"i":1}', 'done', 1, '', 'w', NULL, 9, '');
INSERT INTO idempotency VALUES('soc', 'key', 'q', 'r1', 1);
INSERT INTO revoked_runs VALUES('r1', 'soc', 'p', 1);
)sql";
// Nine rows of 512 bytes, and their texts: 2+3+7+2 of the run, 8+2 of steps, 7 of the event, 7+2 and 2+2+7 of the
// questions, 7+7 of the task, 3 of the key.
constexpr std::int64_t kOfSoc = 9 * 512 + 14 + 10 + 7 + 9 + 11 + 14 + 3;
constexpr std::int64_t kOfLab = 512 + 4;

class Migrated : public CountedTest {
 protected:
  // Opens a database file of that version, fills it and opens it again with this one.
  void migrate() {
    const std::vector<store::Migration> all = migrations_;
    std::erase_if(migrations_, [](const store::Migration& one) { return one.module == "engine" && one.number > 2; });
    ledger_.reset();
    database_.reset();
    std::filesystem::remove(directory_.path() / "test.db");
    open_database();
    const auto filled = ledger_->run([](store::Connection& db) { return db.execute(kRows); });
    ASSERT_TRUE(filled.has_value()) << filled.error().message;
    migrations_ = all;
    open_database();
  }
};

TEST_F(Migrated, SG_D_STATE_WhatIsThereIsCounted) {
  migrate();
  EXPECT_EQ(ask("SELECT run_id, held_bytes FROM runs"), (Counts{{"r1", kOfSoc}, {"r2", kOfLab}}));
  EXPECT_EQ(ask("SELECT tenant, bytes FROM tenant_use"), (Counts{{"soc", kOfSoc}, {"lab", kOfLab}}));
  expect_counted("migration");
}

TEST_F(Migrated, SG_T_STATE_OldRecordsAreGuardedAsNewOnes) {
  migrate();
  const auto allowed = [this](const std::string& sql) {
    return ledger_->run([&](store::Connection& db) { return db.execute(sql); }).has_value();
  };
  const std::string tombstone =
      "INSERT INTO removed_runs SELECT run_id, tenant, finished_at, steps, step_hash, "
      "decision_hash, 6 FROM runs WHERE run_id=";
  for (const std::string table : {"steps", "events", "revoked_runs", "runs"}) {
    EXPECT_FALSE(allowed("DELETE FROM " + table)) << table;
  }
  for (const std::string table : {"steps", "events", "revoked_runs", "removed_runs"}) {
    EXPECT_EQ(allowed("UPDATE " + table + " SET tenant='x'"), count(table) == 0) << table;
  }
  EXPECT_FALSE(allowed(tombstone + "'r2'"));
  EXPECT_TRUE(allowed(tombstone + "'r1'"));
  EXPECT_TRUE(allowed("DELETE FROM steps WHERE run_id='r1'"));
}

TEST_F(Migrated, AnEmptyDatabaseHasNothingToCount) {
  make_engine({kLine});
  EXPECT_EQ(count("tenant_use"), 0);
}

}  // namespace
}  // namespace stargraph::engine
