// Archived segments leave under a tombstone: only the oldest, only as copied, and what stays verifies.
#include "stargraph/audit/prune.hpp"

#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::EnvOperation;
using base::fail;
using base::Result;
using test::make_event;
using test::make_record;
using test::verify_text;

class AuditPrune : public ::testing::Test {
 protected:
  void SetUp() override {
    log_.segment_bytes = 8'000;
    open();
    write(80);
    ASSERT_GT(writer_->head(Source::kDaemon).last_segment, 5U);
  }
  void open() {
    auto writer = log_.open();
    ASSERT_TRUE(writer.has_value()) << writer.error().message;
    writer_ = *std::move(writer);
  }
  void write(int count) {
    for (int i = 0; i < count; ++i) {
      const SourceSeq next = writer_->chain().last_of(Source::kDaemon).next();
      const auto event = make_event(EventName::kRequest, next.value() % 2 == 0 ? "lab" : "soc");
      ASSERT_TRUE(writer_->append(Source::kDaemon, make_record(next.value(), event)).has_value());
    }
    ASSERT_TRUE(writer_->commit().has_value());
  }
  Prune copied(std::uint32_t first, std::uint32_t last) {
    Prune prune{.first_segment = first, .digests = {}};
    for (std::uint32_t i = first; i <= last; ++i) prune.digests.push_back(crypto::sha384(log_.segment(i)));
    return prune;
  }
  // The log from `first` on, as an auditor has it.
  Report verify(std::uint32_t first) {
    const auto bytes = log_.env.read_file(test::kLogDirectory / state_note_name(first), kMaxPositionBytes);
    EXPECT_TRUE(bytes.has_value());
    if (!bytes) return Report{};
    auto note = decode_position(base::as_text(*bytes), test::audit_public_key());
    EXPECT_TRUE(note.has_value());
    auto verifier = LogVerifier::make(test::audit_public_key(), std::nullopt);
    verifier->begin_at(*std::move(note));
    verifier->begin_file(segment_name(first));
    return test::feed_text(*verifier, log_.whole(first));
  }
  bool has(const std::string& name) { return log_.env.info(test::kLogDirectory / name).has_value(); }

  test::Log log_;
  std::unique_ptr<Writer> writer_;
};

TEST_F(AuditPrune, OldSegmentsLeaveAndTheRestVerifies) {
  const std::uint64_t before = verify_text(log_.whole()).entries;
  const auto line = writer_->prune(copied(1, 2));
  ASSERT_TRUE(line.has_value()) << line.error().message;
  const Tombstone tombstone = *decode_tombstone(decode_entry(*line)->event.data);
  EXPECT_EQ(tombstone.first_seq, LogSeq(1));
  EXPECT_FALSE(has(segment_name(1)));
  EXPECT_FALSE(has(segment_name(2)));
  EXPECT_FALSE(has(state_note_name(2)));
  EXPECT_TRUE(has(state_note_name(3)));
  EXPECT_EQ(writer_->head(Source::kDaemon).first_segment, 3U);
  const Report report = verify(3);
  ASSERT_TRUE(report.good()) << report.bad->detail;
  EXPECT_EQ(report.archived, static_cast<std::uint64_t>(tombstone.last_seq.value()));
  EXPECT_EQ(report.archived + report.entries, before + 2) << "the tombstone and its checkpoint";
}

TEST_F(AuditPrune, GoesOnAfterwardsAndAgain) {
  ASSERT_TRUE(writer_->prune(copied(1, 2)).has_value());
  write(40);
  ASSERT_TRUE(writer_->stop().has_value());
  open();
  write(3);
  ASSERT_TRUE(writer_->prune(copied(3, 4)).has_value());
  writer_.reset();
  // Without the position, from the state note; the tree keeps what it knew.
  ASSERT_TRUE(log_.env.remove(test::kStateDirectory / "position.json").has_value());
  open();
  write(3);
  const Report report = verify(5);
  EXPECT_TRUE(report.good()) << report.bad->detail;
}

