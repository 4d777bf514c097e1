// Writer: the core of stargraph-auditd without its sockets. It alone orders entries, chains and signs them.
//
// append() chains records in memory; commit() writes them in one piece, syncs, and only then may any of
// them be acknowledged. When failed() the process must end: what is on disk is unknown, and the next start
// finds out. A full disk ends it too, but not silently: a reserve that was there from the start is given up for the
// last words. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stargraph/audit/chain.hpp"
#include "stargraph/audit/head.hpp"
#include "stargraph/audit/part.hpp"
#include "stargraph/audit/position.hpp"
#include "stargraph/audit/prune.hpp"
#include "stargraph/audit/receipt.hpp"
#include "stargraph/audit/segment.hpp"
#include "stargraph/audit/tree.hpp"
#include "stargraph/base/env.hpp"

namespace stargraph::audit {

class Writer {
 public:
  struct Options {
    base::Path log_directory;    // 0700, ours
    base::Path state_directory;  // 0700, ours: install.json, anchor.jsonl and position.json
    std::string build_id;
    std::uint64_t segment_bytes = kSegmentBytes;
    base::Duration checkpoint_delay = std::chrono::seconds(1);
    // Another user than root may record acts of trust (trials, demonstrations): said in audit.started.
    std::optional<std::uint32_t> trust_stand_in;
    std::uint64_t reserve_bytes = std::uint64_t{1} << 20;  // held back for the last words on a full disk
    std::uint64_t position_entries = 4'096;                // a position is saved after so many
    std::uint64_t prune_bytes = kMaxPruneBytes;            // of several segments in one request
    bool read_whole = false;                               // verify all that is there, whatever the position says
    json::Object confinement;                              // said in audit.started as it is
  };

  // Reads and verifies what came after the saved position, or the whole log where there is none, cuts a torn last
  // line, and writes audit.started (and audit.recovered). Refuses a log that does not verify, lacks the anchor of the
  // last start or stop or what the position has seen (kAuditTruncated, kAuditFork), lacks older segments without a
  // tombstone (kAuditGap), belongs to another key (kAuditUnknownKey), directories wider than 0700, and a disk without
  // room for the reserve (kDiskLow). `env` must outlive the writer.
  [[nodiscard]] static base::Result<std::unique_ptr<Writer>> open(base::Env& env, crypto::PrivateKey key,
                                                                  Options options);

  // Where a record came to stand. A repeat is the same act under a number already taken: nothing is written.
  struct Placed {
    bool repeat = false;
    std::string line;  // empty for a repeat that is not the source's last record
  };
  // kAuditGap when the number is not the source's next one; kAuditFork for another act under a taken number, or
  // a number too old to compare, and for an act of trust whose "previous" is not the last one here; kCapabilityDenied
  // when this source may not send that event; check_event's codes.
  [[nodiscard]] base::Result<Placed> append(Source source, Record record);
  // The same for a record's text, and decode_record's codes. The daemon's plain ones are never read into values.
  [[nodiscard]] base::Result<Placed> append_text(Source source, std::string_view record);
  // The line of a record that stands in the log, from its files: kNotFound when it is not on this disk. Takes as long
  // as reading the segments from there on.
  [[nodiscard]] base::Result<std::string> line_of(Source source, SourceSeq number) const;
  // The writer's own entries.
  [[nodiscard]] base::Result<> append_own(EventName name, Outcome outcome, json::Object data);

  [[nodiscard]] base::Result<> commit();
  [[nodiscard]] bool dirty() const { return !pending_.empty(); }
  // A write, a sync or a signature failed: nothing works any more.
  [[nodiscard]] bool failed() const { return failed_; }
  // Writes and commits a checkpoint when the oldest uncovered entry is older than the delay.
  [[nodiscard]] base::Result<> tick();
  // Until tick() has something to do; nullopt when all entries are covered.
  [[nodiscard]] std::optional<base::Duration> until_checkpoint() const;
  // Checks digests and boundary, writes the tombstone and its checkpoint, then removes the segments; the line is the
  // tombstone's. kMalformed for segments that are not the oldest or not closed, kTooLarge for
  // more at once than others should wait for, kDigestMismatch for one that is not
  // what was copied; an error after the tombstone is final, and the next start ends what was begun.
  [[nodiscard]] base::Result<std::string> prune(const Prune& what);
  // Open for reading only. kNotFound.
  [[nodiscard]] base::Result<OpenedPart> open_part(LogPart part, std::uint32_t segment) const;
  // audit.stopping, a last checkpoint, the anchor. Nothing may be appended afterwards.
  [[nodiscard]] base::Result<> stop();

