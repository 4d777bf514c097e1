// What the tests of the store share: a private directory, a key, a small schema.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>

#include "stargraph/store/database.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::store {

inline constexpr auto kSchema = std::to_array<Migration>({
    {"test", 1,
     "CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"
     "CREATE TABLE replies(note INTEGER NOT NULL REFERENCES notes(id)) STRICT;"},
});

// 32 bytes, the same for the same seed.
inline crypto::Secret make_key(unsigned char seed = 1) {
  std::array<std::byte, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(seed + 7 * i);
  return crypto::Secret::copy(bytes);
}

class StoreTest : public ::testing::Test {
 protected:
  [[nodiscard]] base::Path file() const { return directory / "state.db"; }
  [[nodiscard]] base::Result<std::unique_ptr<Database>> open(const crypto::Secret& key = make_key()) const {
    return Database::open(file(), key, kSchema);
  }
  // Opens or ends the test.
  [[nodiscard]] std::unique_ptr<Database> must_open() const {
    auto database = open();
    EXPECT_TRUE(database.has_value()) << (database ? "" : database.error().message);
    return database ? std::move(*database) : nullptr;
  }

  test::TempDir directory;
};

inline base::Result<> add_note(Connection& connection, const std::string& text) {
  SG_TRY(Statement insert, connection.query("INSERT INTO notes(text) VALUES (?1)"));
  return insert.bind(1, text).run();
}

inline std::int64_t count_notes(Connection& connection) {
  auto rows = connection.query("SELECT count(*) FROM notes");
  EXPECT_TRUE(rows && rows->step().value_or(false));
  return rows ? rows->integer(0) : -1;
}

inline std::int64_t count_notes(Database& database) {
  auto reader = database.reader();
  EXPECT_TRUE(reader.has_value()) << (reader ? "" : reader.error().message);
  return reader ? count_notes(*reader) : -1;
}

template <class T>
::testing::AssertionResult succeeded(const base::Result<T>& result) {
  if (result) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << result.error().name() << ": " << result.error().message;
}

template <class T>
::testing::AssertionResult refused(const base::Result<T>& result, base::Code code) {
  if (result) return ::testing::AssertionFailure() << "it succeeded";
  if (result.error().code == code) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << result.error().name() << ": " << result.error().message;
}

}  // namespace stargraph::store
