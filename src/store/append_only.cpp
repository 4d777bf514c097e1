#include "stargraph/store/append_only.hpp"

#include <algorithm>

#include "stargraph/base/check.hpp"

namespace stargraph::store {

std::string append_only_triggers(std::string_view table) {
  SG_CHECK(!table.empty() && std::ranges::all_of(table, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  }));
  const std::string name(table);
  std::string sql;
  for (const std::string_view change : {"UPDATE", "DELETE"}) {
    sql += "\nCREATE TRIGGER " + name + "_refuses_" + std::string(change) + " BEFORE " + std::string(change) + " ON " +
           name + " BEGIN SELECT RAISE(ABORT, 'append-only: " + name + "'); END;";
  }
  return sql;
}

}  // namespace stargraph::store
