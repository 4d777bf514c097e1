#include "stargraph/engine/verdict.hpp"

namespace stargraph::engine {

using base::Result;
using store::Connection;
using store::Statement;

Result<std::int64_t> write_verdict(Connection& connection, const ReloadVerdict& verdict) {
  SG_TRY(Statement row, connection.query("INSERT INTO reload_verdict(id, serial, acts, outcome, message, at) "
                                         "VALUES(1, 1, ?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET "
                                         "serial = serial + 1, acts = excluded.acts, outcome = excluded.outcome, "
                                         "message = excluded.message, at = excluded.at"));
  row.bind(1, verdict.acts).bind(2, verdict.outcome).bind(3, verdict.message).bind(4, base::to_micros(verdict.at));
  SG_TRY(row.run());
  SG_TRY(const auto written, read_verdict(connection));
  return written->serial;
}

Result<std::optional<ReloadVerdict>> read_verdict(Connection& connection) {
  SG_TRY(Statement row, connection.query("SELECT serial, acts, outcome, message, at FROM reload_verdict WHERE id = 1"));
  SG_TRY(const bool there, row.step());
  if (!there) return std::nullopt;
  return ReloadVerdict{row.integer(0), row.integer(1), row.text(2), row.text(3), base::from_micros(row.integer(4))};
}

}  // namespace stargraph::engine
