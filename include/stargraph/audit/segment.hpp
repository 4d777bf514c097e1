// Segment: one file of the log, `audit-00000001.jsonl`.
//
// SegmentFile appends through base::Env and trusts nothing it did not just look at: before each write
// the name must still lead to the same regular file with one link and the size it left. LineReader reads
// any file a line at a time in constant memory; it needs no more than read(2), so the offline verifier
// links it without anything else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/audit/record.hpp"
#include "stargraph/base/env.hpp"

namespace stargraph::audit {

inline constexpr std::uint64_t kSegmentBytes = std::uint64_t{100} * 1024 * 1024;

[[nodiscard]] std::string segment_name(std::uint32_t number);
[[nodiscard]] std::optional<std::uint32_t> segment_number(std::string_view name);
// Segment numbers in a directory, rising. kAuditGap when one is missing between them; older ones may have been
// archived.
[[nodiscard]] base::Result<std::vector<std::uint32_t>> list_segments(base::Env& env, const base::Path& directory);

class SegmentFile {
 public:
  // Creates it 0600 when absent (and syncs the directory); kModeTooWide, kWrongOwner, kIo for a symlink.
  [[nodiscard]] static base::Result<SegmentFile> open(base::Env& env, const base::Path& directory,
                                                      std::uint32_t number);

  // All lines in one write, then fdatasync. Any error is final: what is on disk is unknown, so the
  // process must end and find out at its next start. Only kDiskLow says more: the write found no room, and what it
  // wrote can be cut off again.
  [[nodiscard]] base::Result<> write(std::string_view lines);
  [[nodiscard]] base::Result<> truncate(std::uint64_t size);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] const base::Path& path() const { return path_; }

 private:
  SegmentFile(base::Env& env, base::Path path, std::uint32_t number, std::unique_ptr<base::AppendFile> file);
  [[nodiscard]] base::Result<> check_name() const;

  base::Env* env_;  // outlives the file
  base::Path path_;
  std::uint32_t number_;
  std::unique_ptr<base::AppendFile> file_;
  std::uint64_t size_ = 0;
};

// Lines of a file, without their "\n".
class LineReader {
 public:
  [[nodiscard]] static base::Result<LineReader> open(const base::Path& path);
  LineReader(LineReader&& other) noexcept;
  LineReader& operator=(LineReader&& other) noexcept;
  ~LineReader();

  enum class What : std::uint8_t { kLine, kTorn, kTooLong, kEnd };
  // kLine: `line` is whole, valid until the next call. kTorn: bytes at the end of the file without "\n".
  // kTooLong: more than kMaxLineBytes without "\n"; reading cannot go on.
  [[nodiscard]] base::Result<What> next(std::string_view& line);
  [[nodiscard]] std::uint64_t line_number() const { return line_number_; }  // of the last line given, from 1

 private:
  explicit LineReader(int descriptor);
  int descriptor_ = -1;
  std::string buffer_;
  std::size_t begin_ = 0;  // unread bytes in buffer_ start here
  bool at_end_ = false;
  std::uint64_t line_number_ = 0;
};

}  // namespace stargraph::audit
