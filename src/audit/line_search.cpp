#include "audit/line_search.hpp"

#include <algorithm>

#include "stargraph/audit/checkpoint.hpp"
#include "stargraph/audit/segment.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::uint64_t kFirstLook = 4'096;  // bytes: most lines are shorter
// An honest log has a checkpoint in its last 257 lines; one line before it is looked at, too.
constexpr std::uint64_t kMaxTail = (kCheckpointEntries + 2) * kMaxLineBytes;

std::unexpected<base::Error> not_found() { return fail(Code::kNotFound, "audit: log: no such line"); }
std::unexpected<base::Error> gap() {
  return fail(Code::kAuditGap, "audit: log: its last lines do not follow each other");
}

}  // namespace

Result<LineSearch> LineSearch::open(base::Env& env, const base::Path& directory) {
  LineSearch search(env);
  SG_TRY(const std::vector<std::uint32_t> numbers, list_segments(env, directory));
  for (const std::uint32_t number : numbers) {
    const base::Path path = directory / segment_name(number);
    SG_TRY(const base::FileInfo info, env.info(path));
    if (info.size > 0) search.segments_.push_back({path, info.size});
  }
  if (search.segments_.empty()) return not_found();
  return search;
}

Result<std::string> LineSearch::read(const Segment& segment, std::uint64_t from, std::uint64_t bytes) {
  SG_TRY(const base::Bytes got, env_->read_range(segment.path, from, std::min(bytes, segment.size - from)));
  bytes_ += got.size();
  return base::to_text(got);
}

// The line that begins there.
Result<LineSearch::Found> LineSearch::line_at(const Segment& segment, std::uint64_t begin) {
  if (begin >= segment.size) return not_found();
  for (std::uint64_t bytes = kFirstLook; bytes <= kMaxLineBytes; bytes *= 4) {
    SG_TRY(const std::string text, read(segment, begin, bytes));
    const std::size_t end = text.find('\n');
    if (end == std::string::npos) continue;
    Found found{.begin = begin, .line = text.substr(0, end), .seq = {}};
    SG_TRY(const Entry entry, decode_entry(found.line));
    found.seq = entry.seq;
    return found;
  }
  return not_found();  // longer than any line, or without its end
}

// The first line that begins behind the byte `from`.
Result<LineSearch::Found> LineSearch::line_after(const Segment& segment, std::uint64_t from) {
  for (std::uint64_t bytes = kFirstLook; bytes <= kMaxLineBytes; bytes *= 4) {
    SG_TRY(const std::string text, read(segment, from, bytes));
    const std::size_t end = text.find('\n');
    if (end != std::string::npos) return line_at(segment, from + end + 1);
    if (text.size() < bytes) break;
  }
  return not_found();
}

// The last one whose first line is not behind `seq`.
Result<std::size_t> LineSearch::segment_of(LogSeq seq) {
  std::size_t low = 0;
  for (std::size_t high = segments_.size(); high - low > 1;) {
    const std::size_t middle = low + (high - low) / 2;
    SG_TRY(const Found first, line_at(segments_[middle], 0));
    (first.seq <= seq ? low : high) = middle;
  }
  return low;
}

// The line begins at low's or behind it, and before high.
Result<std::string> LineSearch::find_in(const Segment& segment, LogSeq seq) {
  SG_TRY(Found low, line_at(segment, 0));
  std::uint64_t high = segment.size;
  while (low.seq != seq) {
    if (low.seq > seq) return not_found();
    const std::uint64_t middle = low.end() + (high - std::min(high, low.end())) / 2;
    if (middle == low.end()) {
      SG_TRY(low, line_at(segment, low.end()));  // the only one left, or there is none
      if (low.begin >= high) return not_found();
      continue;
    }
    const Result<Found> after = line_after(segment, middle - 1);
    if (after && after->begin < high && after->seq <= seq) {
      low = *after;
    } else {
      high = middle;
    }
  }
  return low.line;
}

Result<std::string> LineSearch::line(LogSeq seq) {
  SG_TRY(const std::size_t segment, segment_of(seq));
  return find_in(segments_[segment], seq);
}

// A line that stands right before those taken so far; true when it was the last one wanted. One more than the
// checkpoint is: an old checkpoint is genuine for ever, and may be put behind any log.
Result<bool> LineSearch::Tail::take(std::string_view line) {
  SG_TRY(const Entry entry, decode_entry(line));
  if (next && entry.seq.next() != *next) return gap();
  if (!checkpoint.empty()) return true;
  next = entry.seq;
  if (entry.event.name == EventName::kAuditCheckpoint) checkpoint = line;
  return false;
}

// Lines from the end, in a growing piece of it; false when the segment holds none before those taken.
Result<bool> LineSearch::take_from_end(const Segment& segment, Tail& tail) {
  const Tail before = tail;
  for (std::uint64_t bytes = 4 * kFirstLook;; bytes *= 4) {
    tail = before;
    const std::uint64_t from = segment.size - std::min(segment.size, std::min(bytes, kMaxTail));
    SG_TRY(const std::string text, read(segment, from, segment.size - from));
    std::string_view rest = text;
    rest = rest.substr(0, rest.rfind('\n') + 1);  // without an unfinished line
    while (!rest.empty()) {
      rest.remove_suffix(1);
      const std::size_t begin = rest.rfind('\n') + 1;  // npos + 1 is 0
      if (begin == 0 && from > 0) break;               // its beginning is not here
      SG_TRY(const bool last, tail.take(rest.substr(begin)));
      if (last) return true;
      rest = rest.substr(0, begin);
    }
    if (from == 0) return false;
    if (bytes >= kMaxTail) return not_found();
  }
}

Result<std::string> LineSearch::last_checkpoint() {
  Tail tail;
  // The last segment may hold no more than its first lines yet.
  for (std::size_t i = segments_.size(); i > 0; --i) {
    const bool searching = tail.checkpoint.empty();
    SG_TRY(const bool done, take_from_end(segments_[i - 1], tail));
    if (searching && !tail.checkpoint.empty()) {
      // Nor may its line stand there with those before it, behind lines that are younger.
      SG_TRY(const std::size_t segment, segment_of(*tail.next));
      if (segment != i - 1) return gap();
    }
    if (done) break;
  }
  if (tail.checkpoint.empty()) return not_found();
  return tail.checkpoint;
}

}  // namespace stargraph::audit
