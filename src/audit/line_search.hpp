// LineSearch: single lines of a log's directory by their number, without reading what stands between.
//
// Numbers rise through the files, so a few looks into them find a line. What comes out has the form and hash of an
// entry and the number that was asked for; whether it is of the log that was signed, a proof says (proof.hpp). In a log
// whose numbers do not rise a line may not be found though it is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/audit/entry.hpp"
#include "stargraph/base/env.hpp"

namespace stargraph::audit {

class LineSearch {
 public:
  [[nodiscard]] static base::Result<LineSearch> open(base::Env& env, const base::Path& directory);

  [[nodiscard]] base::Result<std::string> line(LogSeq seq);  // kNotFound
  // kNotFound; kAuditGap where the numbers of the last lines, to the one before it, do not rise one by one.
  [[nodiscard]] base::Result<std::string> last_checkpoint();
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_; }  // of all segments together

 private:
  struct Segment {
    base::Path path;
    std::uint64_t size = 0;
  };
  // A whole line and where it begins.
  struct Found {
    std::uint64_t begin = 0;
    std::string line;
    LogSeq seq;
    [[nodiscard]] std::uint64_t end() const { return begin + line.size() + 1; }
  };
  explicit LineSearch(base::Env& env) : env_(&env) {}
  [[nodiscard]] base::Result<std::string> read(const Segment& segment, std::uint64_t from, std::uint64_t bytes);
  [[nodiscard]] base::Result<Found> line_at(const Segment& segment, std::uint64_t begin);
  [[nodiscard]] base::Result<Found> line_after(const Segment& segment, std::uint64_t from);
  [[nodiscard]] base::Result<std::size_t> segment_of(LogSeq seq);
  [[nodiscard]] base::Result<std::string> find_in(const Segment& segment, LogSeq seq);
  // Lines taken from the log's end backwards.
  struct Tail {
    std::optional<LogSeq> next;  // of the line taken last; in the end the checkpoint's
    std::string checkpoint;
    [[nodiscard]] base::Result<bool> take(std::string_view line);
  };
  [[nodiscard]] base::Result<bool> take_from_end(const Segment& segment, Tail& tail);

  base::Env* env_;  // outlives this
  std::vector<Segment> segments_;
  std::uint64_t bytes_ = 0;
};

}  // namespace stargraph::audit