TEST_F(AuditPrune, RC_T_AUDIT_OnlyTheOldestClosedSegmentsLeave) {
  const std::uint32_t last = writer_->head(Source::kDaemon).last_segment;
  const std::string before = log_.whole();
  EXPECT_EQ(writer_->prune(copied(2, 3)).error().code, Code::kMalformed);
  EXPECT_EQ(writer_->prune(copied(last, last)).error().code, Code::kMalformed);
  EXPECT_EQ(writer_->prune(copied(1, last)).error().code, Code::kMalformed);
  EXPECT_EQ(writer_->prune({.first_segment = 1, .digests = {}}).error().code, Code::kMalformed);
  EXPECT_EQ(log_.whole(), before);
  EXPECT_FALSE(writer_->failed());
}

TEST_F(AuditPrune, RC_T_AUDIT_ACopyThatDiffersRemovesNothing) {
  const std::string before = log_.whole();
  Prune wrong = copied(1, 3);
  wrong.digests[1] = crypto::sha384("something else");
  EXPECT_EQ(writer_->prune(wrong).error().code, Code::kDigestMismatch);
  EXPECT_EQ(log_.whole(), before);
  EXPECT_TRUE(writer_->prune(copied(1, 3)).has_value());
}

// Digests are computed while others wait: one segment takes what it takes, several only a bounded time.
TEST_F(AuditPrune, RC_D_AUDIT_NobodyWaitsForManyLargeSegmentsAtOnce) {
  ASSERT_TRUE(writer_->stop().has_value());
  writer_.reset();
  Writer::Options options = log_.options();
  options.prune_bytes = log_.segment(1).size() + log_.segment(2).size() - 1;
  writer_ = *Writer::open(log_.env, test::audit_key(), options);
  EXPECT_EQ(writer_->prune(copied(1, 2)).error().code, Code::kTooLarge);
  EXPECT_TRUE(has(segment_name(1)));
  EXPECT_FALSE(writer_->failed());
  EXPECT_TRUE(writer_->prune(copied(1, 1)).has_value());
}

TEST_F(AuditPrune, RC_T_AUDIT_WithoutItsStateNoteNothingLeaves) {
  ASSERT_TRUE(log_.env.rename(test::kLogDirectory / state_note_name(4), test::kLogDirectory / state_note_name(3)));
  EXPECT_EQ(writer_->prune(copied(1, 3)).error().code, Code::kAuditGap);
  EXPECT_EQ(writer_->prune(copied(1, 2)).error().code, Code::kAuditGap) << "the note of another segment";
  EXPECT_TRUE(has(segment_name(1)));
}

TEST_F(AuditPrune, RC_T_AUDIT_SegmentsThatLeftWithoutATombstoneStopTheStart) {
  ASSERT_TRUE(writer_->stop().has_value());
  writer_.reset();
  ASSERT_TRUE(log_.env.remove(test::kLogDirectory / segment_name(1)).has_value());
  EXPECT_EQ(log_.open().error().code, Code::kAuditGap);
  ASSERT_TRUE(log_.env.remove(test::kStateDirectory / "position.json").has_value());
  EXPECT_EQ(log_.open().error().code, Code::kAuditGap);
  const Report report = verify(2);
  ASSERT_FALSE(report.good());
}

TEST_F(AuditPrune, RC_T_AUDIT_TombstoneOfOtherSegmentsIsNone) {
  ASSERT_TRUE(writer_->prune(copied(1, 2)).has_value());
  ASSERT_TRUE(writer_->stop().has_value());
  writer_.reset();
  ASSERT_TRUE(log_.env.remove(test::kLogDirectory / segment_name(3)).has_value());
  EXPECT_EQ(log_.open().error().code, Code::kAuditGap);
  EXPECT_FALSE(verify(4).good());
}

