// audit-tree.bin: proofs from it hold against the log's checkpoints, and it is believed only where it fits.
#include "stargraph/audit/tree.hpp"

#include <fcntl.h>

#include "support/temp_dir.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using crypto::Digest;
using test::make_record;
using test::split_lines;

const base::Path kTreePath = test::kLogDirectory / kTreeFile;

crypto::NodeReader reader_of(test::Log& log) {
  return [&log](std::uint64_t position) -> base::Result<Digest> {
    SG_TRY(const base::Bytes bytes, log.env.read_range(kTreePath, position * Digest::kSize, Digest::kSize));
    return Digest::from_bytes(bytes);
  };
}

void live(test::Log& log, int count) {
  auto writer = log.open();
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  for (int i = 0; i < count; ++i) {
    const SourceSeq next = (*writer)->chain().last_of(Source::kDaemon).next();
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(next.value())).has_value());
  }
  ASSERT_TRUE((*writer)->stop().has_value());
}

// Every entry is in every checkpoint after it, and every checkpoint is in every later one.
void prove_all(test::Log& log) {
  const crypto::NodeReader node = reader_of(log);
  std::vector<Digest> hashes;
  std::vector<Checkpoint> checkpoints;
  for (const std::string& line : split_lines(log.whole())) {
    const Entry entry = *decode_entry(line);
    if (entry.event.name == EventName::kAuditCheckpoint) checkpoints.push_back(*decode_checkpoint(entry.event.data));
    hashes.push_back(entry.entry_hash);
  }
  ASSERT_GT(checkpoints.size(), 3U);
  for (const Checkpoint& checkpoint : checkpoints) {
    EXPECT_EQ(*crypto::tree_root(checkpoint.size, node), checkpoint.root);
    for (std::uint64_t i = 0; i < checkpoint.size; i += 1 + i / 7) {
      const auto path = crypto::inclusion_path(i, checkpoint.size, node);
      ASSERT_TRUE(path.has_value());
      EXPECT_TRUE(
          crypto::verify_inclusion(crypto::merkle_leaf(hashes[i].bytes()), i, checkpoint.size, *path, checkpoint.root));
    }
    const auto grown = crypto::consistency_path(checkpoint.size, checkpoints.back().size, node);
    ASSERT_TRUE(grown.has_value());
    EXPECT_TRUE(crypto::verify_consistency(checkpoint.size, checkpoint.root, checkpoints.back().size,
                                           checkpoints.back().root, *grown));
  }
}

TEST(AuditTree, ProvesEntriesAndGrowth) {
  test::Log log;
  log.segment_bytes = 40'000;
  live(log, 300);
  live(log, 20);
  prove_all(log);
  EXPECT_EQ(log.env.info(kTreePath)->mode, 0600U);
}

TEST(AuditTree, IsMadeAnewWhenItIsGoneOrShort) {
  test::Log log;
  live(log, 100);
  const auto whole = log.env.read_file(kTreePath, 1U << 20);
  for (const std::size_t keep : {std::size_t{0}, std::size_t{1}, std::size_t{48}, whole->size() - 1}) {
    if (keep == 0) {
      ASSERT_TRUE(log.env.remove(kTreePath).has_value());
    } else {
      ASSERT_TRUE(log.env.write_file(kTreePath, base::BytesView(*whole).first(keep), 0600).has_value());
    }
    live(log, 1);
    prove_all(log);
  }
}

TEST(AuditTree, RC_T_AUDIT_AnotherTreeIsNotBelieved) {
  test::Log log;
  live(log, 100);
  auto bytes = *log.env.read_file(kTreePath, 1U << 20);
  bytes[bytes.size() - 1] ^= std::byte{1};  // of the right edge
  ASSERT_TRUE(log.env.write_file(kTreePath, bytes, 0600).has_value());
  live(log, 1);
  prove_all(log);
}

// What is not the right edge is not compared: its proofs do not hold, and nothing else comes of it.
TEST(AuditTree, RC_T_AUDIT_AChangedInnerNodeGivesNoProofThatHolds) {
  test::Log log;
  live(log, 100);
  auto bytes = *log.env.read_file(kTreePath, 1U << 20);
  bytes[crypto::node_position(8, 0) * Digest::kSize] ^= std::byte{1};
  ASSERT_TRUE(log.env.write_file(kTreePath, bytes, 0600).has_value());
  live(log, 1);
  const auto lines = split_lines(log.whole());
  const Checkpoint last = *decode_checkpoint(decode_entry(lines.back())->event.data);
  const Entry ninth = *decode_entry(lines[9]);
  const auto path = crypto::inclusion_path(9, last.size, reader_of(log));
  EXPECT_FALSE(crypto::verify_inclusion(crypto::merkle_leaf(ninth.entry_hash.bytes()), 9, last.size, *path, last.root));
}

TEST(AuditTree, KnowsTheRightEdgeAloneWhenItsLogWasArchived) {
  test::Log log;
  crypto::MerkleFrontier frontier;
  for (int i = 0; i < 21; ++i) frontier.append(crypto::merkle_leaf(base::as_bytes(std::to_string(i))));
  auto tree = TreeFile::make(log.env, test::kLogDirectory, frontier);
  ASSERT_TRUE(tree.has_value());
  tree->add(crypto::sha384("an entry"));
  ASSERT_TRUE(tree->sync().has_value());
  frontier.append(crypto::merkle_leaf(crypto::sha384("an entry").bytes()));
  EXPECT_EQ(*crypto::tree_root(22, reader_of(log)), frontier.root());
  EXPECT_TRUE(crypto::inclusion_path(21, 22, reader_of(log)).has_value());
  stargraph::test::TempDir directory;
  const auto bytes = log.env.read_file(kTreePath, 1U << 20);
  directory.write("tree", base::to_text(*bytes));
  const base::Descriptor file(::open((directory.path() / "tree").c_str(), O_RDONLY | O_CLOEXEC));
  const crypto::NodeReader node = tree_reader(file.get());
  EXPECT_TRUE(crypto::inclusion_path(21, 22, node).has_value());
  EXPECT_EQ(crypto::inclusion_path(3, 22, node).error().code, Code::kNotFound);
  EXPECT_EQ(node(1'000).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace stargraph::audit
