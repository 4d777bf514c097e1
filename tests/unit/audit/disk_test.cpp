// The log's disk fills up, or does half of what it was asked.
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::EnvOperation;
using base::fail;
using base::Result;
using test::make_event;
using test::make_record;
using test::split_lines;
using test::verify_text;

const base::Path kReserve = test::kLogDirectory / "audit-reserve.bin";

Entry last_of_event(const std::string& text, EventName name) {
  Entry found;
  for (const std::string& line : split_lines(text)) {
    Entry entry = *decode_entry(line);
    if (entry.event.name == name) found = std::move(entry);
  }
  return found;
}

std::uint64_t used(test::Log& log) {
  std::uint64_t bytes = 0;
  for (const base::Path& directory : {test::kLogDirectory, test::kStateDirectory}) {
    const auto names = log.env.list(directory);
    for (const std::string& name : *names) bytes += log.env.info(directory / name)->size;
  }
  return bytes;
}

TEST(AuditDisk, ReserveIsThereFromTheStart) {
  test::Log log;
  auto writer = log.open();
  ASSERT_TRUE(writer.has_value());
  EXPECT_EQ(log.env.info(kReserve)->size, 1U << 20);
  EXPECT_EQ(log.env.info(kReserve)->mode, 0600U);
}

TEST(AuditDisk, RC_D_AUDIT_FullDiskIsSaidInTheLogAndEndsTheWriter) {
  for (const std::uint64_t room : {0U, 1U, 100U, 400U, 4'000U}) {
    test::Log log;
    auto writer = log.open();
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
    ASSERT_TRUE((*writer)->commit().has_value());
    log.env.set_capacity(used(log) + room);
    std::int64_t number = 1;
    Result<> committed;
    while (committed && number < 100) {
      ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(++number)).has_value());
      committed = (*writer)->commit();
    }
    ASSERT_FALSE(committed.has_value()) << room;
    EXPECT_EQ(committed.error().code, Code::kDiskLow);
    EXPECT_TRUE((*writer)->failed());
    EXPECT_FALSE((*writer)->append(Source::kDaemon, make_record(number + 1)).has_value());
    writer->reset();
    const Report report = verify_text(log.segment());
    ASSERT_TRUE(report.good()) << report.bad->detail;
    EXPECT_EQ(report.unsigned_tail, 0U);
    EXPECT_EQ(report.torn_bytes, 0U);
    const Entry stopping = last_of_event(log.segment(), EventName::kAuditStopping);
    EXPECT_EQ(stopping.event.outcome, Outcome::kFailure);
    EXPECT_EQ(*stopping.event.data.find("reason")->string(), "full");
    EXPECT_FALSE(log.env.info(kReserve).has_value());
  }
}

TEST(AuditDisk, RC_D_AUDIT_StartWithoutRoomForTheReserveRefusesAndChangesNothing) {
  test::Log log;
  auto writer = log.open();
  log.env.set_capacity(used(log));
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
  ASSERT_FALSE((*writer)->commit().has_value());
  writer->reset();
  const std::string before = log.segment();
  const auto refused = log.open();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kDiskLow);
  EXPECT_EQ(log.segment(), before);
  // Room was made: it goes on where it was, and what nobody acknowledged is a repeat.
  log.env.set_capacity(std::nullopt);
  writer = log.open();
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  const auto again = (*writer)->append(Source::kDaemon, make_record(1));
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->repeat);
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(2)).has_value());
  ASSERT_TRUE((*writer)->stop().has_value());
  EXPECT_TRUE(verify_text(log.segment()).good());
}

// Between the checkpoint that ends a segment and the first line of the next one.
TEST(AuditDisk, RC_D_AUDIT_DiskThatFillsUpAtARotationIsSaidToo) {
  test::Log log;
  log.segment_bytes = 20'000;
  auto writer = log.open();
  std::int64_t number = 0;
  log.env.set_fault([&](EnvOperation operation, const base::Path& path) -> Result<> {
    if (operation == EnvOperation::kWrite && path.extension() == ".state") return fail(Code::kDiskLow, "no room");
    return {};
  });
  Result<> done;
  while (done && number < 100) {
    const auto placed = (*writer)->append(Source::kDaemon, make_record(++number));
    done = placed ? (*writer)->commit() : Result<>(std::unexpected(placed.error()));
  }
  log.env.set_fault(nullptr);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Code::kDiskLow);
  EXPECT_EQ(last_of_event(log.segment(), EventName::kAuditStopping).event.outcome, Outcome::kFailure);
  writer = log.open();
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(number + 1)).has_value());
  ASSERT_TRUE((*writer)->stop().has_value());
  EXPECT_TRUE(verify_text(log.whole()).good());
}

