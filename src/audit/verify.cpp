#include "stargraph/audit/verify.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <thread>

#include "audit/read_ahead.hpp"
#include "stargraph/audit/segment.hpp"
#include "stargraph/crypto/fingerprint.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

Result<Entry> read_anchor(std::string_view text, const crypto::PublicKey& key) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  SG_TRY(Entry anchor, decode_entry(text));
  if (anchor.event.name != EventName::kAuditCheckpoint) {
    return fail(Code::kAuditMalformed, "audit: anchor: not a checkpoint");
  }
  SG_TRY(verify_line_signature(text, anchor, key));
  return anchor;
}

constexpr unsigned kMostThreads = 4;

unsigned threads_of(const VerifyOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads);
}

// The note beside a first segment that is not the first of the log.
Result<std::optional<Position>> read_state_note(const base::Path& first, const crypto::PublicKey& key) {
  const auto number = segment_number(first.filename().string());
  if (!number || *number == 1) return std::nullopt;
  const base::Path note = first.parent_path() / state_note_name(*number);
  const auto text = base::real_env().read_file(note, kMaxPositionBytes);
  if (!text && text.error().code == Code::kNotFound) return std::nullopt;  // then the first line says what is wrong
  if (!text) return std::unexpected(text.error());
  SG_TRY(Position position, decode_position(base::as_text(*text), key));
  if (position.segment != *number || position.offset != 0) {
    return fail(Code::kAuditMalformed, "audit: " + note.string() + ": not of this segment's beginning");
  }
  return position;
}

// False when the block has a line that does not hold.
Result<bool> feed(LogVerifier& verifier, const Block& block, const VerifyOptions& options) {
  for (const DecodedLine& decoded : block.lines) {
    if (!verifier.line(decoded.line, decoded.entry)) return false;
    if (options.each) SG_TRY(options.each(*decoded.entry, decoded.line, verifier.chain()));
  }
  if (block.torn_bytes > 0) verifier.torn(block.torn_bytes);
  if (block.too_long) verifier.too_long();
  return !block.too_long;
}

}  // namespace

LogVerifier::LogVerifier(crypto::PublicKey key) : key_(std::move(key)) {}

Result<LogVerifier> LogVerifier::make(crypto::PublicKey key, std::optional<std::string> anchor) {
  LogVerifier verifier(std::move(key));
  if (anchor) {
    if (anchor->starts_with('{')) {
      SG_TRY(verifier.anchor_, read_anchor(*anchor, verifier.key_));
    } else {
      const auto typed = crypto::parse_fingerprint(*anchor);
      if (!typed) return fail(Code::kAuditMalformed, "audit: anchor: neither a checkpoint's line nor its words");
      verifier.anchor_hash_ = *typed;
    }
  }
  return verifier;
}

void LogVerifier::begin_at(Position note) {
  chain_ = std::move(note.chain);
  archived_ = chain_.seq();
  report_.archived = static_cast<std::uint64_t>(archived_.value());
  // The note names one checkpoint of what is not here; an older anchor cannot be held against anything.
  const auto wanted = anchor_ ? std::optional(anchor_->entry_hash) : anchor_hash_;
  if (wanted && chain_.last_checkpoint() == wanted) report_.anchored = true;
}

void LogVerifier::begin_file(std::string name) {
  if (report_.torn_bytes > 0) {
    refuse(Code::kAuditMalformed, line_number_ + 1, "audit: a line without its end before the last file");
    return;
  }
  file_ = std::move(name);
  line_number_ = 0;
  ++report_.files;
}

bool LogVerifier::refuse(Code code, std::uint64_t line, std::string detail) {
  if (!report_.bad) report_.bad = Finding{code, file_, line, std::move(detail)};
  return false;
}

bool LogVerifier::line(std::string_view line) {
  if (report_.bad) return false;
  return this->line(line, decode_entry(line));
}

bool LogVerifier::line(std::string_view line, const Result<Entry>& entry) {
  if (report_.bad) return false;
  ++line_number_;
  if (!entry) return refuse(entry.error().code, line_number_, entry.error().message);
  if (const auto taken = chain_.accept(line, *entry, key_); !taken) {
    return refuse(taken.error().code, line_number_, taken.error().message);
  }
  ++report_.entries;
  if (entry->event.name == EventName::kAuditCheckpoint) {
    ++report_.checkpoints;
    report_.last_checkpoint = line;
  }
  return hold_against_anchor(*entry);
}

