#include "stargraph/audit/archive.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "stargraph/audit/segment.hpp"
#include "stargraph/base/descriptor.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kFormat = "stargraph.audit.archive.v1";
constexpr std::size_t kChunk = std::size_t{1} << 20;
constexpr std::uint32_t kFileMode = 0600;
constexpr std::uint32_t kDirectoryMode = 0700;

std::unexpected<base::Error> io_error(std::string_view what, const base::Path& path) {
  return fail(Code::kIo, std::string(what) + ": " + path.string() + ": " + std::strerror(errno));
}

Result<base::Descriptor> open_to_read(const base::Path& path) {
  base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY));
  if (!file.open()) return io_error("open", path);
  return file;
}

using Bytes = std::function<Result<>(base::BytesView)>;
Result<> read_all(int file, const base::Path& path, const Bytes& give) {
  base::Bytes chunk(kChunk);
  while (true) {
    const ssize_t count = ::read(file, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error("read", path);
    if (count == 0) return {};
    SG_TRY(give(base::BytesView(chunk).first(static_cast<std::size_t>(count))));
  }
}

Result<> write_all(int file, const base::Path& path, base::BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error("write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

// A copy that is the original by another name (the log's own directory, a bind mount, a hard link) is none: whoever
// removes the original then removes all there is.
Result<base::Descriptor> open_earlier_copy(int source, const base::Path& to) {
  SG_TRY(base::Descriptor copy, open_to_read(to));
  struct stat original{};
  struct stat found{};
  if (::fstat(source, &original) != 0 || ::fstat(copy.get(), &found) != 0) return io_error("stat", to);
  if (original.st_dev == found.st_dev && original.st_ino == found.st_ino) {
    return fail(Code::kUsage, "archive: " + to.string() + ": is the log's own file, not a copy");
  }
  return copy;
}

// What was read from `from`. `to` is on disk afterwards, written now or by an earlier archive that may have ended
// before it was; whether it has the same bytes, check_copy() says.
Result<ArchivedSegment> copy_segment(const base::Path& from, const base::Path& to) {
  SG_TRY(const base::Descriptor source, open_to_read(from));
  base::Descriptor target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  const bool made = target.open();
  if (!made && errno != EEXIST) return io_error("create", to);
  if (!made) {
    SG_TRY(target, open_earlier_copy(source.get(), to));
  }
  crypto::Sha384 hash;
  ArchivedSegment segment;
  SG_TRY(read_all(source.get(), from, [&](base::BytesView bytes) -> Result<> {
    hash.update(bytes);
    segment.size += bytes.size();
    return made ? write_all(target.get(), to, bytes) : Result<>();
  }));
  if (::fsync(target.get()) != 0) return io_error("sync", to);
  segment.digest = hash.finish();
  return segment;
}

// Read from the medium where the kernel lets go of what it has in memory: that is what will be read in a year.
Result<> check_copy(const base::Path& to, const crypto::Digest& digest) {
  SG_TRY(const base::Descriptor file, open_to_read(to));
  static_cast<void>(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED));  // it need not
  crypto::Sha384 hash;
  SG_TRY(read_all(file.get(), to, [&hash](base::BytesView bytes) -> Result<> {
    hash.update(bytes);
    return {};
  }));
  if (hash.finish() == digest) return {};
  return fail(Code::kDigestMismatch, "archive: " + to.string() + ": is not what the log has");
}

Result<std::vector<std::uint32_t>> closed_segments(const base::Path& log) {
  SG_TRY(const std::vector<base::Path> files, log_files({log}));
  std::vector<std::uint32_t> numbers;
  numbers.reserve(files.size());
  for (const base::Path& file : files) numbers.push_back(segment_number(file.filename().string()).value_or(0));
  if (numbers.size() < 2) return fail(Code::kNotFound, "archive: " + log.string() + ": no closed segment");
  numbers.pop_back();
  return numbers;
}

// The copies and what stays, as one log: the tombstone of earlier archives may stand in what stays.
Result<> verify_copies(const base::Path& log, const base::Path& target, const crypto::PublicKey& key,
                       Archive& archive) {
  const std::uint32_t last = archive.segments.back().number;
  std::vector<base::Path> paths;
  paths.reserve(archive.segments.size());
  for (const ArchivedSegment& segment : archive.segments) paths.push_back(target / segment_name(segment.number));
  SG_TRY(const std::vector<base::Path> files, log_files({log}));
  for (const base::Path& file : files) {
    if (segment_number(file.filename().string()).value_or(0) > last) paths.push_back(file);
  }
  SG_TRY(const Report report, verify_log_whole(paths, key, {}));
  archive.install_id = report.install_id;
  archive.entries = report.entries;
  // Each closed segment ends with a checkpoint: what the copies are worth without the rest.
  SG_TRY(LineReader reader, LineReader::open(target / segment_name(last)));
  for (std::string_view line;;) {
    SG_TRY(const LineReader::What what, reader.next(line));
    if (what != LineReader::What::kLine) break;
    archive.checkpoint = line;
  }
  SG_TRY(const Entry entry, decode_entry(archive.checkpoint));
  SG_TRY(verify_line_signature(archive.checkpoint, entry, key));
  return {};
}

base::Path manifest_name(const Archive& archive) {
  const auto number = [](std::uint32_t segment) { return segment_name(segment).substr(6, 8); };  // its eight digits
  return "archive-" + number(archive.segments.front().number) + "-" + number(archive.segments.back().number) + ".json";
}

}  // namespace

std::vector<Prune> Archive::prunes() const {
  std::vector<Prune> out;
  std::uint64_t bytes = 0;
  for (const ArchivedSegment& segment : segments) {
    bytes += segment.size;
    if (out.empty() || out.back().digests.size() == kMaxPruned || bytes > kMaxPruneBytes) {
      out.push_back({.first_segment = segment.number, .digests = {}});
      bytes = segment.size;
    }
    out.back().digests.push_back(segment.digest);
  }
  return out;
}

std::string encode_manifest(const Archive& archive) {
  json::Array files;
  for (const ArchivedSegment& segment : archive.segments) {
    files.emplace_back(json::Object{{"file", segment_name(segment.number)},
                                    {"sha384", segment.digest.hex()},
                                    {"size", static_cast<std::int64_t>(segment.size)}});
  }
  return json::canonical(json::Object{{"checkpoint", archive.checkpoint},
                                      {"format", kFormat},
                                      {"install_id", archive.install_id},
                                      {"segments", std::move(files)}}) +
         "\n";
}

Result<Archive> make_archive(const base::Path& log, const base::Path& target, const crypto::PublicKey& key) {
  base::Env& env = base::real_env();
  SG_TRY(const std::vector<std::uint32_t> numbers, closed_segments(log));
  SG_TRY(env.make_directory(target, kDirectoryMode));
  const base::Path parent = target.lexically_normal().parent_path();
  SG_TRY(env.sync_directory(parent.empty() ? base::Path(".") : parent));
  Archive archive;
  const std::string note = state_note_name(numbers.front());
  if (numbers.front() > 1) {
    SG_TRY(const ArchivedSegment copied, copy_segment(log / note, target / note));
    SG_TRY(check_copy(target / note, copied.digest));
  }
  for (const std::uint32_t number : numbers) {
    SG_TRY(ArchivedSegment segment, copy_segment(log / segment_name(number), target / segment_name(number)));
    segment.number = number;
    archive.segments.push_back(segment);
  }
  SG_TRY(env.sync_directory(target));
  SG_TRY(verify_copies(log, target, key, archive));
  for (const ArchivedSegment& segment : archive.segments) {
    SG_TRY(check_copy(target / segment_name(segment.number), segment.digest));
  }
  archive.manifest = target / manifest_name(archive);
  const std::string text = encode_manifest(archive);
  SG_TRY(env.write_file(archive.manifest, base::as_bytes(text), kFileMode));
  return archive;
}

}  // namespace stargraph::audit
