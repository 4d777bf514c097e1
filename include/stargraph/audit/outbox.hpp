// Outbox: an act and its audit record are one transaction (law 3).
//
// append() writes a row of `audit_outbox` inside the caller's transaction and numbers it with the
// daemon's next source_seq, so that a rolled back act takes its record and its number with it. The
// Shipper sends committed rows to the audit writer and deletes what was acknowledged.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stargraph/audit/event.hpp"
#include "stargraph/audit/record.hpp"
#include "stargraph/store/database.hpp"

namespace stargraph::audit {

[[nodiscard]] std::span<const store::Migration> audit_migrations();

// Inside a Ledger operation. check_event's codes and kTooLarge; the act must then fail too.
[[nodiscard]] base::Result<> append(store::Connection& connection, const Event& event, base::Timestamp now);
// The same, for callers that wait for the audit writer itself (Shipper::wait_shipped).
[[nodiscard]] base::Result<SourceSeq> append_numbered(store::Connection& connection, const Event& event,
                                                      base::Timestamp now);

struct OutboxRow {
  SourceSeq source_seq;
  base::Timestamp time{};
  std::string record;  // encode_record's bytes
};

// Rows after `after`, oldest first, at most `limit`.
[[nodiscard]] base::Result<std::vector<OutboxRow>> outbox_rows(store::Connection& connection, SourceSeq after,
                                                               std::size_t limit);
[[nodiscard]] base::Result<> outbox_delete(store::Connection& connection, SourceSeq up_to);
// An older database goes on: its next number is the one after `last`, and what it never shipped under smaller ones,
// which the log has from a later life of it, is gone.
[[nodiscard]] base::Result<> outbox_resume(store::Connection& connection, SourceSeq last);
// The last number given, 0 before the first.
[[nodiscard]] base::Result<SourceSeq> outbox_last(store::Connection& connection);

}  // namespace stargraph::audit
