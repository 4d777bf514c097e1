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

// The name is looked for before the line is read: few lines have one of these.
bool is_a(EventName name, std::string_view line) {
  if (line.find(event_text(name)) == std::string_view::npos) return false;
  const auto entry = decode_entry(line);
  return entry && entry->event.name == name;
}

}  // namespace

Result<> Writer::recover() {
  SG_TRY(check_directory(env_, options_.log_directory));
  SG_TRY(check_directory(env_, options_.state_directory));
  SG_TRY(sweep());
  SG_TRY(env_.preallocate(options_.log_directory / kReserveFile, options_.reserve_bytes, 0600));
  SG_TRY(load_anchor());
  SG_TRY(const std::vector<std::uint32_t> numbers, list_segments(env_, options_.log_directory));
  first_segment_ = numbers.empty() ? 1 : numbers.front();
  SG_TRY(Position begin, begin_at(numbers));
  std::uint64_t torn = 0;
  for (const std::uint32_t number : numbers) {
    if (number < begin.segment) continue;
    const std::uint64_t offset = number == begin.segment ? begin.offset : 0;
    SG_TRY(read_segment(number, offset, number == numbers.back(), torn));
  }
  if (anchor_ && !anchor_seen_) {
    return fail(Code::kAuditTruncated, "audit: the log ends before the checkpoint of the last start or stop");
  }
  SG_TRY(check_pruned());
  SG_TRY(load_install());
  const std::uint32_t last = numbers.empty() ? 1 : numbers.back();
  SG_TRY(segment_, SegmentFile::open(env_, options_.log_directory, last));
  if (torn > 0) SG_TRY(segment_->truncate(segment_->size() - torn));
  SG_TRY(begin_session(torn));
  // An interrupted prune is ended here. Not before the position points into what stays.
  if (chain_.pruned() && first_segment_ <= chain_.pruned()->last_segment) SG_TRY(save_position());
  return remove_pruned();
}

// What write_file left when it was killed half-way.
Result<> Writer::sweep() const {
  for (const base::Path& directory : {options_.log_directory, options_.state_directory}) {
    SG_TRY(const std::vector<std::string> names, env_.list(directory));
    for (const std::string& name : names) {
      if (name.find(".tmp-") != std::string::npos) SG_TRY(env_.remove(directory / name));
    }
  }
  return {};
}

// Where reading begins: at the saved position, else at the first segment there is.
Result<Position> Writer::begin_at(const std::vector<std::uint32_t>& numbers) {
  SG_TRY(std::optional<Position> saved, load_position(options_.state_directory / kPositionFile));
  if (saved) {
    SG_TRY(check_position(*saved, numbers));
    SG_TRY(tree_, TreeFile::open(env_, options_.log_directory, saved->chain.tree()));
    // Without a tree to go on from, it is made from the entries: all of them.
    if (tree_ && !options_.read_whole) return take_position(*std::move(saved), "position");
  }
  if (first_segment_ == 1) {
    SG_TRY(tree_, TreeFile::make(env_, options_.log_directory, {}));
    return Position{};
  }
  SG_TRY(std::optional<Position> note, load_position(options_.log_directory / state_note_name(first_segment_)));
  if (!note || note->segment != first_segment_ || note->offset != 0) {
    return fail(Code::kAuditGap,
                "audit: " + segment_name(first_segment_) + ": segments before it and its state note are missing");
  }
  SG_TRY(tree_, TreeFile::open(env_, options_.log_directory, note->chain.tree()));
  if (!tree_) {
    SG_TRY(tree_, TreeFile::make(env_, options_.log_directory, note->chain.tree()));
  }
  return take_position(*std::move(note), "state-note");
}

Result<Position> Writer::take_position(Position position, std::string_view what) {
  began_ = what;
  chain_ = position.chain;
  position_seq_ = chain_.seq();
  for (std::size_t i = 0; i < kSourceCount; ++i) {
    RecentRecords& from = position.recent.at(i);
    recent_.at(i).identities.assign(from.identities.begin(), from.identities.end());
    recent_.at(i).last_line = std::move(from.last_line);
  }
  if (!anchor_ || anchor_->seq > chain_.seq()) return position;
  anchor_seen_ = true;
  // Older checkpoints were held against the anchor by the life that saved the position; this one does not see them.
  if (anchor_->seq != chain_.last_checkpoint_seq()) return position;
  if (anchor_->entry_hash != chain_.last_checkpoint()) {
    return fail(Code::kAuditFork, "audit: the position is not of the log of the last start or stop");
  }
  anchor_compared_ = true;
  return position;
}

Result<std::optional<Position>> Writer::load_position(const base::Path& path) const {
  const Result<base::Bytes> bytes = env_.read_file(path, kMaxPositionBytes);
  if (!bytes && bytes.error().code == Code::kNotFound) return std::optional<Position>();
  if (!bytes) return std::unexpected(bytes.error());
  SG_TRY(base::check_private_file(env_, path, 0600));
  Result<Position> position = decode_position(base::as_text(*bytes), key_.public_key());
  if (!position) return std::unexpected(base::in_context("audit: " + path.string(), position.error()));
  return std::optional<Position>(*std::move(position));
}

