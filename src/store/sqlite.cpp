#include "store/sqlite.hpp"

#include <cerrno>
#include <string>

namespace stargraph::store::sqlite {
namespace {

using base::Code;

constexpr int primary(int result) { return result & 0xff; }

Code code_of(sqlite3* handle, int result) {
  if (result == SQLITE_CONSTRAINT_UNIQUE || result == SQLITE_CONSTRAINT_PRIMARYKEY ||
      result == SQLITE_CONSTRAINT_ROWID) {
    return Code::kConflict;
  }
  switch (primary(result)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Code::kBusy;
    case SQLITE_FULL: return Code::kDiskLow;
    case SQLITE_TOOBIG: return Code::kTooLarge;
    case SQLITE_IOERR: {
      // Only some writes report a full disk as SQLITE_FULL; growing the -shm file does not.
      const int reason = handle == nullptr ? 0 : sqlite3_system_errno(handle);
      return reason == ENOSPC || reason == EDQUOT ? Code::kDiskLow : Code::kIo;
    }
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
    case SQLITE_NOLFS:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM: return Code::kIo;
    case SQLITE_READONLY:
      // Plain: our own write on a reader. Extended: the file was moved, or its directory became read-only.
      return result == SQLITE_READONLY ? Code::kInternal : Code::kIo;
    default: return Code::kInternal;
  }
}

base::Error error(std::string_view doing, sqlite3* handle, int result, bool with_text) {
  const char* reason = with_text && handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(result);
  return {code_of(handle, result), "database: " + std::string(doing) + ": " + reason};
}

}  // namespace

base::Error error_while_compiling(sqlite3* handle, int result) {
  const bool about_our_text = primary(result) == SQLITE_ERROR || primary(result) == SQLITE_AUTH;
  return error("prepare", handle, result, about_our_text);
}

base::Error error_while(std::string_view doing, sqlite3* handle, int result) {
  // Constraint texts name tables, columns and our own trigger messages.
  return error(doing, handle, result, primary(result) == SQLITE_CONSTRAINT);
}

}  // namespace stargraph::store::sqlite