TEST_F(AuditPrune, RC_T_AUDIT_ATombstoneThatSkipsOrRepeatsIsRefusedByTheChain) {
  const auto line = writer_->prune(copied(1, 2));
  Chain chain = writer_->chain();
  for (const std::uint32_t first : {1U, 2U, 4U}) {
    Tombstone tombstone = *decode_tombstone(decode_entry(*line)->event.data);
    tombstone.what.first_segment = first;
    tombstone.first_seq = chain.pruned()->last_seq.next();
    tombstone.last_seq = tombstone.first_seq;
    Entry entry = test::unsigned_entry(chain, EventName::kAuditPruned, encode_tombstone(tombstone));
    const std::string forged = *encode_entry(entry);
    EXPECT_EQ(chain.accept(forged, test::audit_public_key()).error().code, Code::kAuditMalformed) << first;
  }
}

// Somebody without the key, but with the disk, writes a tombstone where no signature covers it yet: the next start
// neither signs it nor does what it says.
TEST_F(AuditPrune, RC_T_AUDIT_ATombstoneThatNobodySignedIsNotActedUpon) {
  writer_.reset();
  Chain chain;
  for (const std::string& line : test::split_lines(log_.whole())) {
    ASSERT_TRUE(chain.accept(line, test::audit_public_key()).has_value());
  }
  const auto forge = [&](EventName name, json::Object data) {
    Entry entry = test::unsigned_entry(chain, name, std::move(data));
    std::string line = *encode_entry(entry);
    chain.take(entry);
    return line + "\n";
  };
  std::uint32_t last = 1;
  while (has(segment_name(last + 1))) ++last;
  const std::string before = log_.segment(last);
  Tombstone tombstone{.what = copied(1, 2), .first_seq = LogSeq(1), .last_seq = LogSeq(9), .checkpoint = {}};
  const std::string forged = forge(EventName::kAuditPruned, encode_tombstone(tombstone));
  log_.replace_segment(before + forged + forge(EventName::kAuditRefused, {}), last);
  EXPECT_EQ(log_.open().error().code, Code::kAuditBadSignature);
  log_.replace_segment(before + forged, last);
  open();
  EXPECT_TRUE(has(segment_name(1)));
  EXPECT_FALSE(writer_->chain().pruned().has_value());
  EXPECT_NE(log_.segment(last).find("audit.recovered"), std::string::npos);
  EXPECT_TRUE(verify_text(log_.whole()).good());
}

// A crash at each operation of a prune: either nothing was said and nothing is gone, or the next start ends it.
TEST(AuditPruneCrash, RC_R_AUDIT_IsWholeOrFinishedByTheNextStart) {
  std::uint64_t untouched = 0;
  std::uint64_t finished = 0;
  for (std::uint64_t crash_at = 1;; ++crash_at) {
    test::Log log;
    log.segment_bytes = 6'000;
    auto writer = log.open();
    for (int i = 1; i <= 40; ++i) ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(i)).has_value());
    ASSERT_TRUE((*writer)->commit().has_value());
    const Prune prune{.first_segment = 1, .digests = {crypto::sha384(log.segment(1)), crypto::sha384(log.segment(2))}};
    std::uint64_t count = 0;
    log.env.set_fault([&](EnvOperation, const base::Path&) -> Result<> {
      if (++count >= crash_at) return fail(Code::kIo, "crashed");
      return {};
    });
    const bool done = (*writer)->prune(prune).has_value();
    log.env.set_fault(nullptr);
    log.env.crash();
    writer = log.open();
    ASSERT_TRUE(writer.has_value()) << crash_at << ": " << writer.error().message;
    const std::uint32_t first = (*writer)->head(Source::kDaemon).first_segment;
    const bool left = first == 3;
    ASSERT_TRUE(left || first == 1) << crash_at;
    EXPECT_EQ((*writer)->chain().pruned().has_value(), left) << crash_at;
    EXPECT_EQ(log.env.info(test::kLogDirectory / segment_name(1)).has_value(), !left);
    if (!left) {
      EXPECT_TRUE(verify_text(log.whole()).good());
      EXPECT_TRUE((*writer)->prune(prune).has_value());
    }
    ++(left ? finished : untouched);
    if (done) break;
  }
  EXPECT_GT(untouched, 5U);
  EXPECT_GT(finished, 5U);
}

}  // namespace
}  // namespace stargraph::audit