bool LogVerifier::hold_against_anchor(const Entry& entry) {
  const bool checkpoint = entry.event.name == EventName::kAuditCheckpoint;
  // Anybody can write a tombstone behind the last checkpoint.
  if (checkpoint && chain_.pruned()) released_ = chain_.pruned()->last_seq;
  if (anchor_hash_ && checkpoint && entry.entry_hash == *anchor_hash_) report_.anchored = true;
  if (!anchor_ || entry.seq != anchor_->seq) return true;
  if (entry.entry_hash != anchor_->entry_hash) {
    return refuse(Code::kAuditFork, line_number_, "audit: another entry stands where the anchor stood");
  }
  report_.anchored = true;
  return true;
}

void LogVerifier::torn(std::uint64_t bytes) { report_.torn_bytes = bytes; }

void LogVerifier::too_long() { refuse(Code::kAuditMalformed, line_number_ + 1, "audit: line: longer than 64 KiB"); }

Report LogVerifier::finish() {
  if (!report_.bad && report_.entries == 0) {
    refuse(Code::kAuditTruncated, 0, "audit: the log has no entry");
  }
  // Entries alone are hashes, which anybody can compute: without one signature they say nothing.
  if (!report_.bad && report_.checkpoints == 0) {
    refuse(Code::kAuditTruncated, line_number_, "audit: the log has no checkpoint: nothing in it is signed");
  }
  if (!report_.bad && wants_anchor() && !report_.anchored) {
    const bool before = anchor_ && anchor_->seq <= archived_;
    refuse(Code::kAuditTruncated, before ? 0 : line_number_,
           before    ? "audit: the anchor's entry was archived"
           : anchor_ ? "audit: the log ends before the anchor's entry"
                     : "audit: no checkpoint of the log has the anchor's words");
  }
  if (!report_.bad && archived_.value() > 0 && released_ != archived_) {
    refuse(Code::kAuditTruncated, 0,
           "audit: segments are missing and no signed tombstone says that they were archived");
  }
  report_.install_id = chain_.install_id();
  report_.unsigned_tail = chain_.uncovered();
  return report_;
}

Result<std::vector<base::Path>> log_files(const std::vector<base::Path>& paths) {
  std::vector<base::Path> files;
  for (const base::Path& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    std::vector<base::Path> segments;
    for (std::filesystem::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      if (segment_number(it->path().filename().string())) segments.push_back(it->path());
    }
    if (error) return fail(Code::kIo, "list: " + path.string() + ": " + error.message());
    std::ranges::sort(segments);
    files.insert(files.end(), segments.begin(), segments.end());
  }
  return files;
}

Result<Report> verify_log(const std::vector<base::Path>& paths, const crypto::PublicKey& key,
                          const VerifyOptions& options) {
  SG_TRY(LogVerifier verifier, LogVerifier::make(key, options.anchor));
  SG_TRY(const std::vector<base::Path> files, log_files(paths));
  if (!files.empty()) {
    SG_TRY(std::optional<Position> note, read_state_note(files.front(), key));
    if (note) verifier.begin_at(*std::move(note));
  }
  if (options.begin) options.begin(verifier.chain());
  ReadAhead ahead(files, threads_of(options));
  while (true) {
    SG_TRY(const Block* const block, ahead.next());
    if (block == nullptr) break;
    if (block->begins_file) verifier.begin_file(files[block->file].string());
    SG_TRY(const bool holds, feed(verifier, *block, options));
    if (!holds) break;
  }
  return verifier.finish();
}

Result<> check_good(const Report& report) {
  if (report.good()) return {};
  const Finding& bad = *report.bad;
  return fail(bad.code, bad.file + ":" + std::to_string(bad.line) + ": " + bad.detail);
}

Result<Report> verify_log_whole(const std::vector<base::Path>& paths, const crypto::PublicKey& key,
                                const EntryVisitor& each) {
  SG_TRY(Report report, verify_log(paths, key, VerifyOptions{.each = each}));
  SG_TRY(check_good(report));
  return report;
}

Result<Report> verify_log(const std::vector<base::Path>& paths, const crypto::PublicKey& key,
                          const std::optional<std::string>& anchor) {
  return verify_log(paths, key, VerifyOptions{.anchor = anchor});
}

}  // namespace stargraph::audit