  [[nodiscard]] Head head(Source source) const;
  [[nodiscard]] const Chain& chain() const { return chain_; }
  [[nodiscard]] const crypto::PrivateKey& key() const { return key_; }

  // How many of a source's last records can be told from another act under their number.
  static constexpr std::size_t kRemembered = 1'024;

 private:
  Writer(base::Env& env, crypto::PrivateKey key, Options options);
  [[nodiscard]] base::Result<> recover();
  [[nodiscard]] base::Result<> load_anchor();
  [[nodiscard]] base::Result<> load_install();
  [[nodiscard]] base::Result<> sweep() const;
  [[nodiscard]] base::Result<Position> begin_at(const std::vector<std::uint32_t>& numbers);
  [[nodiscard]] base::Result<Position> take_position(Position position, std::string_view what);
  [[nodiscard]] base::Result<std::optional<Position>> load_position(const base::Path& path) const;
  [[nodiscard]] base::Result<> check_position(const Position& position,
                                              const std::vector<std::uint32_t>& numbers) const;
  [[nodiscard]] base::Result<> read_segment(std::uint32_t number, std::uint64_t offset, bool last, std::uint64_t& torn);
  [[nodiscard]] base::Result<> take_line(std::string_view line);
  [[nodiscard]] base::Result<> check_pruned() const;
  [[nodiscard]] base::Result<> begin_session(std::uint64_t torn);

  // `head` is what the event's line begins with (encode_head_fields); the event was checked.
  [[nodiscard]] base::Result<Placed> append_checked(Source source, Record record, std::string head);
  [[nodiscard]] base::Result<std::string> chain_entry(Source source, SourceSeq source_seq, Event event,
                                                      base::Timestamp time, std::string head);
  [[nodiscard]] base::Result<> chain_own(EventName name, Outcome outcome, json::Object data);
  [[nodiscard]] base::Result<> after_entry();
  [[nodiscard]] base::Result<> checkpoint();
  [[nodiscard]] base::Result<> rotate();
  [[nodiscard]] base::Result<> name_previous_segment();
  [[nodiscard]] base::Result<> save_anchor();
  [[nodiscard]] base::Result<> save_position();
  void keep_position();
  [[nodiscard]] base::Result<> write_state_note(std::uint32_t segment);
  void keep_tree(const base::Result<>& done);
  void say_full();
  [[nodiscard]] base::Result<Tombstone> check_prune(const Prune& what) const;
  [[nodiscard]] base::Result<> remove_pruned();
  [[nodiscard]] base::Result<Placed> place_repeat(Source source, SourceSeq source_seq,
                                                  const crypto::Digest& identity) const;
  void remember(Source source, const crypto::Digest& identity, std::string_view line);
  [[nodiscard]] std::string last_pending_line() const;

  struct Recent {
    std::deque<crypto::Digest> identities;  // of records last - size + 1 ... last
    std::string last_line;
  };
  static constexpr std::string_view kAnchorFile = "anchor.jsonl";
  static constexpr std::string_view kPositionFile = "position.json";
  static constexpr std::string_view kReserveFile = "audit-reserve.bin";
  // What one commit may hold, so that the reserve has room for it and the last words.
  static constexpr std::size_t kMaxPendingBytes = std::size_t{512} * 1024;

  base::Env& env_;
  crypto::PrivateKey key_;
  Options options_;
  std::optional<Entry> anchor_;   // the checkpoint of the last start or stop
  bool anchor_seen_ = false;      // held against the log, now or by the life that saved the position
  bool anchor_compared_ = false;  // now
  Chain chain_;
  std::array<Recent, kSourceCount> recent_;
  std::optional<SegmentFile> segment_;
  std::uint32_t first_segment_ = 1;
  std::optional<TreeFile> tree_;      // nothing after it failed: made anew at the next start
  LogSeq position_seq_;               // entries that the saved position covers
  std::string_view began_ = "whole";  // what this start relied on, for audit.started
  std::string pending_;               // lines chained, not yet written
  std::string last_checkpoint_line_;
  base::Duration first_uncovered_at_{0};  // monotonic
  bool failed_ = false;
  bool stopped_ = false;
};

}  // namespace stargraph::audit
