// Session: one SQLite handle, keyed and configured, and what SQL may do on it.
#pragma once

#include <cstdint>
#include <string_view>

#include "stargraph/base/env.hpp"
#include "stargraph/crypto/secret.hpp"
#include "store/sqlite.hpp"

namespace stargraph::store {

struct Session {
  enum class Role : std::uint8_t { kWriter, kReader };

  Session() = default;
  Session(const Session&) = delete;  // the authorizer points here
  Session& operator=(const Session&) = delete;

  // Opens an existing file, which may be empty. `file` has no symbolic link in it.
  // kDatabaseKeyWrong, kBusy, kIo.
  base::Result<> open(const base::Path& file, const crypto::Secret& key, Role role);
  void take_over_checkpoints();
  // The first statement of `sql`, null for a comment; `rest` is what follows it.
  base::Result<sqlite::Compiled> compile(std::string_view sql, unsigned flags, std::string_view* rest);
  base::Result<> execute(std::string_view sql);

  sqlite::Handle handle;

  // What the authorizer lets new SQL do, beside reading and writing rows.
  bool may_change_settings = true;  // while opening
  bool may_change_schema = false;   // while migrating
  bool may_use_transactions = true;
};

// Nothing but blanks and semicolons.
[[nodiscard]] bool is_blank(std::string_view sql);

}  // namespace stargraph::store
