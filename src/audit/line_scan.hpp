// scan_line: the plain case of decode_entry, in one pass over the bytes and without a tree of values.
//
// Most lines of a log are entries of the daemon whose `data` no chain reads. For these it is enough to see that every
// byte stands as the one canonical form has it; that is what a verifier's time goes into.
#pragma once

#include <optional>
#include <string_view>

#include "stargraph/audit/entry.hpp"

namespace stargraph::audit {

// What decode_entry(line) gives, but with `event.data` left empty; entry_hash was compared with the line. Nothing for
// a line that decode_entry refuses, for every entry that is not the daemon's, and for lines it does not look into
// further (an actor with escapes, numbers of more than 15 digits, names that are not plain): ask decode_entry then.
[[nodiscard]] std::optional<Entry> scan_line(std::string_view line);

// A record of the daemon on its way to the log: its head goes into the line as it stands.
struct ScannedRecord {
  Record record;          // event.data is empty
  std::string_view head;  // encode_head_fields() of the whole event, inside the text
};
// What decode_record(text) gives, or nothing: ask decode_record then.
[[nodiscard]] std::optional<ScannedRecord> scan_record(std::string_view text);

}  // namespace stargraph::audit
