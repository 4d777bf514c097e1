// LogPart: what a program other than stargraph-auditd may hold of the log, as a descriptor open for reading only.
//
// The daemon cannot open the log's files: they belong to another user, 0600. It asks the writer, which hands over a
// descriptor (SCM_RIGHTS) that reads and can do nothing else; opening it anew for writing through /proc fails as
// opening the file would.
#pragma once

#include <cstdint>

#include "stargraph/audit/entry.hpp"
#include "stargraph/base/descriptor.hpp"

namespace stargraph::audit {

enum class LogPart : std::uint8_t {
  kSegment,  // one segment's lines
  kTree,     // audit-tree.bin (tree.hpp); the segment asked for is 0
};
[[nodiscard]] std::string_view part_name(LogPart part);  // "segment", "tree"
[[nodiscard]] std::optional<LogPart> part_from_name(std::string_view name);

struct OpenedPart {
  LogPart part = LogPart::kSegment;
  std::uint32_t segment = 0;
  LogSeq first_seq;         // of the segment's first entry; 1 for the tree
  std::uint64_t size = 0;   // bytes on disk when it was opened, whole lines only; a descriptor may show more later
  base::Descriptor file{};  // O_RDONLY: use pread(2), the offset is shared with nobody
};

// Which segments there are: first to last, all of them. Only the last one still grows.
struct LogShape {
  std::uint32_t first_segment = 1;  // older ones were archived
  std::uint32_t last_segment = 1;
  LogSeq seq;  // entries in the log when this was said, archived ones too
};

}  // namespace stargraph::audit
