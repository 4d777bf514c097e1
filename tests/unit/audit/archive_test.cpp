// Archives: copies are proven before anything leaves, and what is left still verifies.
#include "stargraph/audit/archive.hpp"

#include "stargraph/audit/position.hpp"
#include "stargraph/audit/proof.hpp"
#include "stargraph/audit/prune.hpp"
#include "stargraph/json/parse.hpp"
#include "unit/audit/saved_log.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using stargraph::test::TempDir;
using test::audit_public_key;

// A writer over real files, with segments of 20 KB.
class ArchiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"log", "state"}) {
      ASSERT_TRUE(base::real_env().make_directory(directory_ / name, 0700).has_value());
    }
    open();
    write(90);
  }
  void open() {
    writer_.reset();
    Writer::Options options;
    options.log_directory = log();
    options.state_directory = directory_ / "state";
    options.build_id = "test";
    options.segment_bytes = 20'000;
    auto writer = Writer::open(base::real_env(), test::audit_key(), options);
    ASSERT_TRUE(writer.has_value()) << writer.error().message;
    writer_ = std::move(*writer);
  }
  void write(int acts) {
    for (int i = 0; i < acts; ++i, ++acts_) {
      const auto number = writer_->chain().last_of(Source::kDaemon).next().value();
      ASSERT_TRUE(
          writer_->append(Source::kDaemon, test::make_record(number, test::SavedLog::act(acts_ + 1))).has_value());
      ASSERT_TRUE(writer_->commit().has_value());
    }
  }
  [[nodiscard]] base::Path log() const { return directory_ / "log"; }
  [[nodiscard]] base::Path target() const { return directory_ / "archive"; }
  [[nodiscard]] std::size_t segments(const base::Path& directory) const { return log_files({directory})->size(); }
  static std::string reason(const std::vector<base::Path>& paths) {
    const auto report = verify_log(paths, audit_public_key());
    EXPECT_TRUE(report.has_value()) << report.error().message;
    return std::string(test::reason_of(*report));
  }
  void change(const base::Path& file) {
    auto bytes = base::real_env().read_file(file, 1ULL << 30U);
    ASSERT_TRUE(bytes.has_value());
    bytes->at(bytes->size() / 2) ^= std::byte{1};
    std::ofstream(file, std::ios::binary | std::ios::trunc) << base::as_text(*bytes);
  }

  TempDir directory_;
  std::unique_ptr<Writer> writer_;
  std::int64_t acts_ = 0;
};

// The writer would let go of the only file there is.
TEST_F(ArchiveTest, RC_R_AUDIT_TheLogItselfIsNoArchive) {
  const auto refused = [&](const base::Path& target) {
    const auto archive = make_archive(log(), target, audit_public_key());
    EXPECT_FALSE(archive.has_value()) << target;
    EXPECT_EQ(archive.error().code, Code::kUsage) << archive.error().message;
  };
  refused(log());
  const base::Path elsewhere = directory_ / "elsewhere";
  std::filesystem::create_directory_symlink(log(), elsewhere);
  refused(elsewhere);
  ASSERT_TRUE(base::real_env().make_directory(target(), 0700).has_value());
  std::filesystem::create_hard_link(log() / segment_name(1), target() / segment_name(1));
  refused(target());
  EXPECT_EQ(reason({log()}), "good");
}

TEST_F(ArchiveTest, WhatWasCopiedLeavesAndBothPartsVerify) {
  const std::size_t before = segments(log());
  ASSERT_GT(before, 2U);
  const auto archive = make_archive(log(), target(), audit_public_key());
  ASSERT_TRUE(archive.has_value()) << archive.error().message;
  EXPECT_EQ(archive->segments.size(), before - 1);
  EXPECT_EQ(segments(log()), before) << "copying removes nothing";
  for (const Prune& prune : archive->prunes()) {
    const auto gone = writer_->prune(prune);
    ASSERT_TRUE(gone.has_value()) << gone.error().message;
  }
  EXPECT_EQ(segments(log()), 1U);

  const auto left = verify_log({log()}, audit_public_key());
  ASSERT_TRUE(left.has_value());
  EXPECT_TRUE(left->good()) << left->bad->detail;
  EXPECT_GT(left->archived, 0U);
  const auto whole = verify_log({target(), log()}, audit_public_key());
  ASSERT_TRUE(whole.has_value());
  EXPECT_TRUE(whole->good()) << whole->bad->detail;
  EXPECT_EQ(whole->archived, 0U);
  EXPECT_EQ(whole->entries, left->entries + left->archived);
  // The last line of the copies is a checkpoint: they stand alone too.
  EXPECT_EQ(reason({target()}), "good");
}

