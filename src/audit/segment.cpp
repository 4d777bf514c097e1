#include "stargraph/audit/segment.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <utility>

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::FileInfo;
using base::Result;

constexpr std::string_view kPrefix = "audit-";
constexpr std::string_view kSuffix = ".jsonl";
constexpr std::size_t kDigits = 8;
constexpr std::uint32_t kMode = 0600;

}  // namespace

std::string segment_name(std::uint32_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, kDigits - std::min(kDigits, digits.size()), '0');
  return std::string(kPrefix) + digits + std::string(kSuffix);
}

std::optional<std::uint32_t> segment_number(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  if (name.size() != kPrefix.size() + kDigits + kSuffix.size()) return std::nullopt;
  const std::string_view digits = name.substr(kPrefix.size(), kDigits);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number == 0) return std::nullopt;
  return number;
}

Result<std::vector<std::uint32_t>> list_segments(base::Env& env, const base::Path& directory) {
  SG_TRY(const std::vector<std::string> names, env.list(directory));
  std::vector<std::uint32_t> numbers;
  for (const std::string& name : names) {
    if (const auto number = segment_number(name)) numbers.push_back(*number);
  }
  std::ranges::sort(numbers);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] != numbers.front() + i)
      return fail(Code::kAuditGap, "audit: " + directory.string() + ": a segment is missing");
  }
  return numbers;
}

SegmentFile::SegmentFile(base::Env& env, base::Path path, std::uint32_t number, std::unique_ptr<base::AppendFile> file)
    : env_(&env), path_(std::move(path)), number_(number), file_(std::move(file)) {}

Result<SegmentFile> SegmentFile::open(base::Env& env, const base::Path& directory, std::uint32_t number) {
  const base::Path path = directory / segment_name(number);
  const Result<FileInfo> before = env.info(path);
  if (!before && before.error().code != Code::kNotFound) return std::unexpected(before.error());
  if (before) SG_TRY(base::check_private_file(env, path, kMode));
  SG_TRY(std::unique_ptr<base::AppendFile> file, env.open_append(path, kMode));
  if (!before) SG_TRY(env.sync_directory(directory));
  SegmentFile segment(env, path, number, std::move(file));
  SG_TRY(segment.size_, segment.file_->size());
  SG_TRY(segment.check_name());
  return segment;
}

Result<> SegmentFile::check_name() const {
  SG_TRY(const FileInfo named, env_->info(path_));
  SG_TRY(const FileInfo opened, file_->info());
  if (!named.regular || named.inode != opened.inode) {
    return fail(Code::kIo, "audit: " + path_.string() + ": the name leads to another file");
  }
  if (opened.links != 1) return fail(Code::kIo, "audit: " + path_.string() + ": has more than one name");
  if (opened.size != size_) return fail(Code::kIo, "audit: " + path_.string() + ": changed under the audit writer");
  return {};
}

Result<> SegmentFile::write(std::string_view lines) {
  SG_TRY(check_name());
  SG_TRY(file_->append(base::as_bytes(lines)));
  Result<> synced = file_->sync();
  if (synced) {
    size_ += lines.size();
  } else if (synced.error().code == Code::kDiskLow) {
    synced.error().code = Code::kIo;  // nobody knows which pages a failed sync lost
  }
  return synced;
}

Result<> SegmentFile::truncate(std::uint64_t size) {
  SG_TRY(file_->truncate(size));
  SG_TRY(file_->sync());
  size_ = size;
  return {};
}

Result<LineReader> LineReader::open(const base::Path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) {
    const Code code = errno == ENOENT ? Code::kNotFound : Code::kIo;
    return fail(code, "open: " + path.string() + ": " + std::strerror(errno));
  }
  return LineReader(descriptor);
}

LineReader::LineReader(int descriptor) : descriptor_(descriptor) {}

LineReader::LineReader(LineReader&& other) noexcept { *this = std::move(other); }

LineReader& LineReader::operator=(LineReader&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  buffer_.swap(other.buffer_);
  std::swap(begin_, other.begin_);
  std::swap(at_end_, other.at_end_);
  std::swap(line_number_, other.line_number_);
  return *this;
}

LineReader::~LineReader() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<LineReader::What> LineReader::next(std::string_view& line) {
  std::size_t searched = begin_;
  while (true) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      line = std::string_view(buffer_).substr(begin_, end - begin_);
      begin_ = end + 1;
      ++line_number_;
      return line.size() < kMaxLineBytes ? What::kLine : What::kTooLong;
    }
    const std::size_t waiting = buffer_.size() - begin_;
    if (waiting >= kMaxLineBytes) {
      ++line_number_;
      return What::kTooLong;
    }
    if (at_end_) {
      line = std::string_view(buffer_).substr(begin_);
      begin_ = buffer_.size();
      if (line.empty()) return What::kEnd;
      ++line_number_;
      return What::kTorn;
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    searched = buffer_.size();
    constexpr std::size_t kChunk = 4 * kMaxLineBytes;
    buffer_.resize(searched + kChunk);
    ssize_t count = 0;
    do count = ::read(descriptor_, buffer_.data() + searched, kChunk);
    while (count < 0 && errno == EINTR);
    buffer_.resize(searched + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0) return fail(Code::kIo, std::string("read: ") + std::strerror(errno));
    at_end_ = count == 0;
  }
}

}  // namespace stargraph::audit