TEST(AuditDisk, RC_R_AUDIT_AWriteCutShortAtEveryByteLosesNothingAcknowledged) {
  for (std::uint64_t cut = 0; cut < 1'200; cut += 7) {
    test::Log log;
    auto writer = log.open();
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
    ASSERT_TRUE((*writer)->commit().has_value());
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(2)).has_value());
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(3)).has_value());
    log.env.tear_next_append(cut);
    ASSERT_FALSE((*writer)->commit().has_value());
    writer->reset();
    writer = log.open();
    ASSERT_TRUE(writer.has_value()) << cut << ": " << writer.error().message;
    for (std::int64_t i = 1; i <= 4; ++i) {
      ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(i)).has_value()) << cut;
    }
    ASSERT_TRUE((*writer)->stop().has_value());
    const Report report = verify_text(log.segment());
    ASSERT_TRUE(report.good()) << cut << ": " << report.bad->detail;
    EXPECT_EQ((*writer)->chain().last_of(Source::kDaemon), SourceSeq(4));
  }
}

TEST(AuditDisk, RC_T_AUDIT_ASecondNameForTheSegmentEndsTheWriter) {
  test::Log log;
  auto writer = log.open();
  log.env.link(test::kLogDirectory / segment_name(1), "/log/kept");
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
  EXPECT_FALSE((*writer)->commit().has_value());
}

TEST(AuditDisk, RC_T_AUDIT_ASegmentCutOrRenamedUnderTheWriterEndsIt) {
  for (const bool cut : {true, false}) {
    test::Log log;
    auto writer = log.open();
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
    const base::Path path = test::kLogDirectory / segment_name(1);
    if (cut) {
      auto file = log.env.open_append(path, 0600);
      ASSERT_TRUE((*file)->truncate(100).has_value());
    } else {
      ASSERT_TRUE(log.env.rename(path, "/log/elsewhere").has_value());
    }
    EXPECT_FALSE((*writer)->commit().has_value());
    EXPECT_TRUE((*writer)->failed());
  }
}

// A sync that reports a full disk says nothing about which pages are there: not a case for the reserve.
TEST(AuditDisk, AFullDiskToldBySyncIsAnUnknownState) {
  test::Log log;
  auto writer = log.open();
  ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(1)).has_value());
  log.env.set_fault([](EnvOperation operation, const base::Path&) -> Result<> {
    if (operation == EnvOperation::kSync) return fail(Code::kDiskLow, "no room");
    return {};
  });
  EXPECT_EQ((*writer)->commit().error().code, Code::kIo);
  log.env.set_fault(nullptr);
  EXPECT_TRUE(log.env.info(kReserve).has_value());
}

TEST(AuditDisk, StateThatCannotBeSavedDoesNotEndTheWriter) {
  test::Log log;
  auto writer = log.open();
  log.env.set_fault([](EnvOperation, const base::Path& path) -> Result<> {
    if (path.filename() == "position.json" || path.filename() == "audit-tree.bin") return fail(Code::kIo, "gone");
    return {};
  });
  for (std::int64_t i = 1; i <= 5'000; ++i) ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(i)).has_value());
  ASSERT_TRUE((*writer)->commit().has_value());
  EXPECT_EQ((*writer)->open_part(LogPart::kTree, 0).error().code, Code::kNotFound);
  log.env.set_fault(nullptr);
  writer->reset();
  writer = log.open();  // from the position of the start, and the tree is made up for
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  EXPECT_EQ((*writer)->chain().last_of(Source::kDaemon), SourceSeq(5'000));
}

}  // namespace
}  // namespace stargraph::audit
