// Record: an event with its writer's number and time, as it waits in the outbox and travels to the
// audit writer. RFC 8785 JSON (docs/formats/audit-socket.md):
//   {"actor":…,"data":{…},"event":…,"outcome":…,"run_id":…,"source_seq":n,"tenant":…,"ts":…,"v":1}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stargraph/audit/event.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/crypto/digest.hpp"

namespace stargraph::audit {

// Counts one writer's records from 1 without gaps.
using SourceSeq = base::Number<struct SourceSeqTag>;

// A line is at most 64 KiB with its newline; what the audit writer adds to a record fits in the rest.
inline constexpr std::size_t kMaxLineBytes = 65'536;
inline constexpr std::size_t kMaxRecordBytes = kMaxLineBytes - 1'024;

struct Record {
  Event event;
  SourceSeq source_seq;
  base::Timestamp time{};
};

// check_event's codes, and kTooLarge over kMaxRecordBytes.
[[nodiscard]] base::Result<std::string> encode_record(const Record& record);
// Strict: canonical bytes only, no unknown member, event and outcome from their tables.
[[nodiscard]] base::Result<Record> decode_record(std::string_view text);
// What makes two records the same act whatever their time: to tell a repeat from another act under
// the same number.
[[nodiscard]] crypto::Digest record_identity(const Event& event);

}  // namespace stargraph::audit
