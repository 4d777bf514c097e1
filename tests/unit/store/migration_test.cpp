// Migrations: each once, all or nothing, never backwards; append-only tables.
#include "stargraph/store/append_only.hpp"
#include "store_fixture.hpp"

namespace stargraph::store {
namespace {

using base::Code;

class MigrationTest : public StoreTest {
 protected:
  auto open_with(std::span<const Migration> migrations) const { return Database::open(file(), make_key(), migrations); }
  static std::vector<std::string> applied(Database& database) {
    std::vector<std::string> found;
    auto reader = database.reader().value();
    auto rows = reader.query("SELECT module || ' ' || number FROM schema_version ORDER BY module, number").value();
    while (rows.step().value()) found.push_back(rows.text(0));
    return found;
  }
};

constexpr Migration kOne{"a", 1, "CREATE TABLE one(x INTEGER) STRICT; INSERT INTO one VALUES (1);"};
constexpr Migration kTwo{"a", 2, "ALTER TABLE one ADD COLUMN y INTEGER"};
constexpr Migration kOther{"b", 1, "CREATE TABLE other(x INTEGER) STRICT"};

TEST_F(MigrationTest, RunsEachOnceInOrder) {
  ASSERT_TRUE(succeeded(open_with(std::array{kOne})));
  ASSERT_TRUE(succeeded(open_with(std::array{kOne, kOther, kTwo})));
  auto database = open_with(std::array{kOne, kOther, kTwo});
  ASSERT_TRUE(succeeded(database));
  EXPECT_THAT(applied(**database), ::testing::ElementsAre("a 1", "a 2", "b 1"));
  auto reader = (*database)->reader().value();
  auto rows = reader.query("SELECT count(*) FROM one").value();
  ASSERT_TRUE(rows.step().value());
  EXPECT_EQ(rows.integer(0), 1) << "the row of migration 1 came once";
}

TEST_F(MigrationTest, AFailedOneLeavesNothingAndTheOnesBeforeStay) {
  constexpr Migration kBroken{"a", 2, "CREATE TABLE half(x); INSERT INTO no_such_table VALUES (1)"};
  const auto failed = open_with(std::array{kOne, kBroken});
  ASSERT_TRUE(refused(failed, Code::kInternal));
  EXPECT_THAT(failed.error().message, ::testing::HasSubstr("a 2"));
  auto database = open_with(std::array{kOne, kTwo});
  ASSERT_TRUE(succeeded(database));
  EXPECT_TRUE(refused((*database)->reader().value().query("SELECT * FROM half"), Code::kInternal));
}

TEST_F(MigrationTest, SG_T_STATE_RefusesADatabaseNewerThanTheProgram) {
  ASSERT_TRUE(succeeded(open_with(std::array{kOne, kTwo})));
  EXPECT_TRUE(refused(open_with(std::array{kOne}), Code::kDatabaseNewer));
}

TEST_F(MigrationTest, SG_T_STATE_RefusesAGapInWhatWasApplied) {
  {
    auto database = open_with(std::array{kOne, kTwo}).value();
    ASSERT_TRUE(succeeded(database->writer().value().execute("DELETE FROM schema_version WHERE number = 1")));
  }
  EXPECT_TRUE(refused(open_with(std::array{kOne, kTwo}), Code::kDatabaseNewer));
}

TEST_F(MigrationTest, LeavesModulesItDoesNotBringAlone) {
  ASSERT_TRUE(succeeded(open_with(std::array{kOne, kOther})));
  EXPECT_TRUE(succeeded(open_with(std::array{kOther})));
}

TEST_F(MigrationTest, RefusesGapsInWhatItIsGiven) {
  EXPECT_TRUE(refused(open_with(std::array{kTwo}), Code::kInternal));
  EXPECT_TRUE(refused(open_with(std::array{kOne, kOne}), Code::kInternal));
}

TEST_F(MigrationTest, CannotEndItsOwnTransaction) {
  constexpr Migration kEscapes{"a", 1, "CREATE TABLE t(x); COMMIT; CREATE TABLE u(x)"};
  EXPECT_TRUE(refused(open_with(std::array{kEscapes}), Code::kInternal));
  auto database = open_with({}).value();
  EXPECT_TRUE(refused(database->reader().value().query("SELECT * FROM t"), Code::kInternal));
}

class AppendOnly : public MigrationTest {
 protected:
  void SetUp() override {
    sql = "CREATE TABLE entries(id INTEGER PRIMARY KEY, text TEXT UNIQUE) STRICT;" + append_only_triggers("entries");
    database = open_with(std::array{Migration{"log", 1, sql}}).value();
    writer.emplace(database->writer().value());
    ASSERT_TRUE(succeeded(writer->execute("INSERT INTO entries VALUES (1, 'first')")));
  }
  std::string sql;
  std::unique_ptr<Database> database;
  std::optional<Connection> writer;
};

TEST_F(AppendOnly, RC_T_AUDIT_RefusesEveryWayToChangeARow) {
  for (const char* change : {
           "UPDATE entries SET text = 'forged'",
           "DELETE FROM entries",
           "DELETE FROM entries WHERE id = 1",
           "REPLACE INTO entries VALUES (1, 'forged')",
           "INSERT OR REPLACE INTO entries VALUES (2, 'first')",
           "INSERT INTO entries VALUES (1, 'x') ON CONFLICT(id) DO UPDATE SET text = 'forged'",
           "UPDATE OR IGNORE entries SET text = 'forged'",
           "UPDATE OR REPLACE entries SET text = 'forged'",
       }) {
    const auto result = writer->execute(change);
    ASSERT_TRUE(refused(result, Code::kInternal)) << change;
    EXPECT_THAT(result.error().message, ::testing::HasSubstr("append-only: entries")) << change;
  }
  auto rows = writer->query("SELECT id, text FROM entries").value();
  ASSERT_TRUE(rows.step().value());
  EXPECT_EQ(rows.integer(0), 1);
  EXPECT_EQ(rows.text(1), "first");
  EXPECT_FALSE(rows.step().value());
}

TEST_F(AppendOnly, RC_T_AUDIT_ItsTriggersCannotBeDropped) {
  EXPECT_TRUE(refused(writer->execute("DROP TRIGGER entries_refuses_UPDATE"), Code::kInternal));
  EXPECT_TRUE(refused(writer->execute("DROP TABLE entries"), Code::kInternal));
}

TEST_F(AppendOnly, StillGrows) { EXPECT_TRUE(succeeded(writer->execute("INSERT INTO entries VALUES (2, 'second')"))); }

}  // namespace
}  // namespace stargraph::store
