// LogView: the audit log as the daemon may see it: read-only descriptors that the audit writer hands over, bounded
// reads.
//
// The daemon cannot open the log's files. What it answers from them it takes as they stand: a line is shown byte for
// byte, and whoever gets it verifies it with the audit key alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "stargraph/audit/part.hpp"
#include "stargraph/crypto/merkle.hpp"

namespace stargraph::serve {

// Both from the Shipper. Any thread.
struct LogAccess {
  std::function<audit::LogShape()> shape;
  std::function<base::Result<audit::OpenedPart>(audit::LogPart part, std::uint32_t segment)> open;
};

// Where a search goes on: before the byte `offset` of a segment.
struct LogCursor {
  std::uint32_t segment = 1;
  std::uint64_t offset = 0;
};
// "3-1048576"; nothing for any other text.
[[nodiscard]] std::string cursor_text(const LogCursor& cursor);
[[nodiscard]] std::optional<LogCursor> cursor_from_text(std::string_view text);

struct TenantLines {
  std::vector<std::string> lines;  // verbatim, without "\n", rising in tenant_seq
  audit::TenantSeq last;           // of the last of them; what was asked for when there is none
  LogCursor next;
  bool more = false;  // not everything up to the end of the log was looked at
};

class LogView {
 public:
  static constexpr std::size_t kPageBytes = 1 << 20;  // of a segment, in one reply; of lines, together
  static constexpr std::size_t kScanBytes = 4 << 20;  // looked at for one request

  explicit LogView(LogAccess access) : access_(std::move(access)) {}

  [[nodiscard]] audit::LogShape shape() const { return access_.shape(); }
  struct Page {
    std::string bytes;
    std::uint64_t total = 0;  // bytes of the segment now
  };
  // Bytes of a segment from `offset` on, at most `limit`. kNotFound for a segment that is not there.
  [[nodiscard]] base::Result<Page> page(std::uint32_t number, std::uint64_t offset, std::size_t limit) const;
  // Entries of one tenant and of nobody else after `after`, at most `limit`; the search begins at `from`, or at the
  // start of the log. A cursor into the middle of a line begins at the next one. kNotFound for a segment that is gone.
  [[nodiscard]] base::Result<TenantLines> tenant_lines(const base::TenantId& tenant, audit::TenantSeq after,
                                                       std::size_t limit, std::optional<LogCursor> from) const;
  struct Checkpoint {
    std::string line;        // verbatim
    std::uint64_t size = 0;  // entries that it covers
  };
  // The last one. kNotFound in a log that has none yet.
  [[nodiscard]] base::Result<Checkpoint> last_checkpoint() const;
  // RFC 6962 proofs from the tree beside the log; kNotFound for what is not in it yet, kMalformed for an impossible
  // question. Entries count from 1 here, as `seq` does.
  [[nodiscard]] base::Result<std::vector<crypto::Digest>> inclusion(audit::LogSeq seq, std::uint64_t size) const;
  [[nodiscard]] base::Result<std::vector<crypto::Digest>> consistency(std::uint64_t from, std::uint64_t to) const;

 private:
  [[nodiscard]] base::Result<audit::OpenedPart> segment(std::uint32_t number) const;
  [[nodiscard]] base::Result<std::optional<Checkpoint>> checkpoint_in(std::uint32_t number) const;

  LogAccess access_;
};

}  // namespace stargraph::serve
