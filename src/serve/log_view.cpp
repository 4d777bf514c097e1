#include "serve/log_view.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "stargraph/audit/checkpoint.hpp"
#include "stargraph/audit/tree.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

// At most 256 entries follow a checkpoint, each at most 64 KiB.
constexpr std::uint64_t kMaxTailBytes = 258 * audit::kMaxLineBytes;
constexpr std::uint64_t kFirstTailBytes = 256 << 10;

// Exactly these bytes; fewer only where the file ends.
Result<std::string> read_at(int file, std::uint64_t offset, std::size_t length) {
  std::string bytes(length, '\0');
  std::size_t done = 0;
  while (done < length) {
    const ssize_t got = ::pread(file, bytes.data() + done, length - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Code::kIo, "audit: log: read failed");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Result<audit::LogShape> check_there(const audit::LogShape& shape, std::uint32_t segment) {
  if (segment < shape.first_segment || segment > shape.last_segment)
    return fail(Code::kNotFound, "audit: log: no such segment");
  return shape;
}

// How a line of this tenant looks; its data may look so too, so this only saves work.
std::string mark_of(const base::TenantId& tenant) {
  return ",\"tenant\":\"" + tenant.str() + "\",\"tenant_previous_hash\":";
}

// Lines of a part of the log, gathered until one of the bounds is reached.
class Gathering {
 public:
  Gathering(const base::TenantId& tenant, audit::TenantSeq after, std::size_t limit)
      : tenant_(tenant), mark_(mark_of(tenant)), limit_(limit) {
    found_.last = after;
  }
  [[nodiscard]] bool full() const { return found_.lines.size() >= limit_ || bytes_ >= LogView::kPageBytes; }
  Result<> look_at(std::string_view line) {
    if (line.find(mark_) == std::string_view::npos) return {};
    SG_TRY(const audit::Entry entry, audit::decode_entry(line));
    if (entry.event.tenant != tenant_ || entry.tenant_seq <= found_.last) return {};
    found_.last = entry.tenant_seq;
    found_.lines.emplace_back(line);
    bytes_ += line.size();
    return {};
  }
  [[nodiscard]] TenantLines take(const LogCursor& next, bool more) && {
    found_.next = next;
    found_.more = more;
    return std::move(found_);
  }

 private:
  const base::TenantId& tenant_;
  std::string mark_;
  std::size_t limit_;
  std::size_t bytes_ = 0;
  TenantLines found_;
};

}  // namespace

std::string cursor_text(const LogCursor& cursor) {
  return std::to_string(cursor.segment) + "-" + std::to_string(cursor.offset);
}

std::optional<LogCursor> cursor_from_text(std::string_view text) {
  LogCursor cursor;
  const std::string_view segment = text.substr(0, text.find('-'));
  const std::string_view offset = text.substr(std::min(text.size(), segment.size() + 1));
  const auto first = std::from_chars(segment.data(), segment.data() + segment.size(), cursor.segment);
  const auto second = std::from_chars(offset.data(), offset.data() + offset.size(), cursor.offset);
  // Numbers have one form; whatever else there was does not come out again.
  if (first.ec != std::errc() || second.ec != std::errc() || cursor_text(cursor) != text) return std::nullopt;
  return cursor;
}

Result<audit::OpenedPart> LogView::segment(std::uint32_t number) const {
  SG_TRY(check_there(access_.shape(), number));
  return access_.open(audit::LogPart::kSegment, number);
}

Result<LogView::Page> LogView::page(std::uint32_t number, std::uint64_t offset, std::size_t limit) const {
  SG_TRY(const audit::OpenedPart part, segment(number));
  Page page;
  page.total = part.size;
  if (offset >= part.size) return page;
  const std::size_t length = std::min<std::uint64_t>({limit, kPageBytes, part.size - offset});
  SG_TRY(page.bytes, read_at(part.file.get(), offset, length));
  return page;
}

Result<TenantLines> LogView::tenant_lines(const base::TenantId& tenant, audit::TenantSeq after, std::size_t limit,
                                          std::optional<LogCursor> from) const {
  const audit::LogShape shape = access_.shape();
  LogCursor at = from.value_or(LogCursor{shape.first_segment, 0});
  Gathering gathering(tenant, after, limit);
  std::size_t left = kScanBytes;
  SG_TRY(check_there(shape, at.segment));
  while (true) {
    SG_TRY(const audit::OpenedPart part, access_.open(audit::LogPart::kSegment, at.segment));
    const std::uint64_t end = part.size;
    if (at.offset > end) return fail(Code::kNotFound, "audit: log: the segment is shorter");
    // Who begins in the middle of a line begins one byte earlier, with what ends the line before.
    bool whole = at.offset == 0;
    std::uint64_t block_at = whole ? 0 : at.offset - 1;
    SG_TRY(const std::string block, read_at(part.file.get(), block_at, std::min<std::uint64_t>(left, end - block_at)));
    std::size_t used = 0;
    for (std::size_t stop = block.find('\n'); stop != std::string::npos && !gathering.full();
         stop = block.find('\n', used)) {
      if (whole) {
        SG_TRY(gathering.look_at(std::string_view(block).substr(used, stop - used)));
      }
      whole = true;
      used = stop + 1;
    }
    if (used > 0) at.offset = block_at + used;
    left -= std::min(left, used);
    const bool done = at.offset >= end;
    if (done && at.segment == shape.last_segment) return std::move(gathering).take(at, false);
    if (used == 0 && !done) return fail(Code::kAuditMalformed, "audit: log: a line without an end");
    if (done) at = {at.segment + 1, 0};
    if (gathering.full() || left < audit::kMaxLineBytes) return std::move(gathering).take(at, true);
  }
}

Result<std::optional<LogView::Checkpoint>> LogView::checkpoint_in(std::uint32_t number) const {
  SG_TRY(const audit::OpenedPart part, segment(number));
  for (std::uint64_t length = std::min(kFirstTailBytes, part.size);; length = std::min(length * 2, part.size)) {
    SG_TRY(const std::string tail, read_at(part.file.get(), part.size - length, length));
    std::size_t end = tail.rfind('\n');
    while (end != std::string::npos && end > 0) {
      const std::size_t before = tail.rfind('\n', end - 1);
      if (before == std::string::npos && length < part.size) break;  // its beginning lies further back
      const std::size_t begin = before == std::string::npos ? 0 : before + 1;
      const std::string_view line = std::string_view(tail).substr(begin, end - begin);
      if (line.find("\"event\":\"audit.checkpoint\"") != std::string_view::npos) {
        SG_TRY(const audit::Entry entry, audit::decode_entry(line));
        if (entry.event.name == audit::EventName::kAuditCheckpoint)
          return Checkpoint{std::string(line), static_cast<std::uint64_t>(entry.seq.value() - 1)};
      }
      end = before;
    }
    if (length == part.size || length >= kMaxTailBytes) return std::optional<Checkpoint>();
  }
}

Result<LogView::Checkpoint> LogView::last_checkpoint() const {
  const audit::LogShape shape = access_.shape();
  SG_TRY(std::optional<Checkpoint> found, checkpoint_in(shape.last_segment));
  // A segment ends with a checkpoint; the one after it may not have its first yet.
  if (!found && shape.last_segment > shape.first_segment) {
    SG_TRY(found, checkpoint_in(shape.last_segment - 1));
  }
  if (!found) return fail(Code::kNotFound, "audit: log: no checkpoint yet");
  return *std::move(found);
}

Result<std::vector<crypto::Digest>> LogView::inclusion(audit::LogSeq seq, std::uint64_t size) const {
  if (seq.value() < 1 || static_cast<std::uint64_t>(seq.value()) > size)
    return fail(Code::kMalformed, "audit: proof: the entry is not in a log of that size");
  SG_TRY(const audit::OpenedPart tree, access_.open(audit::LogPart::kTree, 0));
  return crypto::inclusion_path(static_cast<std::uint64_t>(seq.value() - 1), size, audit::tree_reader(tree.file.get()));
}

Result<std::vector<crypto::Digest>> LogView::consistency(std::uint64_t from, std::uint64_t to) const {
  if (from < 1 || from > to) return fail(Code::kMalformed, "audit: proof: the later size is the smaller one");
  SG_TRY(const audit::OpenedPart tree, access_.open(audit::LogPart::kTree, 0));
  return crypto::consistency_path(from, to, audit::tree_reader(tree.file.get()));
}

}  // namespace stargraph::serve
