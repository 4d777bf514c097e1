// Key, encryption, settings, transactions and the reader pool.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "store_fixture.hpp"

namespace stargraph::store {
namespace {

using base::Code;

class DatabaseOpen : public StoreTest {};
class DatabaseUse : public StoreTest {
 protected:
  void SetUp() override {
    database = must_open();
    ASSERT_NE(database, nullptr);
    writer.emplace(database->writer().value());
  }
  std::unique_ptr<Database> database;
  std::optional<Connection> writer;
};

TEST_F(DatabaseOpen, KeepsRowsFromOpenToOpen) {
  {
    auto database = must_open();
    auto writer = database->writer().value();
    ASSERT_TRUE(succeeded(add_note(writer, "kept")));
  }
  EXPECT_EQ(count_notes(*must_open()), 1);
}

TEST_F(DatabaseOpen, SG_I_STATE_RefusesAnotherKey) {
  ASSERT_TRUE(succeeded(open()));
  EXPECT_TRUE(refused(open(make_key(2)), Code::kDatabaseKeyWrong));
  EXPECT_TRUE(succeeded(open()));
}

TEST_F(DatabaseOpen, SG_I_STATE_RefusesKeysOfOtherSizes) {
  EXPECT_TRUE(refused(open(crypto::Secret()), Code::kConfigInvalid));
  EXPECT_TRUE(refused(open(crypto::Secret(16)), Code::kConfigInvalid));
  EXPECT_TRUE(refused(open(crypto::Secret(33)), Code::kConfigInvalid));
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(DatabaseOpen, SG_T_STATE_RefusesAPlainDatabase) {
  std::string page(4096, '\0');
  page.replace(0, 16, std::string("SQLite format 3\0", 16));
  directory.write("state.db", page);
  ASSERT_EQ(::chmod(file().c_str(), 0600), 0);
  EXPECT_TRUE(refused(open(), Code::kDatabaseKeyWrong));
}

// A changed page is noticed by its HMAC, not read as other data.
TEST_F(DatabaseOpen, SG_T_STATE_NoticesAFlippedByteInAnyPage) {
  {
    auto database = must_open();
    auto writer = database->writer().value();
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(succeeded(add_note(writer, std::string(200, 'x') + std::to_string(i))));
  }
  const std::string original = directory.read("state.db");
  ASSERT_GT(original.size(), 4U * 4096U);
  for (std::size_t page = 0; page * 4096 < original.size(); ++page) {
    std::string damaged = original;
    damaged[page * 4096 + 1000] = static_cast<char>(damaged[page * 4096 + 1000] ^ 1);
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << damaged;
    auto database = open();
    if (!database) continue;
    auto reader = (*database)->reader().value();
    auto rows = reader.query("PRAGMA cipher_integrity_check");
    ASSERT_TRUE(succeeded(rows));
    EXPECT_TRUE(rows->step().value()) << "page " << page << ": not noticed";
  }
}

TEST_F(DatabaseOpen, SG_I_STATE_LeavesNoPlainTextInAnyFile) {
  const std::string marker = "plain-text-marker-5b1e";
  auto database = must_open();
  auto writer = database->writer().value();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(succeeded(add_note(writer, marker + std::to_string(i))));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    const std::string bytes = directory.read(entry.path().filename().string());
    ++files;
    for (const std::string& text :
         {marker, std::string("SQLite format"), std::string("CREATE TABLE"), std::string("notes")}) {
      EXPECT_EQ(bytes.find(text), std::string::npos) << entry.path().filename() << " holds " << text;
    }
  }
  EXPECT_EQ(files, 3U) << "the file, its -wal and its -shm";
  EXPECT_GT(std::filesystem::file_size(directory / "state.db-wal"), 0U) << "the rows went through it";
}

TEST_F(DatabaseOpen, SG_D_STATE_ManyProcessesCreateItAtOnce) {
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto database = open();
      auto writer = database ? (*database)->writer() : std::unexpected(database.error());
      const bool good = writer && add_note(*writer, "from " + std::to_string(i));
      ::_exit(good ? 0 : 1);
    }
    ASSERT_GT(child, 0);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(count_notes(*must_open()), 6);
}

TEST_F(DatabaseUse, SG_T_STATE_RefusesAttach) {
  EXPECT_TRUE(refused(writer->execute("ATTACH '" + (directory / "other.db").string() + "' AS other"), Code::kInternal));
  EXPECT_FALSE(std::filesystem::exists(directory / "other.db"));
}

TEST_F(DatabaseUse, SG_T_STATE_RefusesSettingsAfterOpening) {
  for (const char* pragma : {"PRAGMA synchronous = OFF", "PRAGMA recursive_triggers = OFF", "PRAGMA foreign_keys = OFF",
                             "PRAGMA journal_mode = DELETE", "PRAGMA writable_schema = ON", "PRAGMA rekey = 'x'",
                             "PRAGMA trusted_schema = ON", "PRAGMA wal_checkpoint"}) {
    EXPECT_TRUE(refused(writer->execute(pragma), Code::kInternal)) << pragma;
    EXPECT_TRUE(refused(writer->query(pragma), Code::kInternal)) << pragma;
  }
  EXPECT_TRUE(succeeded(writer->execute("PRAGMA integrity_check")));
}

TEST_F(DatabaseUse, SG_T_STATE_OnlyMigrationsChangeTheSchema) {
  for (const char* sql : {"CREATE TABLE more(a)", "DROP TABLE notes", "ALTER TABLE notes RENAME TO gone",
                          "CREATE TEMP TABLE notes(a)", "CREATE INDEX i ON notes(text)", "CREATE VIEW v AS SELECT 1",
                          "DELETE FROM sqlite_schema", "CREATE VIRTUAL TABLE f USING fts5(a)"}) {
    EXPECT_TRUE(refused(writer->execute(sql), Code::kInternal)) << sql;
  }
}

TEST_F(DatabaseUse, SG_I_STATE_MessagesHoldNoValues) {
  const std::string secret = "value-that-stays-secret";
  ASSERT_TRUE(succeeded(add_note(*writer, secret)));
  const auto again = add_note(*writer, secret);
  ASSERT_TRUE(refused(again, Code::kConflict));
  EXPECT_EQ(again.error().message.find(secret), std::string::npos);
  EXPECT_THAT(again.error().message, ::testing::HasSubstr("notes.text"));
}

TEST_F(DatabaseUse, RefusesAForeignKeyToNowhere) {
  EXPECT_TRUE(refused(writer->execute("INSERT INTO replies(note) VALUES (99)"), Code::kInternal));
}

TEST_F(DatabaseUse, DoubleQuotesAreNeverStrings) {
  EXPECT_TRUE(refused(writer->query("SELECT * FROM notes WHERE text = \"no_such_column\""), Code::kInternal));
}

TEST_F(DatabaseUse, ReadersCannotWrite) {
  auto reader = database->reader().value();
  EXPECT_TRUE(refused(add_note(reader, "no"), Code::kInternal));
  EXPECT_EQ(count_notes(*writer), 0);
}

TEST_F(DatabaseUse, AReadSeesOneMoment) {
  ASSERT_TRUE(succeeded(add_note(*writer, "one")));
  const auto result = database->read([&](Connection& reader) -> base::Result<> {
    EXPECT_EQ(count_notes(reader), 1);
    SG_TRY(add_note(*writer, "two"));
    EXPECT_EQ(count_notes(reader), 1);
    return {};
  });
  EXPECT_TRUE(succeeded(result));
  EXPECT_EQ(count_notes(*database), 2);
}

TEST_F(DatabaseUse, AFailedReadGivesItsErrorAndTheReaderIsGoodAgain) {
  EXPECT_TRUE(refused(database->read([](Connection&) -> base::Result<> { return base::fail(Code::kNotFound, "x"); }),
                      Code::kNotFound));
  EXPECT_EQ(count_notes(*database), 0);
}

TEST_F(DatabaseUse, AReaderWithAnOpenTransactionDoesNotComeBack) {
  {
    auto reader = database->reader().value();
    ASSERT_TRUE(succeeded(reader.execute("BEGIN")));
    EXPECT_EQ(count_notes(reader), 0);
  }
  ASSERT_TRUE(succeeded(add_note(*writer, "later")));
  EXPECT_EQ(count_notes(*database), 1);
}

TEST_F(DatabaseUse, SG_D_STATE_AHeldWriteLockIsBusyNotForever) {
  auto other = database->writer().value();
  ASSERT_TRUE(succeeded(writer->execute("BEGIN IMMEDIATE")));
  EXPECT_TRUE(refused(other.execute("BEGIN IMMEDIATE"), Code::kBusy));
}

}  // namespace
}  // namespace stargraph::store
