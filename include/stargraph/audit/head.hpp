// Head: where the log stands, signed by the audit key for one connection.
#pragma once

#include <string>

#include "stargraph/audit/entry.hpp"

namespace stargraph::audit {

struct Head {
  std::string install_id;
  LogSeq seq;                          // entries in the log
  crypto::Digest entry_hash;           // of the last one
  SourceSeq source_seq;                // the last record of this connection's source that is on disk
  SourceSeq daemon_seq;                // the last record of the daemon, whoever asks
  std::int64_t trust_acts = 0;         // entries that came over trust.sock, refusals too
  SourceSeq trust_act;                 // which of those the last act of trust is that succeeded; 0 before the first
  crypto::Digest floors;               // floors_digest() of what the log has seen activated
  std::int64_t revocation_number = 0;  // the highest it has seen
  std::uint32_t first_segment = 1;     // of those on this disk; older ones were archived
  std::uint32_t last_segment = 1;      // the one that grows
};

}  // namespace stargraph::audit