TEST_F(ArchiveTest, LargeSegmentsAreAskedForOneByOneAndSmallOnesTogether) {
  Archive archive;
  const std::vector<std::uint64_t> sizes{kSegmentBytes,     kSegmentBytes, 10, 10, kMaxPruneBytes - 20, 1,
                                         kMaxPruneBytes + 1};
  for (const std::uint64_t size : sizes) {
    archive.segments.push_back(
        {.number = static_cast<std::uint32_t>(archive.segments.size() + 5), .size = size, .digest = {}});
  }
  for (int i = 0; i < 9; ++i) {
    archive.segments.push_back(
        {.number = static_cast<std::uint32_t>(archive.segments.size() + 5), .size = 1, .digest = {}});
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> asked;
  for (const Prune& prune : archive.prunes()) asked.emplace_back(prune.first_segment, prune.last_segment());
  const std::vector<std::pair<std::uint32_t, std::uint32_t>> expected{{5, 5},   {6, 8},   {9, 10},
                                                                      {11, 11}, {12, 19}, {20, 20}};
  EXPECT_EQ(asked, expected);
}

TEST_F(ArchiveTest, AnArchiveAfterAnArchiveGoesOnFromIt) {
  const auto first = make_archive(log(), target(), audit_public_key());
  ASSERT_TRUE(first.has_value());
  ASSERT_LE(first->prunes().size(), 1U);
  ASSERT_TRUE(writer_->prune(first->prunes().front()).has_value());
  write(60);
  const auto second = make_archive(log(), target(), audit_public_key());
  ASSERT_TRUE(second.has_value()) << second.error().message;
  EXPECT_EQ(second->segments.front().number, first->segments.back().number + 1);
  ASSERT_TRUE(writer_->prune(second->prunes().front()).has_value());
  open();
  EXPECT_EQ(reason({target(), log()}), "good");
  EXPECT_EQ(reason({log()}), "good");
}

TEST_F(ArchiveTest, SlicesAndProofsOfWhatIsLeftCanBeMade) {
  const auto archive = make_archive(log(), target(), audit_public_key());
  ASSERT_TRUE(archive.has_value());
  ASSERT_TRUE(writer_->prune(archive->prunes().front()).has_value());
  write(30);
  ASSERT_TRUE(writer_->stop().has_value());
  std::vector<LogSeq> seqs;
  ASSERT_TRUE(
      verify_log_whole({log()}, audit_public_key(), [&seqs](const Entry& entry, std::string_view, const Chain&) {
        seqs.push_back(entry.seq);
        return base::Result<>();
      }).has_value());
  for (std::size_t i = 0; i + 1 < seqs.size(); ++i) {
    const auto proof = make_inclusion_proof({log()}, audit_public_key(), seqs[i], {});
    EXPECT_TRUE(proof.has_value()) << seqs[i].value() << ": " << proof.error().message;
  }
  const auto archived = make_inclusion_proof({log()}, audit_public_key(), LogSeq(2), {});
  ASSERT_FALSE(archived.has_value());
  EXPECT_EQ(archived.error().code, Code::kNotFound);
}

TEST_F(ArchiveTest, ItSaysWhatItHolds) {
  const auto archive = make_archive(log(), target(), audit_public_key());
  ASSERT_TRUE(archive.has_value());
  const auto text = base::real_env().read_file(archive->manifest, 1U << 20U);
  ASSERT_TRUE(text.has_value());
  const auto manifest = json::parse(base::as_text(*text));
  ASSERT_TRUE(manifest.has_value());
  const auto& listed = *manifest->object()->find("segments")->array();
  ASSERT_EQ(listed.size(), archive->segments.size());
  for (const json::Value& segment : listed) {
    const base::Path file = target() / *segment.object()->find("file")->string();
    const auto bytes = base::real_env().read_file(file, 1ULL << 30U);
    ASSERT_TRUE(bytes.has_value());
    EXPECT_EQ(crypto::sha384(*bytes).hex(), *segment.object()->find("sha384")->string());
    EXPECT_EQ(base::real_env().info(file)->mode, 0600U);
  }
}

TEST_F(ArchiveTest, RC_T_AUDIT_ACopyThatIsThereAlreadyAndDiffersEndsIt) {
  ASSERT_TRUE(make_archive(log(), target(), audit_public_key()).has_value());
  ASSERT_TRUE(make_archive(log(), target(), audit_public_key()).has_value()) << "the same copies again are fine";
  change(target() / segment_name(1));
  const auto again = make_archive(log(), target(), audit_public_key());
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().kind(), base::Kind::kIntegrity);
}

