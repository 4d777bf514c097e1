#include "stargraph/crypto/merkle.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "keys.hpp"

namespace stargraph::crypto {
namespace {

using base::Code;

constexpr std::size_t kLargest = 65;

std::string entry(std::size_t index) { return "entry " + std::to_string(index); }

std::vector<Digest> leaves_of(std::size_t size) {
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < size; ++i) leaves.push_back(merkle_leaf(base::as_bytes(entry(i))));
  return leaves;
}

// RFC 6962 2.1 word for word, over the entries [from, to), apart from the code under test.
Digest reference_root(std::size_t from, std::size_t to) {
  const std::size_t n = to - from;
  if (n == 0) return sha384("");
  if (n == 1) return sha384(std::string(1, '\x00') + entry(from));
  std::size_t k = 1;
  while (k * 2 < n) k *= 2;
  const auto left = reference_root(from, from + k);
  const auto right = reference_root(from + k, to);
  return sha384("\x01" + base::to_text(left.bytes()) + base::to_text(right.bytes()));
}

// PATH(m, D[n]) of RFC 6962 2.1.1.
std::vector<Digest> reference_path(std::size_t m, std::size_t from, std::size_t to) {
  const std::size_t n = to - from;
  if (n <= 1) return {};
  std::size_t k = 1;
  while (k * 2 < n) k *= 2;
  const bool left = m < k;
  std::vector<Digest> path = left ? reference_path(m, from, from + k) : reference_path(m - k, from + k, to);
  path.push_back(left ? reference_root(from + k, to) : reference_root(from, from + k));
  return path;
}

// SUBPROOF(m, D[n], b) of RFC 6962 2.1.2.
std::vector<Digest> reference_subproof(std::size_t m, std::size_t from, std::size_t to, bool b) {
  const std::size_t n = to - from;
  if (m == n) return b ? std::vector<Digest>{} : std::vector<Digest>{reference_root(from, to)};
  std::size_t k = 1;
  while (k * 2 < n) k *= 2;
  const bool left = m <= k;
  std::vector<Digest> proof =
      left ? reference_subproof(m, from, from + k, b) : reference_subproof(m - k, from + k, to, false);
  proof.push_back(left ? reference_root(from + k, to) : reference_root(from, from + k));
  return proof;
}

Digest other(const Digest& digest, std::size_t bit = 0) {
  base::Bytes bytes(digest.bytes().begin(), digest.bytes().end());
  bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
  return Digest::from_bytes(bytes).value();
}

TEST(Merkle, FrontierHasTheRootOfTheReferenceForEverySize) {
  MerkleFrontier frontier;
  for (std::size_t size = 0; size <= kLargest; ++size) {
    EXPECT_EQ(frontier.size(), size);
    EXPECT_EQ(frontier.root(), reference_root(0, size)) << size;
    EXPECT_EQ(frontier.peaks().size(), static_cast<std::size_t>(std::popcount(size)));
    frontier.append(merkle_leaf(base::as_bytes(entry(size))));
  }
}

TEST(Merkle, RC_T_AUDIT_LeafAndNodeCannotBeConfused) {
  const std::vector<Digest> leaves = leaves_of(2);
  const std::string pair = base::to_text(leaves[0].bytes()) + base::to_text(leaves[1].bytes());
  EXPECT_NE(merkle_leaf(base::as_bytes(pair)), merkle_node(leaves[0], leaves[1]));
}

// The tree of Bitcoin gives the same root for (a, b, c) and (a, b, c, c).
TEST(Merkle, RC_T_AUDIT_ADoubledLastLeafChangesTheRoot) {
  for (std::size_t size = 1; size <= kLargest; ++size) {
    MerkleFrontier once;
    for (const Digest& leaf : leaves_of(size)) once.append(leaf);
    MerkleFrontier twice = once;
    twice.append(leaves_of(size).back());
    EXPECT_NE(once.root(), twice.root()) << size;
  }
}

TEST(Merkle, RestoredFrontierGoesOnLikeTheFirst) {
  for (std::size_t size = 0; size <= kLargest; ++size) {
    MerkleFrontier frontier;
    for (const Digest& leaf : leaves_of(size)) frontier.append(leaf);
    auto restored = MerkleFrontier::restore(size, {frontier.peaks().begin(), frontier.peaks().end()});
    ASSERT_TRUE(restored);
    EXPECT_EQ(restored->root(), frontier.root());
    for (std::size_t more = size; more < size + 5; ++more) {
      const Digest leaf = merkle_leaf(base::as_bytes(entry(more)));
      frontier.append(leaf);
      restored->append(leaf);
      EXPECT_EQ(restored->root(), frontier.root());
    }
  }
}

TEST(Merkle, RC_T_AUDIT_RestoreRefusesPeaksThatDoNotFitTheSize) {
  EXPECT_EQ(code_of(MerkleFrontier::restore(0, leaves_of(1))), Code::kMalformed);
  EXPECT_EQ(code_of(MerkleFrontier::restore(1, {})), Code::kMalformed);
  EXPECT_EQ(code_of(MerkleFrontier::restore(7, leaves_of(2))), Code::kMalformed);
  EXPECT_EQ(code_of(MerkleFrontier::restore(8, leaves_of(2))), Code::kMalformed);
}

TEST(Merkle, InclusionProofsAreThoseOfTheReferenceAndVerify) {
  for (std::size_t size = 1; size <= kLargest; ++size) {
    const std::vector<Digest> leaves = leaves_of(size);
    const Digest root = reference_root(0, size);
    for (std::size_t index = 0; index < size; ++index) {
      const std::vector<Digest> proof = inclusion_proof(leaves, index);
      EXPECT_EQ(proof, reference_path(index, 0, size)) << index << " of " << size;
      EXPECT_TRUE(verify_inclusion(leaves[index], index, size, proof, root)) << index << " of " << size;
    }
  }
}

TEST(Merkle, RC_T_AUDIT_InclusionRefusesAnyAlteredPart) {
  for (const std::size_t size : {1U, 2U, 3U, 7U, 8U, 9U, 33U, 65U}) {
    const std::vector<Digest> leaves = leaves_of(size);
    const Digest root = reference_root(0, size);
    for (std::size_t index = 0; index < size; ++index) {
      const std::vector<Digest> proof = inclusion_proof(leaves, index);
      EXPECT_FALSE(verify_inclusion(other(leaves[index]), index, size, proof, root));
      EXPECT_FALSE(verify_inclusion(leaves[index], index, size, proof, other(root, 383)));
      for (std::size_t i = 0; i < proof.size(); ++i) {
        std::vector<Digest> altered = proof;
        altered[i] = other(altered[i], i);
        EXPECT_FALSE(verify_inclusion(leaves[index], index, size, altered, root));
        altered = proof;
        altered.erase(altered.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_FALSE(verify_inclusion(leaves[index], index, size, altered, root));
        altered = proof;
        altered.insert(altered.begin() + static_cast<std::ptrdiff_t>(i), proof[i]);
        EXPECT_FALSE(verify_inclusion(leaves[index], index, size, altered, root));
      }
      for (std::size_t wrong = 0; wrong < size + 2; ++wrong)
        EXPECT_EQ(verify_inclusion(leaves[index], wrong, size, proof, root), wrong == index);
    }
  }
}

TEST(Merkle, InclusionInAnEmptyTreeOrPastTheEndIsFalse) {
  const Digest leaf = leaves_of(1)[0];
  EXPECT_FALSE(verify_inclusion(leaf, 0, 0, {}, reference_root(0, 0)));
  EXPECT_FALSE(verify_inclusion(leaf, 1, 1, {}, leaf));
  EXPECT_TRUE(verify_inclusion(leaf, 0, 1, {}, leaf));
  EXPECT_FALSE(verify_inclusion(leaf, UINT64_MAX, UINT64_MAX, leaves_of(64), leaf));
}

TEST(Merkle, ConsistencyProofsAreThoseOfTheReferenceAndVerify) {
  for (std::size_t size = 1; size <= kLargest; ++size) {
    const std::vector<Digest> leaves = leaves_of(size);
    for (std::size_t old_size = 1; old_size <= size; ++old_size) {
      const std::vector<Digest> proof = consistency_proof(leaves, old_size);
      EXPECT_EQ(proof, reference_subproof(old_size, 0, size, true)) << old_size << " to " << size;
      EXPECT_TRUE(verify_consistency(old_size, reference_root(0, old_size), size, reference_root(0, size), proof))
          << old_size << " to " << size;
    }
  }
}

TEST(Merkle, RC_R_AUDIT_ConsistencyRefusesAnyAlteredPart) {
  for (const std::size_t size : {2U, 3U, 7U, 8U, 9U, 33U, 65U}) {
    const std::vector<Digest> leaves = leaves_of(size);
    const Digest root = reference_root(0, size);
    for (std::size_t old_size = 1; old_size <= size; ++old_size) {
      const Digest old_root = reference_root(0, old_size);
      const std::vector<Digest> proof = consistency_proof(leaves, old_size);
      EXPECT_FALSE(verify_consistency(old_size, other(old_root), size, root, proof));
      EXPECT_FALSE(verify_consistency(old_size, old_root, size, other(root), proof));
      for (std::size_t i = 0; i < proof.size(); ++i) {
        std::vector<Digest> altered = proof;
        altered[i] = other(altered[i], 100 + i);
        EXPECT_FALSE(verify_consistency(old_size, old_root, size, root, altered));
        altered = proof;
        altered.erase(altered.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_FALSE(verify_consistency(old_size, old_root, size, root, altered));
      }
      std::vector<Digest> longer = proof;
      longer.push_back(root);
      EXPECT_FALSE(verify_consistency(old_size, old_root, size, root, longer));
    }
  }
}

// The point of the proof: a log whose past was rewritten is not an extension of what was carried away.
TEST(Merkle, RC_R_AUDIT_ARewrittenPastIsNotConsistent) {
  const std::size_t old_size = 11;
  const Digest carried_away = reference_root(0, old_size);
  for (std::size_t rewritten = 0; rewritten < old_size; ++rewritten) {
    std::vector<Digest> leaves = leaves_of(29);
    leaves[rewritten] = merkle_leaf(base::as_bytes("another story"));
    MerkleFrontier forged;
    for (const Digest& leaf : leaves) forged.append(leaf);
    EXPECT_FALSE(verify_consistency(old_size, carried_away, 29, forged.root(), consistency_proof(leaves, old_size)));
  }
}

TEST(Merkle, ConsistencyFromNothingOrBackwardsIsFalse) {
  const Digest root = reference_root(0, 4);
  EXPECT_FALSE(verify_consistency(0, reference_root(0, 0), 4, root, {}));
  EXPECT_FALSE(verify_consistency(5, root, 4, root, {}));
  EXPECT_FALSE(verify_consistency(3, reference_root(0, 3), 4, root, {}));
  EXPECT_TRUE(verify_consistency(4, root, 4, root, {}));
  EXPECT_FALSE(verify_consistency(4, root, 4, other(root), {}));
}

TEST(MerkleDeathTest, AskingForWhatIsNotThereIsOurMistake) {
  const std::vector<Digest> leaves = leaves_of(3);
  EXPECT_DEATH(static_cast<void>(inclusion_proof(leaves, 3)), "index");
  EXPECT_DEATH(static_cast<void>(consistency_proof(leaves, 0)), "old_size");
  EXPECT_DEATH(static_cast<void>(consistency_proof(leaves, 4)), "old_size");
}

}  // namespace
}  // namespace stargraph::crypto
