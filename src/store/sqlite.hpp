// What the files of this module share of SQLite: owned handles and the mapping of its errors.
#pragma once

#include <sqlcipher/sqlite3.h>

#include <memory>
#include <string_view>

#include "stargraph/base/result.hpp"

namespace stargraph::store::sqlite {

struct Close {
  void operator()(sqlite3* handle) const { sqlite3_close(handle); }
};
struct Finalize {
  void operator()(sqlite3_stmt* compiled) const { sqlite3_finalize(compiled); }
};
using Handle = std::unique_ptr<sqlite3, Close>;
using Compiled = std::unique_ptr<sqlite3_stmt, Finalize>;

// What went wrong while `doing` something. `handle` may be null. SQLite's own text is kept only where
// it names our SQL and schema, never where it could hold a value.
[[nodiscard]] base::Error error_while_compiling(sqlite3* handle, int result);
[[nodiscard]] base::Error error_while(std::string_view doing, sqlite3* handle, int result);

}  // namespace stargraph::store::sqlite
