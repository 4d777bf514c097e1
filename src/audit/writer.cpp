#include "stargraph/audit/writer.hpp"

#include <algorithm>

#include "audit/event_fields.hpp"
#include "audit/line_scan.hpp"
#include "stargraph/base/check.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

// An act of trust says after which one it was made; an importer that does not know the last one may not hide it.
bool follows(const Event& event, SourceSeq last_act) {
  const json::Value* const previous = event.data.find("previous");
  if (event.outcome != Outcome::kSuccess || event.data.find("act") == nullptr) return true;
  return previous != nullptr && previous->integer() != nullptr && *previous->integer() == last_act.value();
}

}  // namespace

Writer::Writer(base::Env& env, crypto::PrivateKey key, Options options)
    : env_(env), key_(std::move(key)), options_(std::move(options)) {}

Result<std::unique_ptr<Writer>> Writer::open(base::Env& env, crypto::PrivateKey key, Options options) {
  std::unique_ptr<Writer> writer(new Writer(env, std::move(key), std::move(options)));
  SG_TRY(writer->recover());
  return writer;
}

Result<std::string> Writer::chain_entry(Source source, SourceSeq source_seq, Event event, base::Timestamp time,
                                        std::string head) {
  Entry entry;
  entry.event = std::move(event);
  entry.source = source;
  entry.source_seq = source_seq;
  entry.time = time;
  const base::Timestamp clock = env_.now();
  chain_.place(entry, clock);
  const std::optional<crypto::Digest> identity =
      source == Source::kWriter ? std::nullopt : std::optional(record_identity_after(head, entry.event));
  SG_TRY(std::string line, encode_entry_after(std::move(head), entry));
  const bool is_checkpoint = entry.event.name == EventName::kAuditCheckpoint;
  if (is_checkpoint) SG_TRY(sign_line(line, entry, key_));
  if (!is_checkpoint && chain_.uncovered() == 0) first_uncovered_at_ = env_.monotonic();
  chain_.take(entry);
  if (tree_) tree_->add(entry.entry_hash);
  if (identity) remember(source, *identity, line);
  pending_ += line;
  pending_ += '\n';
  return line;
}

Result<Writer::Placed> Writer::append(Source source, Record record) {
  SG_TRY(check_event(record.event));
  std::string head = encode_head_fields(record.event);
  return append_checked(source, std::move(record), std::move(head));
}

Result<Writer::Placed> Writer::append_text(Source source, std::string_view record) {
  if (source == Source::kDaemon) {
    if (auto scanned = scan_record(record)) {
      return append_checked(source, std::move(scanned->record), std::string(scanned->head));
    }
  }
  SG_TRY(Record decoded, decode_record(record));
  return append(source, std::move(decoded));
}

Result<Writer::Placed> Writer::append_checked(Source source, Record record, std::string head) {
  if (failed_) return fail(Code::kIo, "audit: writer: failed before");
  SG_CHECK(segment_.has_value() && !stopped_);
  if (source == Source::kWriter || !may_send(source, record.event.name)) {
    return fail(Code::kCapabilityDenied, "audit: " + std::string(source_name(source)) + ": may not send " +
                                             std::string(event_text(record.event.name)));
  }
  const SourceSeq last = chain_.last_of(source);
  if (record.source_seq <= last) {
    return place_repeat(source, record.source_seq, record_identity_after(std::move(head), record.event));
  }
  if (record.source_seq != last.next()) {
    return fail(Code::kAuditGap, "audit: source_seq: " + std::to_string(record.source_seq.value()) + ", expected " +
                                     std::to_string(last.next().value()));
  }
  if (source == Source::kTrust && !follows(record.event, chain_.trust_act())) {
    return fail(Code::kAuditFork, "audit: an act of trust that does not follow the last one");
  }
  Placed placed;
  SG_TRY(placed.line, chain_entry(source, record.source_seq, std::move(record.event), record.time, std::move(head)));
  SG_TRY(after_entry());
  return placed;
}

Result<Writer::Placed> Writer::place_repeat(Source source, SourceSeq source_seq, const crypto::Digest& identity) const {
  const Recent& recent = recent_.at(static_cast<std::size_t>(source));
  const std::int64_t back = chain_.last_of(source).value() - source_seq.value();
  const auto known = static_cast<std::int64_t>(recent.identities.size());
  if (back >= known) return fail(Code::kAuditFork, "audit: source_seq: too old to compare");
  if (recent.identities[static_cast<std::size_t>(known - 1 - back)] != identity) {
    return fail(Code::kAuditFork, "audit: source_seq: taken by another act");
  }
  return Placed{.repeat = true, .line = back == 0 ? recent.last_line : std::string()};
}

