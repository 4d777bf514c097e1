#include "stargraph/audit/audit_store.hpp"

#include <array>

namespace stargraph::audit {
namespace {

using base::Result;
using store::Connection;

// The outbox is no append-only table: rows leave it once they are on the audit writer's disk. Its tenant
// stands in the record.
constexpr std::array<store::Migration, 1> kMigrations = {store::Migration{.module = "audit", .number = 1, .sql = R"sql(
CREATE TABLE audit_source (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  last_seq INTEGER NOT NULL CHECK (last_seq >= 0)
) STRICT;
INSERT INTO audit_source (id, last_seq) VALUES (1, 0);
CREATE TABLE audit_outbox (
  source_seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT;
)sql"}};

}  // namespace

std::span<const store::Migration> audit_migrations() { return kMigrations; }

Result<SourceSeq> append_numbered(Connection& connection, const Event& event, base::Timestamp now) {
  SG_TRY(auto number,
         connection.query("UPDATE audit_source SET last_seq = last_seq + 1 WHERE id = 1 RETURNING last_seq"));
  SG_TRY(const bool there, number.step());
  if (!there) return base::fail(base::Code::kInternal, "audit: outbox: no counter");
  const SourceSeq source_seq(number.integer(0));
  SG_TRY(number.run());
  SG_TRY(const std::string record, encode_record(Record{event, source_seq, now}));
  SG_TRY(auto row, connection.query("INSERT INTO audit_outbox (source_seq, at, record) VALUES (?1, ?2, ?3)"));
  row.bind(1, source_seq.value()).bind(2, base::to_micros(now)).bind(3, record);
  SG_TRY(row.run());
  return source_seq;
}

Result<> append(Connection& connection, const Event& event, base::Timestamp now) {
  SG_TRY(append_numbered(connection, event, now));
  return {};
}

Result<std::vector<OutboxRow>> outbox_rows(Connection& connection, SourceSeq after, std::size_t limit) {
  SG_TRY(auto rows, connection.query("SELECT source_seq, at, record FROM audit_outbox WHERE source_seq > ?1 "
                                     "ORDER BY source_seq LIMIT ?2"));
  rows.bind(1, after.value()).bind(2, static_cast<std::int64_t>(limit));
  std::vector<OutboxRow> found;
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return found;
    found.push_back({SourceSeq(rows.integer(0)), base::from_micros(rows.integer(1)), rows.text(2)});
  }
}

Result<> outbox_delete(Connection& connection, SourceSeq up_to) {
  SG_TRY(auto row, connection.query("DELETE FROM audit_outbox WHERE source_seq <= ?1"));
  row.bind(1, up_to.value());
  return row.run();
}

Result<> outbox_resume(Connection& connection, SourceSeq last) {
  SG_TRY(outbox_delete(connection, last));
  SG_TRY(auto counter, connection.query("UPDATE audit_source SET last_seq = ?1 WHERE id = 1 AND last_seq < ?1"));
  counter.bind(1, last.value());
  return counter.run();
}

Result<SourceSeq> outbox_last(Connection& connection) {
  SG_TRY(auto row, connection.query("SELECT last_seq FROM audit_source WHERE id = 1"));
  SG_TRY(const bool there, row.step());
  if (!there) return base::fail(base::Code::kInternal, "audit: outbox: no counter");
  return SourceSeq(row.integer(0));
}

}  // namespace stargraph::audit
