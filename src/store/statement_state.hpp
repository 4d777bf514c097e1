// Inside of a Statement: one compiled statement, borrowed from the connection's cache or its own.
#pragma once

#include <optional>

#include "stargraph/store/database.hpp"
#include "store/connection_state.hpp"

namespace stargraph::store {

struct Statement::State {
  State(Connection::State& connection, Connection::State::Cached& from_cache)
      : owner(connection), cached(&from_cache), compiled(from_cache.compiled.get()) {
    from_cache.in_use = true;
    ++owner.statements_out;
  }
  State(Connection::State& connection, sqlite::Compiled own_statement)
      : owner(connection), own(std::move(own_statement)), compiled(own.get()) {
    ++owner.statements_out;
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  void note(int result);                // keeps the first failure of a bind
  sqlite3_stmt* row(int column) const;  // checked: there is a row and it has the column

  Connection::State& owner;  // outlives the statement, see database.hpp
  Connection::State::Cached* cached = nullptr;
  sqlite::Compiled own;  // when the cached twin is in use
  sqlite3_stmt* compiled;
  std::optional<base::Error> problem;  // the result of every step until reset()
  bool on_row = false;
  bool at_end = false;
};

}  // namespace stargraph::store