void Writer::remember(Source source, const crypto::Digest& identity, std::string_view line) {
  Recent& recent = recent_.at(static_cast<std::size_t>(source));
  recent.identities.push_back(identity);
  if (recent.identities.size() > kRemembered) recent.identities.pop_front();
  recent.last_line = line;
}

Result<> Writer::append_own(EventName name, Outcome outcome, json::Object data) {
  SG_CHECK(segment_.has_value() && name != EventName::kAuditCheckpoint);
  if (failed_) return fail(Code::kIo, "audit: writer: failed before");
  SG_TRY(chain_own(name, outcome, std::move(data)));
  return after_entry();
}

Result<> Writer::chain_own(EventName name, Outcome outcome, json::Object data) {
  Event event;
  event.name = name;
  event.outcome = outcome;
  event.actor = base::ActorName(std::string(source_name(Source::kWriter)));
  event.tenant = site_tenant();
  event.data = std::move(data);
  SG_TRY(check_event(event));
  std::string head = encode_head_fields(event);
  const SourceSeq next = chain_.last_of(Source::kWriter).next();
  SG_TRY(chain_entry(Source::kWriter, next, std::move(event), env_.now(), std::move(head)));
  return {};
}

Result<> Writer::after_entry() {
  Result<> done;
  if (chain_.uncovered() >= kCheckpointEntries) done = checkpoint();
  if (done && segment_->size() + pending_.size() >= options_.segment_bytes) done = rotate();
  if (done && pending_.size() >= kMaxPendingBytes) done = commit();
  if (!done) failed_ = true;
  if (!done && done.error().code == Code::kDiskLow) say_full();
  return done;
}

Result<> Writer::checkpoint() {
  SG_TRY(chain_own(EventName::kAuditCheckpoint, Outcome::kSuccess, encode_checkpoint(chain_.next_checkpoint())));
  last_checkpoint_line_ = last_pending_line();
  return {};
}

std::string Writer::last_pending_line() const {
  const std::size_t end = pending_.size() - 1;
  const std::size_t before = pending_.rfind('\n', end - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return pending_.substr(begin, end - begin);
}

Result<> Writer::rotate() {
  if (chain_.uncovered() > 0) SG_TRY(checkpoint());
  SG_TRY(commit());
  const std::uint32_t number = segment_->number() + 1;
  SG_TRY(write_state_note(number));
  SG_TRY(segment_, SegmentFile::open(env_, options_.log_directory, number));
  SG_TRY(name_previous_segment());
  SG_TRY(commit());
  keep_position();
  return {};
}

Result<> Writer::name_previous_segment() {
  json::Object data;
  data.set("checkpoint", chain_.last_checkpoint().value_or(crypto::Digest()).hex());
  data.set("previous_segment", segment_name(segment_->number() - 1));
  data.set("segment", segment_name(segment_->number()));
  return chain_own(EventName::kAuditRotated, Outcome::kSuccess, std::move(data));
}

Result<> Writer::commit() {
  if (failed_) return fail(Code::kIo, "audit: writer: failed before");
  if (pending_.empty()) return {};
  const Result<> written = segment_->write(pending_);
  if (!written) {
    failed_ = true;
    if (written.error().code == Code::kDiskLow) say_full();
    return written;
  }
  pending_.clear();
  if (tree_) keep_tree(tree_->write());
  const std::int64_t since = chain_.seq().value() - position_seq_.value();
  if (since >= static_cast<std::int64_t>(options_.position_entries)) keep_position();
  return {};
}

std::optional<base::Duration> Writer::until_checkpoint() const {
  if (chain_.uncovered() == 0) return std::nullopt;
  return std::max(base::Duration(0), first_uncovered_at_ + options_.checkpoint_delay - env_.monotonic());
}

Result<> Writer::tick() {
  const auto left = until_checkpoint();
  if (!left || left->count() > 0) return {};
  const Result<> done = checkpoint();
  if (!done) {
    failed_ = true;
    return done;
  }
  return commit();
}

Result<> Writer::stop() {
  if (stopped_) return {};
  SG_TRY(append_own(EventName::kAuditStopping, Outcome::kSuccess, {}));
  if (chain_.uncovered() > 0) SG_TRY(checkpoint());
  SG_TRY(commit());
  stopped_ = true;
  keep_position();
  return save_anchor();
}

Head Writer::head(Source source) const {
  Head head;
  head.install_id = chain_.install_id();
  head.seq = chain_.seq();
  head.entry_hash = chain_.last_hash();
  head.source_seq = chain_.last_of(source);
  head.daemon_seq = chain_.last_of(Source::kDaemon);
  head.trust_acts = chain_.trust_acts();
  head.trust_act = chain_.trust_act();
  head.floors = chain_.floors();
  head.revocation_number = chain_.revocation_number();
  head.first_segment = first_segment_;
  head.last_segment = segment_->number();
  return head;
}

}  // namespace stargraph::audit
