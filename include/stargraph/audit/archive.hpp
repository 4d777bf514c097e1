// Archive: closed segments copied to another place and proven there, so that the audit writer may let go of its own
// (docs/formats/audit-export.md, Archives). Nothing is removed here: the writer does that, and only for files whose
// digests it finds in its own directory (prune.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stargraph/audit/prune.hpp"
#include "stargraph/audit/verify.hpp"

namespace stargraph::audit {

struct ArchivedSegment {
  std::uint32_t number = 0;
  std::uint64_t size = 0;  // bytes
  crypto::Digest digest;   // SHA-384 of the file
};

struct Archive {
  std::string install_id;
  std::string checkpoint;  // the line the last copied segment ends with
  std::vector<ArchivedSegment> segments;
  std::uint64_t entries = 0;  // of the log that was verified: the copies and what is left beside them
  base::Path manifest;        // the file written last: an archive without one is not finished
  // What to ask the audit writer, in this order: oldest first, each within kMaxPruned and kMaxPruneBytes.
  [[nodiscard]] std::vector<Prune> prunes() const;
};

// Copies every segment of `log` but the last, which grows, into `target` (0700, made when absent), as files of mode
// 0600, synced; the first one's state note too. A copy that is there already must be the same bytes. Then the log is
// verified over the copies and the segments that stay, each copy is read once more and compared with what was read from
// the log, and the manifest is written. kNotFound when no segment is closed; the log's finding; kUsage when a copy
// would be the log's own file by another name; kDigestMismatch for a copy that differs, kIo: then there is no manifest.
[[nodiscard]] base::Result<Archive> make_archive(const base::Path& log, const base::Path& target,
                                                 const crypto::PublicKey& key);
// RFC 8785 JSON and "\n".
[[nodiscard]] std::string encode_manifest(const Archive& archive);

}  // namespace stargraph::audit
