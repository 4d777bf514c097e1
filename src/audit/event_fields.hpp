// The members that an event has in common in records and entries.
#pragma once

#include <string>

#include "stargraph/audit/entry.hpp"
#include "stargraph/json/reader.hpp"

namespace stargraph::audit {

// The canonical form's beginning, `{"actor":…,"data":{…},"event":"…","outcome":"…"`, written without a copy of the
// data: what goes on after it, in canonical order, is the caller's. An entry is encoded for every act, so its time
// counts.
[[nodiscard]] std::string encode_head_fields(const Event& event);
// encode_entry() and record_identity() for an event that was checked and whose head is there already.
[[nodiscard]] base::Result<std::string> encode_entry_after(std::string head, Entry& entry);
[[nodiscard]] crypto::Digest record_identity_after(std::string text, const Event& event);
// The value of `run_id`: quoted text or null.
[[nodiscard]] std::string encode_run(const Event& event);
// Errors stick in the reader; what comes back must still pass check_event.
[[nodiscard]] Event read_event_fields(json::Reader& in);

}  // namespace stargraph::audit
