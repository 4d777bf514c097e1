// Append-only tables: rows come and stay as they are. For the SQL of migrations.
#pragma once

#include <string>
#include <string_view>

namespace stargraph::store {

// Triggers that refuse UPDATE and DELETE of any row of `table` (lower-case letters, digits, '_'), hence
// also REPLACE and UPSERT, because recursive_triggers is on. The refused statement is kInternal.
//   static const std::string sql = "CREATE TABLE steps(...) STRICT;" + append_only_triggers("steps");
[[nodiscard]] std::string append_only_triggers(std::string_view table);

}  // namespace stargraph::store
