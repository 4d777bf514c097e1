#include "stargraph/audit/verify.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "stargraph/audit/segment.hpp"

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

Result<> feed(LogVerifier& verifier, const base::Path& path) {
  SG_TRY(LineReader reader, LineReader::open(path));
  verifier.begin_file(path.string());
  while (true) {
    std::string_view line;
    SG_TRY(const LineReader::What what, reader.next(line));
    if (what == LineReader::What::kEnd) return {};
    if (what == LineReader::What::kTorn) {
      verifier.torn(line.size());
      return {};
    }
    if (what == LineReader::What::kTooLong) {
      verifier.too_long();
      return {};
    }
    if (!verifier.line(line)) return {};
  }
}

}  // namespace

LogVerifier::LogVerifier(crypto::PublicKey key) : key_(std::move(key)) {}

Result<LogVerifier> LogVerifier::make(crypto::PublicKey key, std::optional<std::string> anchor) {
  LogVerifier verifier(std::move(key));
  if (anchor) {
    SG_TRY(verifier.anchor_, read_anchor(*anchor, verifier.key_));
  }
  return verifier;
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
  ++line_number_;
  const Result<Entry> entry = chain_.accept(line, key_);
  if (!entry) return refuse(entry.error().code, line_number_, entry.error().message);
  ++report_.entries;
  if (entry->event.name == EventName::kAuditCheckpoint) {
    ++report_.checkpoints;
    report_.last_checkpoint = line;
  }
  return hold_against_anchor(*entry);
}

bool LogVerifier::hold_against_anchor(const Entry& entry) {
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
  if (!report_.bad && anchor_ && !report_.anchored) {
    refuse(Code::kAuditTruncated, line_number_, "audit: the log ends before the anchor's entry");
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
                          const std::optional<std::string>& anchor) {
  SG_TRY(LogVerifier verifier, LogVerifier::make(key, anchor));
  SG_TRY(const std::vector<base::Path> files, log_files(paths));
  for (const base::Path& file : files) SG_TRY(feed(verifier, file));
  return verifier.finish();
}

}  // namespace stargraph::audit
