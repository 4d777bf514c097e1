// What the audit writer keeps beside its segments: anchor, position, state notes, tree and reserve.
#include "stargraph/audit/writer.hpp"

#include "stargraph/base/check.hpp"

namespace stargraph::audit {

using base::Result;

Result<> Writer::save_anchor() {
  const std::string text = last_checkpoint_line_ + "\n";
  return env_.write_file(options_.state_directory / kAnchorFile, base::as_bytes(text), 0600);
}

// The tree first: a position may never know more leaves than the file beside the log has.
Result<> Writer::save_position() {
  SG_CHECK(pending_.empty());
  if (tree_) keep_tree(tree_->sync());
  Position position;
  position.segment = segment_->number();
  position.offset = segment_->size();
  position.chain = chain_;
  for (std::size_t i = 0; i < kSourceCount; ++i) {
    const Recent& from = recent_.at(i);
    position.recent.at(i).identities.assign(from.identities.begin(), from.identities.end());
    position.recent.at(i).last_line = from.last_line;
  }
  SG_TRY(const std::string text, encode_position(position, key_));
  // A position too large to be read again is worse than none: the next start would refuse it.
  if (text.size() > kMaxPositionBytes) {
    const Result<> removed = env_.remove(options_.state_directory / kPositionFile);
    return removed || removed.error().code == base::Code::kNotFound ? Result<>() : removed;
  }
  SG_TRY(env_.write_file(options_.state_directory / kPositionFile, base::as_bytes(text), 0600));
  position_seq_ = chain_.seq();
  return {};
}

// The one saved before still holds; the next start reads more for it. Tried again after as many entries as ever.
void Writer::keep_position() {
  if (!save_position()) position_seq_ = chain_.seq();
}

// Says how the chain stands before the first line of `segment`.
Result<> Writer::write_state_note(std::uint32_t segment) {
  SG_CHECK(pending_.empty());
  Position note;
  note.segment = segment;
  note.chain = chain_;
  SG_TRY(const std::string text, encode_position(note, key_));
  return env_.write_file(options_.log_directory / state_note_name(segment), base::as_bytes(text), 0600);
}

// The tree is a cache: without it the log goes on, and the next start makes it anew.
void Writer::keep_tree(const Result<>& done) {
  if (!done) tree_.reset();
}

// The last words on a full disk. What could not be written is cut off, the reserve makes room for it and for
// `audit.stopping`; nobody was told that these entries are on disk, so a second failure loses nothing.
void Writer::say_full() {
  if (stopped_ || !segment_) return;
  stopped_ = true;
  tree_.reset();
  if (!segment_->truncate(segment_->size())) return;
  if (!env_.remove(options_.log_directory / kReserveFile)) return;
  if (chain_.uncovered() >= kCheckpointEntries && !checkpoint()) return;
  if (!chain_own(EventName::kAuditStopping, Outcome::kFailure, {{"reason", "full"}})) return;
  if (!checkpoint() || !segment_->write(pending_)) return;
  pending_.clear();
  // The anchor before this one still holds; a newer one is better and may find no room either.
  static_cast<void>(save_anchor());
}

}  // namespace stargraph::audit
