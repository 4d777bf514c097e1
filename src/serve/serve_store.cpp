#include "stargraph/serve/serve_store.hpp"

#include <array>

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

// Of the site, not of a tenant: one row.
constexpr auto kMigrations = std::to_array<store::Migration>({
    {"serve", 1, "CREATE TABLE clock_floor(id INTEGER PRIMARY KEY CHECK (id = 1), micros INTEGER NOT NULL) STRICT;"},
});

}  // namespace

std::span<const store::Migration> serve_migrations() { return kMigrations; }

Result<> check_clock(store::Connection& connection, base::Timestamp now) {
  SG_TRY(auto row, connection.query("SELECT micros FROM clock_floor WHERE id = 1"));
  SG_TRY(const bool there, row.step());
  if (!there || row.integer(0) <= base::to_micros(now)) return {};
  return fail(Code::kClockBehind, "clock: " + base::format_rfc3339(now) + " is before " +
                                      base::format_rfc3339(base::from_micros(row.integer(0))) +
                                      ", which was seen already; set it right, or start once with --accept-clock");
}

Result<> raise_clock(store::Connection& connection, base::Timestamp now) {
  SG_TRY(auto row, connection.query("INSERT INTO clock_floor(id, micros) VALUES (1, ?1) "
                                    "ON CONFLICT (id) DO UPDATE SET micros = max(micros, excluded.micros)"));
  return row.bind(1, base::to_micros(now)).run();
}

Result<> accept_clock(store::Connection& connection, base::Timestamp now) {
  SG_TRY(auto row, connection.query("INSERT INTO clock_floor(id, micros) VALUES (1, ?1) "
                                    "ON CONFLICT (id) DO UPDATE SET micros = excluded.micros"));
  return row.bind(1, base::to_micros(now)).run();
}

}  // namespace stargraph::serve
