// Proofs by the tree file: the same as from the whole log, for a few lines and nodes; and a tree or a log that lies is
// not believed.
#include <bit>

#include "audit/line_search.hpp"
#include "stargraph/audit/proof.hpp"
#include "stargraph/audit/tree.hpp"
#include "unit/audit/saved_log.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using test::audit_public_key;
using test::SavedLog;

// One log for the tests that only read; 1,500 acts in some 30 segments.
SavedLog& log_with_tree() {
  static SavedLog* const log = [] {
    auto* made = new SavedLog(1'500);
    made->save_tree();
    return made;
  }();
  return *log;
}

std::uint64_t entries_of(SavedLog& log) { return log.lines().size(); }

TEST(ProofTree, EveryEntryIsProvenAsFromTheWholeLog) {
  SavedLog& log = log_with_tree();
  SavedLog whole(1'500);
  const auto last = static_cast<std::int64_t>(entries_of(log));
  for (const std::int64_t seq : {std::int64_t{1}, std::int64_t{2}, std::int64_t{777}, last - 1}) {
    ProofCost cost;
    const auto quick = inclusion_from_tree(log.path(), audit_public_key(), LogSeq(seq), {}, cost);
    ASSERT_TRUE(quick.has_value()) << seq << quick.error().message;
    const auto slow = make_inclusion_proof(whole.paths(), audit_public_key(), LogSeq(seq), {});
    ASSERT_TRUE(slow.has_value());
    EXPECT_EQ(encode_proof(*quick), encode_proof(*slow)) << seq;
  }
  for (std::int64_t seq = 1; seq < last; seq += 17) {
    ProofCost cost;
    EXPECT_TRUE(inclusion_from_tree(log.path(), audit_public_key(), LogSeq(seq), {}, cost).has_value()) << seq;
  }
}

TEST(ProofTree, CostsAFewLinesAndTwiceTheTreesHeight) {
  SavedLog& log = log_with_tree();
  const std::uint64_t entries = entries_of(log);
  const std::uint64_t height = static_cast<std::uint64_t>(std::bit_width(entries));
  std::uint64_t most_bytes = 0;
  std::uint64_t most_nodes = 0;
  for (std::uint64_t seq = 1; seq < entries; seq += 7) {
    ProofCost cost;
    ASSERT_TRUE(inclusion_from_tree(log.path(), audit_public_key(), LogSeq(static_cast<std::int64_t>(seq)), {}, cost));
    most_bytes = std::max(most_bytes, cost.bytes);
    most_nodes = std::max(most_nodes, cost.nodes);
  }
  RecordProperty("bytes", std::to_string(most_bytes));
  RecordProperty("nodes", std::to_string(most_nodes));
  EXPECT_LE(most_nodes, 2 * height);
  // Two looks of 4 KiB for each halving of a segment's bytes and of the segments, and the log's end.
  EXPECT_LT(most_bytes, 2 * 4'096 * (16 + 5) + 65'536);
  EXPECT_LT(most_bytes * 5, log.bytes()) << "of the whole log";
}

TEST(ProofTree, CheckpointsAreConsistentAsFromTheWholeLog) {
  SavedLog& log = log_with_tree();
  SavedLog whole(1'500);
  std::vector<LogSeq> seqs;
  for (const std::string& line : log.lines()) {
    const Entry entry = *decode_entry(line);
    if (entry.event.name == EventName::kAuditCheckpoint) seqs.push_back(entry.seq);
  }
  ASSERT_GT(seqs.size(), 10U);
  ProofCost cost;
  const auto quick = consistency_from_tree(log.path(), audit_public_key(), seqs[3], seqs[9], cost);
  ASSERT_TRUE(quick.has_value()) << quick.error().message;
  const auto slow = make_consistency_proof(whole.paths(), audit_public_key(), seqs[3], seqs[9]);
  ASSERT_TRUE(slow.has_value());
  EXPECT_EQ(encode_proof(*quick), encode_proof(*slow));
  EXPECT_LE(cost.nodes, 2U * static_cast<unsigned>(std::bit_width(entries_of(log))));
}

TEST(ProofTree, EveryLineIsFoundAndNoOther) {
  SavedLog& log = log_with_tree();
  const std::vector<std::string> lines = log.lines();
  auto search = LineSearch::open(base::real_env(), log.path());
  ASSERT_TRUE(search.has_value());
  for (std::size_t i = 0; i < lines.size(); i += 5) {
    const auto line = search->line(LogSeq(static_cast<std::int64_t>(i + 1)));
    ASSERT_TRUE(line.has_value()) << i + 1;
    EXPECT_EQ(*line, lines[i]);
  }
  for (const std::int64_t absent :
       {std::int64_t{0}, static_cast<std::int64_t>(lines.size() + 1), std::int64_t{1} << 50U}) {
    EXPECT_EQ(search->line(LogSeq(absent)).error().code, Code::kNotFound) << absent;
  }
  EXPECT_EQ(*search->last_checkpoint(), lines.back());
}

TEST(ProofTree, TheLastCheckpointStandsBeforeAnUnfinishedLine) {
  SavedLog log(60);
  const std::vector<std::string> lines = log.lines();
  std::uint32_t last = 1;
  while (std::filesystem::exists(log.path() / segment_name(last + 1))) ++last;
  std::ofstream(log.path() / segment_name(last), std::ios::app | std::ios::binary) << "{\"actor\":\"half";
  EXPECT_EQ(*LineSearch::open(base::real_env(), log.path())->last_checkpoint(), lines.back());
}

// An old checkpoint's line is genuine for ever. Alone, or with the lines before it, it stands at the end of a log whose
// proofs would then be about the old one, where the log as a whole does not hold.
TEST(ProofTree, RC_R_AUDIT_AnOldCheckpointAtTheEndIsNotTheLast) {
  for (const std::size_t with : {std::size_t{0}, std::size_t{1}, std::size_t{5}}) {
    SavedLog log(300);
    log.save_tree();
    const std::vector<std::string> lines = log.lines();
    std::size_t old = 25;
    while (decode_entry(lines[old])->event.name != EventName::kAuditCheckpoint) ++old;
    ASSERT_LT(old, lines.size() / 2);
    std::uint32_t last = 1;
    while (std::filesystem::exists(log.path() / segment_name(last + 1))) ++last;
    ASSERT_GT(last, 1U);
    std::ofstream end(log.path() / segment_name(last), std::ios::app | std::ios::binary);
    for (std::size_t i = old - with; i <= old; ++i) end << lines[i] << '\n';
    end.close();
    EXPECT_EQ(LineSearch::open(base::real_env(), log.path())->last_checkpoint().error().code, Code::kAuditGap) << with;
    const auto proof = make_inclusion_proof(log.paths(), audit_public_key(), LogSeq(20), {});
    ASSERT_FALSE(proof.has_value()) << with;
    EXPECT_EQ(proof.error().code, Code::kAuditGap) << "as the whole log says";
  }
}

void flip(const std::filesystem::path& file, std::uint64_t at) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(at));
  const int byte = stream.get();
  stream.seekp(static_cast<std::streamoff>(at));
  stream.put(static_cast<char>(byte ^ 1));
}

TEST(ProofTree, RC_T_AUDIT_ATreeThatLiesIsNotBelieved) {
  SavedLog log(60);
  log.save_tree();
  ProofCost cost;
  const auto before = inclusion_from_tree(log.path(), audit_public_key(), LogSeq(20), {}, cost);
  ASSERT_TRUE(before.has_value());
  const std::uint64_t nodes = std::filesystem::file_size(log.path() / kTreeFile) / crypto::Digest::kSize;
  std::uint64_t refused = 0;
  for (std::uint64_t node = 0; node < nodes; node += 3) {
    flip(log.path() / kTreeFile, node * crypto::Digest::kSize + 7);
    const auto quick = inclusion_from_tree(log.path(), audit_public_key(), LogSeq(20), {}, cost);
    // A node that the path does not go by changes nothing.
    EXPECT_TRUE(!quick || encode_proof(*quick) == encode_proof(*before)) << node;
    if (!quick) ++refused;
    const auto proof = make_inclusion_proof(log.paths(), audit_public_key(), LogSeq(20), {});
    ASSERT_TRUE(proof.has_value()) << node;
    EXPECT_EQ(encode_proof(*proof), encode_proof(*before)) << "then the log itself is read";
    flip(log.path() / kTreeFile, node * crypto::Digest::kSize + 7);
  }
  EXPECT_GE(refused, 1U);
  EXPECT_LT(refused, nodes);
  std::filesystem::resize_file(log.path() / kTreeFile, 48);
  EXPECT_EQ(inclusion_from_tree(log.path(), audit_public_key(), LogSeq(20), {}, cost).error().code, Code::kNotFound);
  EXPECT_TRUE(make_inclusion_proof(log.paths(), audit_public_key(), LogSeq(20), {}).has_value());
}

TEST(ProofTree, RC_S_AUDIT_AnEntryThatWasRewrittenIsNotProven) {
  SavedLog log(60);
  log.save_tree();
  const std::string segment = (log.path() / segment_name(1)).string();
  std::ifstream file(segment, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::string line = log.lines()[9];
  const std::size_t at = text.find(line);
  ASSERT_NE(at, std::string::npos);
  line = test::rehashed(line.replace(line.find("\"success\""), 9, "\"failure\""));
  std::ofstream(segment, std::ios::binary) << text.replace(at, line.size(), line);
  ProofCost cost;
  EXPECT_EQ(inclusion_from_tree(log.path(), audit_public_key(), LogSeq(10), {}, cost).error().code,
            Code::kAuditRootMismatch);
  EXPECT_FALSE(make_inclusion_proof(log.paths(), audit_public_key(), LogSeq(10), {}).has_value());
}

}  // namespace
}  // namespace stargraph::audit