TEST_F(ArchiveTest, RC_T_AUDIT_ALogThatDoesNotHoldIsNotArchived) {
  change(log() / segment_name(2));
  const auto archive = make_archive(log(), target(), audit_public_key());
  ASSERT_FALSE(archive.has_value());
  EXPECT_FALSE(std::filesystem::exists(target() / "archive-00000001-00000002.json"));
  for (const auto& file : std::filesystem::directory_iterator(target())) {
    EXPECT_NE(file.path().extension(), ".json") << file.path();
  }
}

TEST_F(ArchiveTest, RC_T_AUDIT_TheWriterKeepsWhatWasCopiedWrongly) {
  const auto archive = make_archive(log(), target(), audit_public_key());
  ASSERT_TRUE(archive.has_value());
  Prune wrong = archive->prunes().front();
  wrong.digests.back() = crypto::sha384("another");
  EXPECT_FALSE(writer_->prune(wrong).has_value());
  EXPECT_GT(segments(log()), 2U);
}

TEST_F(ArchiveTest, RC_T_AUDIT_ALogWithoutItsBeginningAndWithoutATombstoneIsTruncated) {
  ASSERT_TRUE(std::filesystem::remove(log() / segment_name(1)));
  EXPECT_EQ(reason({log()}), "TRUNCATED") << "it begins after a genuine state note, but nobody let go of the first";
  std::filesystem::remove(log() / state_note_name(2));
  EXPECT_EQ(reason({log()}), "GAP");
}

// Hashes anybody can compute, and a state note lies beside each segment: only a checkpoint behind it makes a tombstone.
TEST_F(ArchiveTest, RC_T_AUDIT_ATombstoneInTheUnsignedTailHidesNothing) {
  ASSERT_TRUE(writer_->stop().has_value());
  const auto archive = make_archive(log(), target(), audit_public_key());
  ASSERT_TRUE(archive.has_value()) << archive.error().message;
  Chain chain;
  ASSERT_TRUE(verify_log_whole({log()}, audit_public_key(), [&](const Entry&, std::string_view, const Chain& now) {
                chain = now;
                return base::Result<>();
              }).has_value());
  const auto note = base::real_env().read_file(log() / state_note_name(2), kMaxPositionBytes);
  ASSERT_TRUE(note.has_value());
  const auto position = decode_position(base::as_text(*note), audit_public_key());
  ASSERT_TRUE(position.has_value());
  Tombstone tombstone;
  tombstone.what = Prune{.first_segment = 1, .digests = {archive->segments.front().digest}};
  tombstone.first_seq = LogSeq(1);
  tombstone.last_seq = position->chain.seq();
  tombstone.checkpoint = position->chain.last_hash();
  Entry entry = test::unsigned_entry(chain, EventName::kAuditPruned, encode_tombstone(tombstone));
  std::ofstream(log_files({log()})->back(), std::ios::binary | std::ios::app) << *encode_entry(entry) << "\n";
  EXPECT_EQ(reason({log()}), "good") << "nothing is missing yet";
  ASSERT_TRUE(std::filesystem::remove(log() / segment_name(1)));
  EXPECT_EQ(reason({log()}), "TRUNCATED");
}

TEST_F(ArchiveTest, NoClosedSegmentIsNothingToArchive) {
  test::SavedLog small(5);
  const auto archive = make_archive(small.path(), target(), audit_public_key());
  ASSERT_FALSE(archive.has_value());
  EXPECT_EQ(archive.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace stargraph::audit
