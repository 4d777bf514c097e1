#include "stargraph/engine/affected.hpp"

#include <set>

namespace stargraph::engine {
namespace {

using base::Result;
using store::Connection;
using store::Statement;

Result<bool> has_runs(Connection& connection) {
  SG_TRY(Statement row, connection.query("SELECT 1 FROM sqlite_master WHERE type='table' AND name='runs'"));
  return row.step();
}

}  // namespace

Result<std::map<base::GraphId, std::int64_t>> affected_runs(Connection& connection,
                                                            std::span<const crypto::Digest> digests) {
  std::map<base::GraphId, std::int64_t> affected;
  SG_TRY(const bool used, has_runs(connection));
  if (!used) return affected;
  std::set<std::string> seen;  // a run may rest on two of them
  for (const crypto::Digest& digest : digests) {
    // The digest stands in the basis as a whole JSON string, so no other text is taken for it.
    SG_TRY(Statement rows,
           connection.query("SELECT r.run_id, r.graph_id FROM runs r JOIN bases b ON b.basis_hash = r.basis_hash WHERE "
                            "r.state IN ('pending','running','waiting','working','paused') AND "
                            "instr(b.packs, ?1) > 0"));
    rows.bind(1, "\"" + digest.hex() + "\"");
    while (true) {
      SG_TRY(const bool more, rows.step());
      if (!more) break;
      if (seen.insert(rows.text(0)).second) ++affected[base::GraphId(rows.text(1))];
    }
  }
  return affected;
}

}  // namespace stargraph::engine
