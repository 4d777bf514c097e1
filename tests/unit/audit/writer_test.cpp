// The audit writer's core on a disk that crashes where we say.
#include "stargraph/audit/writer.hpp"

#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::EnvOperation;
using base::fail;
using base::Result;
using test::make_event;
using test::make_record;
using test::reason_of;
using test::split_lines;
using test::verify_text;

std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(AuditWriter, NothingIsOnDiskBeforeCommit) {
  test::Log log;
  auto writer = log.open();
  ASSERT_TRUE(writer.has_value());
  const std::size_t before = log.segment().size();
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
  EXPECT_EQ(log.segment().size(), before);
  ASSERT_TRUE((*writer)->commit().has_value());
  EXPECT_GT(log.segment().size(), before);
}

TEST(AuditWriter, CheckpointsEvery256Entries) {
  test::Log log;
  auto writer = log.open();
  for (int i = 1; i <= 512; ++i) ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(i)).has_value());
  ASSERT_TRUE((*writer)->commit().has_value());
  EXPECT_EQ(verify_text(log.segment()).checkpoints, 3U);  // the start's own, and two
  EXPECT_EQ((*writer)->until_checkpoint(), std::nullopt);
}

TEST(AuditWriter, CheckpointsOneSecondAfterTheOldestUncoveredEntry) {
  test::Log log;
  auto writer = log.open();
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
  log.env.advance(std::chrono::milliseconds(600));
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(2)).has_value());
  ASSERT_TRUE((*writer)->tick().has_value());
  EXPECT_EQ((*writer)->chain().uncovered(), 2U);
  EXPECT_EQ((*writer)->until_checkpoint(), std::chrono::milliseconds(400));
  log.env.advance(std::chrono::milliseconds(400));
  ASSERT_TRUE((*writer)->tick().has_value());
  EXPECT_EQ((*writer)->chain().uncovered(), 0U);
  EXPECT_EQ(verify_text(log.segment()).unsigned_tail, 0U);
}

TEST(AuditWriter, GoesOnWhereItStopped) {
  test::Log log;
  for (int life = 0; life < 3; ++life) {
    auto writer = log.open();
    ASSERT_TRUE(writer.has_value()) << writer.error().message;
    EXPECT_EQ((*writer)->chain().last_of(Source::kDaemon), SourceSeq(life));
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(life + 1)).has_value());
    ASSERT_TRUE((*writer)->stop().has_value());
  }
  const Report report = verify_text(log.segment());
  EXPECT_TRUE(report.good());
  EXPECT_EQ(report.entries, 3U * 5U);
}

TEST(AuditWriter, RotatesAndNamesTheSegmentBefore) {
  test::Log log;
  log.segment_bytes = 6'000;
  auto writer = log.open();
  for (int i = 1; i <= 30; ++i) {
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(i)).has_value());
    ASSERT_TRUE((*writer)->commit().has_value());
  }
  ASSERT_TRUE((*writer)->stop().has_value());
  const auto first = split_lines(log.segment(1));
  const auto second = split_lines(log.segment(2));
  const Entry last = *decode_entry(first.back());
  const Entry next = *decode_entry(second.front());
  EXPECT_EQ(last.event.name, EventName::kAuditCheckpoint);
  EXPECT_EQ(next.event.name, EventName::kAuditRotated);
  EXPECT_EQ(*next.event.data.find("checkpoint")->string(), last.entry_hash.hex());
  EXPECT_TRUE(verify_text(log.whole()).good());
  writer->reset();
  EXPECT_TRUE(log.open().has_value());
}

TEST(AuditWriter, RC_R_AUDIT_RepeatAfterALostAcknowledgementIsNotDoubled) {
  test::Log log;
  auto writer = log.open();
  const auto first = (*writer)->append(Source::kDaemon, make_record(1));
  ASSERT_TRUE((*writer)->commit().has_value());
  const auto again = (*writer)->append(Source::kDaemon, make_record(1));
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->repeat);
  EXPECT_EQ(again->line, first->line);
  // And by the next life, which reads its log's tail.
  log.env.crash();
  writer = log.open();
  ASSERT_TRUE(writer.has_value());
  EXPECT_TRUE((*writer)->append(Source::kDaemon, make_record(1))->repeat);
  EXPECT_FALSE((*writer)->append(Source::kDaemon, make_record(2))->repeat);
  ASSERT_TRUE((*writer)->commit().has_value());
  EXPECT_EQ(count_of(log.segment(), "\"source\":\"stargraphd\""), 2U);
}