// The log must still hold the entry that the position ends with, at that place.
Result<> Writer::check_position(const Position& position, const std::vector<std::uint32_t>& numbers) const {
  const base::Path path = options_.log_directory / segment_name(position.segment);
  const auto truncated = [&] {
    return fail(Code::kAuditTruncated, "audit: " + path.string() + ": ends before the position of the last life");
  };
  if (std::ranges::find(numbers, position.segment) == numbers.end()) return truncated();
  SG_TRY(const FileInfo info, env_.info(path));
  if (info.size < position.offset) return truncated();
  const std::uint64_t begin = position.offset - std::min<std::uint64_t>(position.offset, kMaxLineBytes);
  SG_TRY(const base::Bytes bytes, env_.read_range(path, begin, position.offset - begin));
  std::string_view text = base::as_text(bytes);
  if (!text.ends_with('\n'))
    return fail(Code::kAuditFork, "audit: " + path.string() + ": no line ends at the position");
  text.remove_suffix(1);
  const Result<Entry> last = decode_entry(text.substr(text.rfind('\n') + 1));
  if (!last || last->entry_hash != position.chain.last_hash()) {
    return fail(Code::kAuditFork,
                "audit: " + path.string() + ": another entry stands at the position of the last life");
  }
  return {};
}

// Older segments may be missing only as the log itself says.
Result<> Writer::check_pruned() const {
  if (first_segment_ == 1) return {};
  if (chain_.pruned() && chain_.pruned()->last_segment + 1 >= first_segment_) return {};
  return fail(Code::kAuditGap,
              "audit: " + segment_name(first_segment_) + ": segments before it left without a tombstone");
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

Result<> Writer::read_segment(std::uint32_t number, std::uint64_t offset, bool last, std::uint64_t& torn) {
  const base::Path path = options_.log_directory / segment_name(number);
  SG_TRY(base::check_private_file(env_, path, 0600));
  SG_TRY(const FileInfo info, env_.info(path));
  if (info.size > std::max(kSegmentBytes, options_.segment_bytes) + kSegmentSlack) {
    return fail(Code::kTooLarge, "audit: " + path.string() + ": larger than any segment");
  }
  SG_TRY(const base::Bytes bytes, env_.read_range(path, offset, info.size - std::min(offset, info.size)));
  std::string_view rest = base::as_text(bytes);
  for (std::uint64_t line_number = 1; !rest.empty(); ++line_number) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    // A tombstone and its checkpoint are one write. One alone at the end is half of it, or somebody else's: nobody
    // acted on it, and to sign it now would make a removal look allowed that never was.
    if (is_a(EventName::kAuditPruned, rest.substr(0, end))) {
      const std::size_t next = rest.find('\n', end + 1);
      if (next == std::string_view::npos && last) break;
      if (!is_a(EventName::kAuditCheckpoint, rest.substr(end + 1, next - end - 1))) {
        return fail(Code::kAuditBadSignature, "audit: " + path.string() + ": a tombstone without its checkpoint");
      }
    }
    const Result<> taken = take_line(rest.substr(0, end));
    if (!taken) {
      const std::string place = path.string() + (offset > 0 ? ": line after the position " : ":");
      return std::unexpected(base::in_context("audit: " + place + std::to_string(line_number), taken.error()));
    }
    rest.remove_prefix(end + 1);
  }
  if (!rest.empty() && !last) return fail(Code::kAuditMalformed, "audit: " + path.string() + ": last line has no end");
  torn = rest.size();
  return {};
}

Result<> Writer::take_line(std::string_view line) {
  SG_TRY(const Entry entry, chain_.accept(line, key_.public_key()));
  if (entry.source != Source::kWriter) remember(entry.source, record_identity(entry.event), line);
  if (tree_) {
    tree_->add(entry.entry_hash);
    if (entry.event.name == EventName::kAuditCheckpoint) keep_tree(tree_->write());
  }
  if (!anchor_ || entry.seq != anchor_->seq) return {};
  if (entry.entry_hash != anchor_->entry_hash)
    return fail(Code::kAuditFork, "audit: not the log of the last start or stop");
  anchor_seen_ = anchor_compared_ = true;
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
  started.set("anchor", anchor_compared_ ? "held" : anchor_ ? "before-position" : "absent");
  started.set("build_id", options_.build_id);
  started.set("install_id", chain_.install_id());
  started.set("key_id", key_.public_key().key_id().str());
  started.set("read", began_);
  started.set("segment", segment_name(segment_->number()));
  for (const auto& [name, value] : options_.confinement) started.set(name, value);
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
  keep_position();
  return save_anchor();
}

}  // namespace stargraph::audit
