// Statements: values in and out, the cache, and errors that wait for step().
#include <limits>

#include "store_fixture.hpp"

namespace stargraph::store {
namespace {

using base::Code;

class StatementTest : public StoreTest {
 protected:
  void SetUp() override {
    database = must_open();
    ASSERT_NE(database, nullptr);
    connection.emplace(database->writer().value());
  }
  std::unique_ptr<Database> database;
  std::optional<Connection> connection;
};

TEST_F(StatementTest, CarriesEveryTypeBothWays) {
  auto row = connection->query("SELECT ?1, ?2, ?3, ?4, ?5, ?6").value();
  const base::Bytes blob{std::byte{0}, std::byte{255}};
  row.bind(1, std::string("with\0nul", 8)).bind(2, std::numeric_limits<std::int64_t>::min()).bind(3, blob);
  row.bind(4, nullptr).bind(5, true).bind(6, std::optional<std::string>());
  ASSERT_TRUE(row.step().value());
  EXPECT_EQ(row.text(0), std::string("with\0nul", 8));
  EXPECT_EQ(row.integer(1), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(row.blob(2), blob);
  EXPECT_TRUE(row.is_null(3));
  EXPECT_EQ(row.text(3), "");
  EXPECT_EQ(row.integer(4), 1);
  EXPECT_EQ(row.optional_text(5), std::nullopt);
  EXPECT_EQ(row.optional_integer(4), 1);
  EXPECT_FALSE(row.step().value());
}

TEST_F(StatementTest, EmptyIsNotNull) {
  auto row = connection->query("SELECT ?1, ?2").value();
  ASSERT_TRUE(row.bind(1, std::string_view()).bind(2, base::BytesView()).step().value());
  EXPECT_FALSE(row.is_null(0));
  EXPECT_FALSE(row.is_null(1));
}

TEST_F(StatementTest, CopiesWhatIsBound) {
  auto row = connection->query("SELECT ?1").value();
  {
    std::string text = "first value of some length";
    row.bind(1, text);
    text.assign(text.size(), 'X');
  }
  ASSERT_TRUE(row.step().value());
  EXPECT_EQ(row.text(0), "first value of some length");
}

TEST_F(StatementTest, ABadBindSticksUntilReset) {
  auto row = connection->query("SELECT ?1").value();
  row.bind(2, "no such parameter").bind(1, "good");
  EXPECT_TRUE(refused(row.step(), Code::kInternal));
  EXPECT_TRUE(refused(row.step(), Code::kInternal));
  row.reset();
  EXPECT_TRUE(row.step().value());
}

TEST_F(StatementTest, AnInsertHappensOnceHoweverOftenItIsStepped) {
  auto insert = connection->query("INSERT INTO notes(text) VALUES ('once') ").value();
  EXPECT_FALSE(insert.step().value());
  EXPECT_FALSE(insert.step().value());
  EXPECT_EQ(count_notes(*connection), 1);
}

TEST_F(StatementTest, RunIsReadyForTheNextValues) {
  auto insert = connection->query("INSERT INTO notes(text) VALUES (?1)").value();
  ASSERT_TRUE(succeeded(insert.bind(1, "a").run()));
  ASSERT_TRUE(refused(insert.bind(1, "a").run(), Code::kConflict));
  ASSERT_TRUE(succeeded(insert.bind(1, "b").run()));
  EXPECT_EQ(connection->changes(), 1);
  EXPECT_EQ(connection->last_rowid(), 2);
}

TEST_F(StatementTest, TheSameTextTwiceAtOnceIsTwoStatements) {
  ASSERT_TRUE(succeeded(add_note(*connection, "a")));
  ASSERT_TRUE(succeeded(add_note(*connection, "b")));
  const char* sql = "SELECT text FROM notes ORDER BY id";
  auto outer = connection->query(sql).value();
  ASSERT_TRUE(outer.step().value());
  {
    auto inner = connection->query(sql).value();
    ASSERT_TRUE(inner.step().value());
    EXPECT_EQ(inner.text(0), "a");
  }
  ASSERT_TRUE(outer.step().value());
  EXPECT_EQ(outer.text(0), "b");
}

TEST_F(StatementTest, SG_I_STATE_ForgetsValuesBetweenUses) {
  {
    ASSERT_TRUE(connection->query("SELECT ?1").value().bind(1, "left behind").step().value());
  }
  auto again = connection->query("SELECT ?1").value();
  ASSERT_TRUE(again.step().value());
  EXPECT_TRUE(again.is_null(0));
}

TEST_F(StatementTest, SG_T_STATE_QueryTakesExactlyOneStatement) {
  EXPECT_TRUE(refused(connection->query("SELECT 1; DELETE FROM notes"), Code::kInternal));
  EXPECT_TRUE(refused(connection->query(""), Code::kInternal));
  EXPECT_TRUE(refused(connection->query("-- nothing"), Code::kInternal));
  EXPECT_TRUE(refused(connection->query("SELEC 1"), Code::kInternal));
  EXPECT_TRUE(succeeded(connection->query("SELECT 1;\n")));
}

TEST_F(StatementTest, SG_D_STATE_RefusesTooLongValues) {
  auto row = connection->query("SELECT ?1").value();
  row.bind(1, std::string(72 * 1024 * 1024 + 1, 'x'));
  EXPECT_TRUE(refused(row.step(), Code::kTooLarge));
}

using StatementDeathTest = StatementTest;

TEST_F(StatementDeathTest, ReadingWithoutARowIsOurMistake) {
  auto row = connection->query("SELECT 1").value();
  EXPECT_DEATH((void)row.integer(0), "on_row");
  ASSERT_TRUE(row.step().value());
  EXPECT_DEATH((void)row.integer(1), "column");
}

}  // namespace
}  // namespace stargraph::store
