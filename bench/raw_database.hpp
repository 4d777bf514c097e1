// The peer of the database benchmarks: SQLCipher's own API, with the key, page format and durability that ours has.
#pragma once

#include <sqlcipher/sqlite3.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/base/env.hpp"

namespace stargraph::bench {

inline constexpr std::array<std::byte, 32> kKey{};  // its value does not matter to the time

class RawDatabase {
 public:
  RawDatabase(const base::Path& file, const char* tables) {
    SG_CHECK(sqlite3_open(file.c_str(), &handle_) == SQLITE_OK);
    const std::string key = "x'" + base::to_hex(kKey) + "'";
    SG_CHECK(sqlite3_key(handle_, key.data(), static_cast<int>(key.size())) == SQLITE_OK);
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    execute(tables);
  }
  ~RawDatabase() {
    for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
    sqlite3_close(handle_);
  }
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;

  void execute(const char* sql) { SG_CHECK(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK); }
  // Lives as long as this.
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    SG_CHECK(sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr) == SQLITE_OK);
    statements_.push_back(statement);
    return statement;
  }
  static void run(sqlite3_stmt* statement) {
    SG_CHECK(sqlite3_step(statement) == SQLITE_DONE);
    sqlite3_reset(statement);
  }

 private:
  sqlite3* handle_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
};

}  // namespace stargraph::bench
