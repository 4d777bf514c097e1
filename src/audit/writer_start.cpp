// The audit writer's start: what is on disk is read, held against the key and the anchor, and gone on from.
#include <unistd.h>

#include <algorithm>

#include "stargraph/audit/verify.hpp"
#include "stargraph/audit/writer.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::FileInfo;
using base::Result;

constexpr std::string_view kInstallFile = "install.json";
constexpr std::string_view kInstallFormat = "stargraph.audit.install.v1";
constexpr std::uint64_t kMaxInstallBytes = 4'096;
// A segment ends a little over its limit: with the entry that reached it, a checkpoint, a start's entries.
constexpr std::uint64_t kSegmentSlack = std::uint64_t{2} * 1024 * 1024;

Result<> check_directory(base::Env& env, const base::Path& path) {
  SG_TRY(const FileInfo info, env.info(path));
  if (!info.directory) return fail(Code::kConfigInvalid, "audit: " + path.string() + ": not a directory");
  if ((info.mode & 077) != 0) return fail(Code::kModeTooWide, "audit: " + path.string() + ": wider than 0700");
  if (info.uid != ::geteuid()) return fail(Code::kWrongOwner, "audit: " + path.string() + ": belongs to another user");
  return {};
}

Result<std::string> read_install(std::string_view text, const base::KeyId& key_id) {
  SG_TRY(const json::Value value, json::parse(text));
  json::Reader in(value, "audit: install.json");
  const std::string format = in.text("format");
  if (format != kInstallFormat) in.refuse("format", Code::kUnsupportedVersion, "not known");
  std::string install_id = in.text("install_id", 36, 36);
  const std::string stored_key = in.text("key_id");
  SG_TRY(in.finish());
  if (stored_key != key_id.str()) {
    return fail(Code::kAuditUnknownKey, "audit: install.json: this log belongs to another audit key");
  }
  return install_id;
}

std::string write_install(std::string_view install_id, const base::KeyId& key_id) {
  json::Object object;
  object.set("format", kInstallFormat);
  object.set("install_id", install_id);
  object.set("key_id", key_id.str());
  return json::canonical(std::move(object)) + "\n";
}

}  // namespace

Result<> Writer::recover() {
  SG_TRY(check_directory(env_, options_.log_directory));
  SG_TRY(check_directory(env_, options_.state_directory));
  SG_TRY(load_anchor());
  SG_TRY(const std::vector<std::uint32_t> numbers, list_segments(env_, options_.log_directory));
  std::uint64_t torn = 0;
  for (const std::uint32_t number : numbers) SG_TRY(read_segment(number, number == numbers.back(), torn));
  if (anchor_ && !anchor_seen_) {
    return fail(Code::kAuditTruncated, "audit: the log ends before the checkpoint of the last start or stop");
  }
  SG_TRY(load_install());
  const std::uint32_t last = numbers.empty() ? 1 : numbers.back();
  SG_TRY(segment_, SegmentFile::open(env_, options_.log_directory, last));
  if (torn > 0) SG_TRY(segment_->truncate(segment_->size() - torn));
  return begin_session(torn);
}

Result<> Writer::load_anchor() {
  const Result<base::Bytes> bytes = env_.read_file(options_.state_directory / kAnchorFile, kMaxLineBytes);
  if (!bytes && bytes.error().code == Code::kNotFound) return {};
  if (!bytes) return std::unexpected(bytes.error());
  std::string_view line = base::as_text(*bytes);
  if (line.ends_with('\n')) line.remove_suffix(1);
  SG_TRY(Entry entry, decode_entry(line));
  SG_TRY(verify_line_signature(line, entry, key_.public_key()));
  anchor_ = std::move(entry);
  return {};
}

Result<> Writer::read_segment(std::uint32_t number, bool last, std::uint64_t& torn) {
  const base::Path path = options_.log_directory / segment_name(number);
  SG_TRY(base::check_private_file(env_, path, 0600));
  SG_TRY(const base::Bytes bytes,
         env_.read_file(path, std::max(kSegmentBytes, options_.segment_bytes) + kSegmentSlack));
  std::string_view rest = base::as_text(bytes);
  for (std::uint64_t line_number = 1; !rest.empty(); ++line_number) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = rest.substr(0, end);
    Result<Entry> entry = chain_.accept(line, key_.public_key());
    if (!entry) {
      return std::unexpected(
          base::in_context("audit: " + path.string() + ":" + std::to_string(line_number), entry.error()));
    }
    remember(entry->source, entry->event, std::string(line));
    if (anchor_ && entry->seq == anchor_->seq) {
      if (entry->entry_hash != anchor_->entry_hash) {
        return fail(Code::kAuditFork, "audit: " + path.string() + ": not the log of the last start or stop");
      }
      anchor_seen_ = true;
    }
    rest.remove_prefix(end + 1);
  }
  if (!rest.empty() && !last) return fail(Code::kAuditMalformed, "audit: " + path.string() + ": last line has no end");
  torn = rest.size();
  return {};
}

Result<> Writer::load_install() {
  const base::Path path = options_.state_directory / kInstallFile;
  const base::KeyId& key_id = key_.public_key().key_id();
  const Result<base::Bytes> bytes = env_.read_file(path, kMaxInstallBytes);
  if (!bytes && bytes.error().code != Code::kNotFound) return std::unexpected(bytes.error());
  std::string install_id = chain_.install_id();
  if (bytes) {
    SG_TRY(const std::string stored, read_install(base::as_text(*bytes), key_id));
    if (!install_id.empty() && stored != install_id) {
      return fail(Code::kAuditFork, "audit: install.json: names another log");
    }
    install_id = stored;
  } else {
    if (install_id.empty()) install_id = base::make_uuid7(env_);
    SG_TRY(env_.write_file(path, base::as_bytes(write_install(install_id, key_id)), 0600));
  }
  if (chain_.seq().value() == 0) chain_.begin(install_id, key_id);
  return {};
}

Result<> Writer::begin_session(std::uint64_t torn) {
  // What the last life left uncovered is covered first, so that this start's own entries have room.
  if (chain_.uncovered() > 0) SG_TRY(checkpoint());
  if (segment_->size() == 0 && segment_->number() > 1) SG_TRY(name_previous_segment());
  json::Object started;
  started.set("anchor", anchor_ ? "held" : "absent");
  started.set("build_id", options_.build_id);
  started.set("install_id", chain_.install_id());
  started.set("key_id", key_.public_key().key_id().str());
  started.set("segment", segment_name(segment_->number()));
  if (options_.trust_stand_in) started.set("trust_stand_in_uid", static_cast<std::int64_t>(*options_.trust_stand_in));
  SG_TRY(chain_own(EventName::kAuditStarted, Outcome::kSuccess, std::move(started)));
  if (torn > 0) {
    json::Object recovered;
    recovered.set("cut_bytes", static_cast<std::int64_t>(torn));
    recovered.set("segment", segment_name(segment_->number()));
    SG_TRY(chain_own(EventName::kAuditRecovered, Outcome::kSuccess, std::move(recovered)));
  }
  SG_TRY(checkpoint());
  SG_TRY(commit());
  return save_anchor();
}

}  // namespace stargraph::audit
