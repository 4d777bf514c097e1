// Settings that two bugs of the pinned SQLite ask for (third_party/VEX.md): no page of a savepoint reaches the
// WAL before its commit, and one connection alone checkpoints.
#include <gtest/gtest.h>

#include "stargraph/store/ledger.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::store {
namespace {

using base::Code;

constexpr Migration kTable[] = {{"test", 1, "CREATE TABLE rows(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT"}};

class Checkpoint : public ::testing::Test {
 protected:
  Checkpoint() : key_(32), database_(Database::open(directory_ / "test.db", key_, kTable).value()) {}

  static base::Result<> fill(Connection& db, int rows) {
    const base::Bytes body(4000, std::byte{7});
    SG_TRY(Statement row, db.query("INSERT INTO rows(body) VALUES(?1)"));
    for (int i = 0; i < rows; ++i) {
      row.bind(1, base::BytesView(body));
      SG_TRY(row.run());
      row.reset();
    }
    return {};
  }
  std::uintmax_t file_size() { return std::filesystem::file_size(directory_ / "test.db"); }
  std::uintmax_t wal_size() { return std::filesystem::file_size(directory_ / "test.db-wal"); }

  test::TempDir directory_;
  crypto::Secret key_;
  std::unique_ptr<Database> database_;
};

// 12,000 rows are far more pages than the cache of 2 MB holds.
TEST_F(Checkpoint, SG_T_STATE_ARolledBackSavepointLargerThanTheCacheLosesNothingThatWasCommitted) {
  {
    const auto ledger = Ledger::manual(*database_).value();
    ledger->post(
        [](Connection& db) -> base::Result<> {
          SG_TRY(fill(db, 12'000));
          return base::fail(Code::kConflict, "test: rolled back");
        },
        {});
    const std::uintmax_t before = wal_size();
    base::Result<> kept = base::fail(Code::kInternal, "test: not done");
    ledger->post([](Connection& db) { return fill(db, 1); }, [&](const base::Result<>& done) { kept = done; });
    while (ledger->pump()) {
    }
    ASSERT_TRUE(kept.has_value()) << kept.error().message;
    EXPECT_LT(wal_size() - before, 200'000U) << "pages of the rolled back savepoint were written";
    // A power cut now: what is on the disk is all there is.
    std::filesystem::copy_file(directory_ / "test.db", directory_ / "copy.db");
    std::filesystem::copy_file(directory_ / "test.db-wal", directory_ / "copy.db-wal");
  }
  const auto copy = Database::open(directory_ / "copy.db", key_, kTable).value();
  Connection db = copy->reader().value();
  Statement count = db.query("SELECT count(*) FROM rows").value();
  ASSERT_TRUE(count.step().value());
  EXPECT_EQ(count.integer(0), 1);
}

TEST_F(Checkpoint, OnlyTheLedgersConnectionCheckpoints) {
  const std::uintmax_t empty = file_size();
  const auto ledger = Ledger::manual(*database_).value();
  Connection importer = database_->writer().value();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(importer.execute("BEGIN IMMEDIATE").has_value());
    ASSERT_TRUE(fill(importer, 1'000).has_value());
    ASSERT_TRUE(importer.execute("COMMIT").has_value());
  }
  EXPECT_EQ(file_size(), empty) << "a connection that is not the ledger's moved pages into the database";
  ASSERT_TRUE(ledger->run([](Connection& connection) { return fill(connection, 1); }).has_value());
  EXPECT_GT(file_size(), empty) << "the ledger's connection does not checkpoint";
}

}  // namespace
}  // namespace stargraph::store
