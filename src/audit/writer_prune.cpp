// How archived segments leave the disk, and how others read what stays.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "stargraph/audit/writer.hpp"

#include "stargraph/base/check.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::FileInfo;
using base::Result;

constexpr std::uint64_t kChunk = std::uint64_t{1} << 20;

Result<crypto::Digest> digest_of(base::Env& env, const base::Path& path) {
  SG_TRY(base::check_private_file(env, path, 0600));
  crypto::Sha384 digest;
  for (std::uint64_t offset = 0;; offset += kChunk) {
    SG_TRY(const base::Bytes bytes, env.read_range(path, offset, kChunk));
    digest.update(bytes);
    if (bytes.size() < kChunk) return digest.finish();
  }
}

// Of a closed segment, so one that ends with "\n"; without it.
Result<std::string> last_line_of(base::Env& env, const base::Path& path) {
  SG_TRY(const FileInfo info, env.info(path));
  const std::uint64_t from = info.size - std::min<std::uint64_t>(info.size, kMaxLineBytes);
  SG_TRY(const base::Bytes bytes, env.read_range(path, from, kMaxLineBytes));
  std::string_view text = base::as_text(bytes);
  if (!text.ends_with('\n')) return fail(Code::kAuditMalformed, "audit: " + path.string() + ": last line has no end");
  text.remove_suffix(1);
  return std::string(text.substr(text.rfind('\n') + 1));  // npos + 1 is 0
}

// O_RDONLY and nothing to be had from it but bytes: not a link, not a device, not a fifo that waits.
Result<base::Descriptor> open_read_only(const base::Path& path) {
  base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file.open()) {
    const Code code = errno == ENOENT ? Code::kNotFound : Code::kIo;
    return fail(code, "audit: open: " + path.string() + ": " + std::strerror(errno));
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(Code::kIo, "audit: open: " + path.string() + ": not a regular file");
  }
  return file;
}

Result<LogSeq> first_seq_of(base::Env& env, const base::Path& path) {
  SG_TRY(const base::Bytes bytes, env.read_range(path, 0, kMaxLineBytes));
  const std::string_view text = base::as_text(bytes);
  SG_TRY(const Entry first, decode_entry(text.substr(0, text.find('\n'))));
  return first.seq;
}

}  // namespace

Result<OpenedPart> Writer::open_part(LogPart part, std::uint32_t segment) const {
  OpenedPart opened;
  opened.part = part;
  opened.segment = segment;
  if (part == LogPart::kTree) {
    if (segment != 0 || !tree_) return fail(Code::kNotFound, "audit: tree: not there");
    const base::Path path = options_.log_directory / kTreeFile;
    SG_TRY(const FileInfo info, env_.info(path));
    opened.first_seq = LogSeq(1);
    opened.size = info.size;
    SG_TRY(opened.file, open_read_only(path));
    return opened;
  }
  if (segment < first_segment_ || segment > segment_->number()) {
    return fail(Code::kNotFound, "audit: segment " + std::to_string(segment) + ": not there");
  }
  const base::Path path = options_.log_directory / segment_name(segment);
  SG_TRY(const FileInfo info, env_.info(path));
  opened.size = segment == segment_->number() ? segment_->size() : info.size;
  if (opened.size == 0) return fail(Code::kNotFound, "audit: " + path.string() + ": empty");
  SG_TRY(opened.first_seq, first_seq_of(env_, path));
  SG_TRY(opened.file, open_read_only(path));
  return opened;
}

// The tombstone for these segments, when they may go.
Result<Tombstone> Writer::check_prune(const Prune& what) const {
  if (what.digests.empty() || what.digests.size() > kMaxPruned || what.first_segment != first_segment_ ||
      what.last_segment() >= segment_->number()) {
    return fail(Code::kMalformed, "audit: prune: not the oldest closed segments");
  }
  std::uint64_t bytes = 0;
  for (std::uint32_t i = what.first_segment; i <= what.last_segment(); ++i) {
    SG_TRY(const FileInfo info, env_.info(options_.log_directory / segment_name(i)));
    bytes += info.size;
  }
  if (what.digests.size() > 1 && bytes > options_.prune_bytes) {
    return fail(Code::kTooLarge, "audit: prune: more at once than others should wait for");
  }
  for (std::uint32_t i = 0; i < what.digests.size(); ++i) {
    const base::Path path = options_.log_directory / segment_name(what.first_segment + i);
    SG_TRY(const crypto::Digest digest, digest_of(env_, path));
    if (digest != what.digests[i]) {
      return fail(Code::kDigestMismatch, "audit: prune: " + path.string() + ": not what was copied");
    }
  }
  const std::uint32_t next = what.last_segment() + 1;
  SG_TRY(const std::optional<Position> note, load_position(options_.log_directory / state_note_name(next)));
  if (!note || note->segment != next || note->offset != 0 || !note->chain.last_checkpoint() ||
      note->chain.uncovered() != 0 || note->chain.seq() >= chain_.seq() ||
      note->chain.install_id() != chain_.install_id()) {
    return fail(Code::kAuditGap, "audit: prune: " + state_note_name(next) + ": does not say how what is left begins");
  }
  // A note of a fork, or of a rotation that a full disk undid, is signed too.
  SG_TRY(const std::string last, last_line_of(env_, options_.log_directory / segment_name(what.last_segment())));
  SG_TRY(const Entry ends, decode_entry(last));
  if (ends.entry_hash != note->chain.last_hash()) {
    return fail(Code::kAuditFork, "audit: prune: " + state_note_name(next) + ": is not of this log");
  }
  Tombstone tombstone;
  tombstone.what = what;
  tombstone.first_seq = chain_.pruned() ? chain_.pruned()->last_seq.next() : LogSeq(1);
  tombstone.last_seq = note->chain.seq();
  tombstone.checkpoint = note->chain.last_hash();
  return tombstone;
}

Result<std::string> Writer::prune(const Prune& what) {
  if (failed_) return fail(Code::kIo, "audit: writer: failed before");
  SG_CHECK(segment_.has_value() && !stopped_);
  SG_TRY(const Tombstone tombstone, check_prune(what));
  const auto last_words = [&]() -> Result<std::string> {
    SG_TRY(chain_own(EventName::kAuditPruned, Outcome::kSuccess, encode_tombstone(tombstone)));
    std::string line = last_pending_line();
    SG_TRY(checkpoint());
    SG_TRY(commit());
    // Not before the position points into what stays.
    SG_TRY(save_position());
    SG_TRY(save_anchor());
    SG_TRY(remove_pruned());
    return line;
  };
  Result<std::string> line = last_words();
  if (!line) failed_ = true;
  return line;
}

// Each segment before its state note: what is left always begins with both.
Result<> Writer::remove_pruned() {
  if (!chain_.pruned()) return {};
  const std::uint32_t end =
      std::min(chain_.pruned()->last_segment + 1, segment_->number());  // never the one that grows
  for (; first_segment_ < end; ++first_segment_) {
    SG_TRY(env_.remove(options_.log_directory / segment_name(first_segment_)));
    const Result<> removed = env_.remove(options_.log_directory / state_note_name(first_segment_));
    if (!removed && removed.error().code != Code::kNotFound) return removed;
  }
  return env_.sync_directory(options_.log_directory);
}

}  // namespace stargraph::audit