// An older database put back numbers new acts with old numbers: they must not vanish as repeats.
TEST(AuditWriter, RC_R_AUDIT_AnotherActUnderATakenNumberIsRefused) {
  test::Log log;
  auto writer = log.open();
  for (int i = 1; i <= 1'500; ++i) ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(i)).has_value());
  const auto forged = (*writer)->append(Source::kDaemon, make_record(1'400, make_event(EventName::kRunFailed)));
  EXPECT_EQ(forged.error().code, Code::kAuditFork);
  const auto ancient = (*writer)->append(Source::kDaemon, make_record(3));
  EXPECT_EQ(ancient.error().code, Code::kAuditFork);
  EXPECT_FALSE((*writer)->failed());
}

TEST(AuditWriter, RC_R_AUDIT_RefusesAGapInAWritersNumbers) {
  test::Log log;
  auto writer = log.open();
  EXPECT_EQ((*writer)->append(Source::kDaemon, make_record(2)).error().code, Code::kAuditGap);
  EXPECT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
}

TEST(AuditWriter, RC_E_AUDIT_RefusesTrustFromTheDaemon) {
  test::Log log;
  auto writer = log.open();
  const auto placed = (*writer)->append(Source::kDaemon, make_record(1, make_event(EventName::kTrustPinned)));
  EXPECT_EQ(placed.error().code, Code::kCapabilityDenied);
  EXPECT_TRUE((*writer)->append(Source::kTrust, make_record(1, make_event(EventName::kTrustPinned))).has_value());
  EXPECT_EQ((*writer)->chain().trust_acts(), 1);
}

// Whoever lies about the time moves his entry by no more than the time it waited.
TEST(AuditWriter, RC_T_AUDIT_TimeNeitherGoesBackNorAheadOfOurClock) {
  test::Log log;
  auto writer = log.open();
  const base::Timestamp now = log.env.now();
  Record future = make_record(1);
  future.time = now + std::chrono::hours(1'000);
  Record past = make_record(2);
  past.time = now - std::chrono::hours(1'000);
  const Entry first = *decode_entry((*writer)->append(Source::kDaemon, future)->line);
  const Entry second = *decode_entry((*writer)->append(Source::kDaemon, past)->line);
  EXPECT_EQ(first.time, now);
  EXPECT_EQ(second.time, now);
  log.env.set_now(now - std::chrono::hours(5));  // the box's clock is set back
  Record later = make_record(3);
  later.time = log.env.now();
  EXPECT_EQ(decode_entry((*writer)->append(Source::kDaemon, later)->line)->time, now);
}

TEST(AuditWriter, TenantChainsStandAlone) {
  test::Log log;
  auto writer = log.open();
  for (int i = 1; i <= 9; ++i) {
    ASSERT_TRUE(
        (*writer)
            ->append(Source::kDaemon, make_record(i, make_event(EventName::kRequest, i % 2 == 0 ? "soc" : "lab")))
            .has_value());
  }
  ASSERT_TRUE((*writer)->stop().has_value());
  // A tenant's slice, without the others' lines: numbers and hashes follow one another.
  const crypto::Digest genesis = genesis_hash((*writer)->chain().install_id(), (*writer)->key().public_key().key_id());
  crypto::Digest previous = tenant_genesis_hash(genesis, base::TenantId("soc"));
  std::int64_t number = 0;
  for (const std::string& line : split_lines(log.segment())) {
    const Entry entry = *decode_entry(line);
    if (entry.event.tenant != base::TenantId("soc")) continue;
    EXPECT_EQ(entry.tenant_seq, TenantSeq(++number));
    EXPECT_EQ(entry.tenant_previous_hash, previous);
    previous = entry.entry_hash;
  }
  EXPECT_EQ(number, 4);
}

TEST(AuditWriter, TornLastLineIsCutAndTold) {
  test::Log log;
  auto writer = log.open();
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
  ASSERT_TRUE((*writer)->commit().has_value());
  writer->reset();
  log.replace_segment(log.segment() + "{\"actor\":\"al");
  writer = log.open();
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  const std::string text = log.segment();
  EXPECT_TRUE(verify_text(text).good());
  EXPECT_EQ(count_of(text, "\"event\":\"audit.recovered\""), 1U);
  EXPECT_EQ(count_of(text, "\"cut_bytes\":12"), 1U);
}

TEST(AuditWriter, RC_T_AUDIT_RefusesToGoOnAfterAChangedLog) {
  test::Log log;
  auto writer = log.open();
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(i)).has_value());
  ASSERT_TRUE((*writer)->commit().has_value());
  writer->reset();  // no stop: the saved position is that of the start
  std::string text = log.segment();
  text[text.find("alice")] = 'A';
  log.replace_segment(text);
  EXPECT_EQ(log.open().error().code, Code::kAuditHashMismatch);
}

TEST(AuditWriter, RC_T_AUDIT_RefusesToGoOnAfterACutOrRemovedLog) {
  test::Log log;
  auto writer = log.open();
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
  ASSERT_TRUE((*writer)->stop().has_value());
  writer->reset();
  const auto lines = split_lines(log.segment());
  log.replace_segment(test::join({lines.begin(), lines.end() - 2}));
  EXPECT_EQ(log.open().error().code, Code::kAuditTruncated);
  ASSERT_TRUE(log.env.remove(test::kLogDirectory / segment_name(1)).has_value());
  EXPECT_EQ(log.open().error().code, Code::kAuditTruncated);
}

TEST(AuditWriter, RC_T_AUDIT_RefusesALogThatWasReplaced) {
  test::Log log;
  test::Log other;
  ASSERT_TRUE((*log.open())->stop().has_value());
  ASSERT_TRUE((*other.open())->stop().has_value());
  other.env.advance(std::chrono::seconds(1));
  test::Log third;
  third.env.advance(std::chrono::seconds(9));
  ASSERT_TRUE((*third.open())->stop().has_value());
  log.replace_segment(third.segment());
  EXPECT_EQ(log.open().error().code, Code::kAuditFork);
}

TEST(AuditWriter, RC_S_AUDIT_RefusesAnotherKey) {
  test::Log log;
  ASSERT_TRUE((*log.open())->stop().has_value());
  auto other = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  const auto opened = Writer::open(log.env, std::move(*other), log.options());
  EXPECT_EQ(opened.error().code, Code::kAuditUnknownKey);
}

// The segment's name is looked at before each write.
TEST(AuditWriter, RC_T_AUDIT_EndsWhenTheLogIsRemovedOrReplacedUnderIt) {
  for (const bool removed : {true, false}) {
    test::Log log;
    auto writer = log.open();
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
    if (removed) {
      ASSERT_TRUE(log.env.remove(test::kLogDirectory / segment_name(1)).has_value());
    } else {
      log.replace_segment(log.segment());
    }
    EXPECT_FALSE((*writer)->commit().has_value());
    EXPECT_TRUE((*writer)->failed());
    EXPECT_FALSE((*writer)->append(Source::kDaemon, make_record(2)).has_value());
  }
}

TEST(AuditWriter, FailedSyncIsFinal) {
  test::Log log;
  auto writer = log.open();
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
  log.env.set_fault([](EnvOperation operation, const base::Path&) -> Result<> {
    if (operation == EnvOperation::kSync) return fail(Code::kIo, "sync: failed");
    return {};
  });
  EXPECT_EQ((*writer)->commit().error().code, Code::kIo);
  log.env.set_fault(nullptr);
  EXPECT_FALSE((*writer)->commit().has_value());
  EXPECT_FALSE((*writer)->tick().has_value() && !(*writer)->failed());
}

// A writer's life with a crash at its n-th operation: what was acknowledged is there, once, in order.
struct Life {
  std::int64_t acknowledged = 0;  // of the daemon
  bool crashed = false;
};

Life live(test::Log& log, std::int64_t first, std::int64_t last) {
  Life life;
  life.acknowledged = first - 1;
  auto writer = log.open();
  life.crashed = !writer.has_value();
  for (std::int64_t i = first; i <= last && !life.crashed; i += 3) {
    for (std::int64_t j = i; j < i + 3 && j <= last && !life.crashed; ++j) {
      life.crashed = !(*writer)->append(Source::kDaemon, make_record(j)).has_value();
    }
    life.crashed = life.crashed || !(*writer)->commit().has_value();
    if (!life.crashed) life.acknowledged = std::min(i + 2, last);
  }
  if (!life.crashed) life.crashed = !(*writer)->stop().has_value();
  return life;
}

TEST(AuditWriter, RC_R_AUDIT_CrashAtEveryOperationLosesNothingAcknowledged) {
  constexpr std::int64_t kRecords = 24;
  std::uint64_t points = 0;
  for (std::uint64_t crash_at = 1;; ++crash_at) {
    test::Log log;
    log.segment_bytes = 8'000;  // so that rotation is crossed too
    std::uint64_t count = 0;
    log.env.set_fault([&](EnvOperation, const base::Path&) -> Result<> {
      if (++count >= crash_at) return fail(Code::kIo, "crashed");
      return {};
    });
    const Life first = live(log, 1, kRecords);
    log.env.set_fault(nullptr);
    log.env.crash();
    if (!first.crashed) break;  // past the last operation
    ++points;
    // The next life repeats what was never acknowledged, and some that was.
    const Life second = live(log, std::max<std::int64_t>(1, first.acknowledged - 1), kRecords);
    ASSERT_FALSE(second.crashed) << "after a crash at operation " << crash_at;
    const std::string text = log.whole();
    const Report report = verify_text(text);
    ASSERT_TRUE(report.good()) << crash_at << ": " << report.bad->detail;
    for (std::int64_t i = 1; i <= kRecords; ++i) {
      const std::string mark = "\"source\":\"stargraphd\",\"source_seq\":" + std::to_string(i) + ",";
      ASSERT_EQ(count_of(text, mark), 1U) << "record " << i << ", crash at " << crash_at;
    }
  }
  EXPECT_GT(points, 50U);
}

TEST(AuditWriter, RefusesADirectoryThatIsNotThere) {
  test::Log log;
  Writer::Options options = log.options();
  options.log_directory = "/absent";
  EXPECT_EQ(Writer::open(log.env, test::audit_key(), options).error().code, Code::kNotFound);
}

TEST(AuditWriter, CheckpointsCarryTheStateOfTrust) {
  test::Log log;
  auto writer = log.open();
  const json::Object activated{{"epoch", 3}, {"pack", "soc.rules"}};
  ASSERT_TRUE((*writer)
                  ->append(Source::kTrust, make_record(1, make_event(EventName::kPackActivated, "-", activated)))
                  .has_value());
  const json::Object older{{"epoch", 2}, {"pack", "soc.rules"}};
  ASSERT_TRUE(
      (*writer)->append(Source::kTrust, make_record(2, make_event(EventName::kPackActivated, "-", older))).has_value());
  ASSERT_TRUE((*writer)
                  ->append(Source::kTrust, make_record(3, make_event(EventName::kTrustRevoked, "-", {{"number", 7}})))
                  .has_value());
  ASSERT_TRUE((*writer)->stop().has_value());
  const Entry last = *decode_entry(split_lines(log.segment()).back());
  const Checkpoint checkpoint = *decode_checkpoint(last.event.data);
  EXPECT_EQ(checkpoint.floors, floors_digest({{"soc.rules", 3}}));
  EXPECT_EQ(checkpoint.revocation_number, 7);
  EXPECT_EQ(checkpoint.trust_acts, 3);
  EXPECT_TRUE(verify_text(log.segment()).good());
}

}  // namespace
}  // namespace stargraph::audit
