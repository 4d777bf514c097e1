// Table revoked_runs, and which open runs rest on what.
#include "columns.hpp"

namespace stargraph::engine {

using base::Result;
using store::Connection;
using store::Statement;

Result<std::vector<crypto::Digest>> open_bases(Connection& db) {
  SG_TRY(Statement rows, db.query("SELECT DISTINCT basis_hash FROM runs WHERE state IN "
                                  "('pending','running','waiting','working','paused')"));
  std::vector<crypto::Digest> out;
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return out;
    SG_TRY(const crypto::Digest basis, stored_digest(rows.text(0)));
    out.push_back(basis);
  }
}

Result<std::vector<RunKey>> untold_runs(Connection& db, const crypto::Digest& basis_hash, std::int64_t limit) {
  SG_TRY(Statement rows, db.query("SELECT tenant, run_id FROM runs r WHERE state IN "
                                  "('pending','running','waiting','working','paused') AND basis_hash=?1 AND NOT EXISTS "
                                  "(SELECT 1 FROM revoked_runs v WHERE v.run_id=r.run_id) LIMIT ?2"));
  rows.bind(1, basis_hash.hex()).bind(2, limit);
  return keys(rows);
}

Result<std::int64_t> insert_revoked_run(Connection& db, const RunRow& run, const trust::PackRef& pack,
                                        base::Timestamp now) {
  SG_TRY(Statement row, db.query("INSERT INTO revoked_runs(run_id, tenant, pack, at) VALUES(?1,?2,?3,?4)"));
  row.bind(1, run.id.str()).bind(2, run.tenant.str()).bind(3, pack.digest.hex()).bind(4, base::to_micros(now));
  SG_TRY(row.run());
  return held_by(0);
}

}  // namespace stargraph::engine
