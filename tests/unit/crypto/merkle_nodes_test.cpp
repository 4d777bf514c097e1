// Proofs from nodes in post-order are those of RFC 6962 over the leaves, for every tree up to a size, and those of
// another implementation.
#include <gtest/gtest.h>

#include "stargraph/crypto/merkle.hpp"
#include "support/command.hpp"

namespace stargraph::crypto {
namespace {

constexpr std::uint64_t kLeaves = 70;

struct Tree {
  Tree() {
    for (std::uint64_t i = 0; i < kLeaves; ++i) {
      leaves.push_back(merkle_leaf(base::as_bytes("leaf " + std::to_string(i))));
      frontier.append(leaves.back(), nodes);
      EXPECT_EQ(nodes.size(), node_count(i + 1) * Digest::kSize);
    }
  }
  [[nodiscard]] NodeReader reader() const {
    return [this](std::uint64_t position) -> base::Result<Digest> {
      if ((position + 1) * Digest::kSize > nodes.size()) return base::fail(base::Code::kNotFound, "no such node");
      ++reads;
      return Digest::from_bytes(base::BytesView(nodes).subspan(position * Digest::kSize, Digest::kSize));
    };
  }
  std::vector<Digest> leaves;
  base::Bytes nodes;
  MerkleFrontier frontier;
  mutable std::uint64_t reads = 0;
};

TEST(MerkleNodes, PathsAreThoseOverTheLeaves) {
  const Tree tree;
  const std::span<const Digest> all(tree.leaves);
  for (std::uint64_t size = 1; size <= kLeaves; ++size) {
    MerkleFrontier frontier;
    for (const Digest& leaf : all.first(size)) frontier.append(leaf);
    EXPECT_EQ(*tree_root(size, tree.reader()), frontier.root());
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto path = inclusion_path(i, size, tree.reader());
      ASSERT_TRUE(path.has_value());
      EXPECT_EQ(*path, inclusion_proof(all.first(size), i));
      EXPECT_TRUE(verify_inclusion(all[i], i, size, *path, frontier.root()));
    }
    for (std::uint64_t old_size = 1; old_size <= size; ++old_size) {
      const auto path = consistency_path(old_size, size, tree.reader());
      ASSERT_TRUE(path.has_value());
      EXPECT_EQ(*path, consistency_proof(all.first(size), old_size)) << old_size << " to " << size;
    }
  }
}

TEST(MerkleNodes, RC_D_AUDIT_ReadsAreBoundedByTheTreesHeight) {
  const Tree tree;
  for (std::uint64_t i = 0; i < kLeaves; ++i) {
    tree.reads = 0;
    ASSERT_TRUE(inclusion_path(i, kLeaves, tree.reader()).has_value());
    EXPECT_LE(tree.reads, 2 * 7U);
    tree.reads = 0;
    ASSERT_TRUE(consistency_path(i + 1, kLeaves, tree.reader()).has_value());
    EXPECT_LE(tree.reads, 2 * 7U);
  }
}

TEST(MerkleNodes, WhatIsNoneIsRefused) {
  const Tree tree;
  EXPECT_EQ(inclusion_path(5, 5, tree.reader()).error().code, base::Code::kMalformed);
  EXPECT_EQ(inclusion_path(0, 0, tree.reader()).error().code, base::Code::kMalformed);
  EXPECT_EQ(consistency_path(0, 5, tree.reader()).error().code, base::Code::kMalformed);
  EXPECT_EQ(consistency_path(6, 5, tree.reader()).error().code, base::Code::kMalformed);
  EXPECT_EQ(inclusion_path(0, kLeaves + 9, tree.reader()).error().code, base::Code::kNotFound);
}

// RFC 6962 2.1 by its recursive definitions, written in another language.
constexpr std::string_view kOracle = R"(
import hashlib
H = lambda b: hashlib.sha384(b).digest()
def k(n): return 1 << (n - 1).bit_length() - 1
def MTH(D): return H(b'') if not D else H(b'\0' + D[0]) if len(D) == 1 else H(b'\1' + MTH(D[:k(len(D))]) + MTH(D[k(len(D)):]))
def PATH(m, D):
    if len(D) == 1: return []
    s = k(len(D))
    return PATH(m, D[:s]) + [MTH(D[s:])] if m < s else PATH(m - s, D[s:]) + [MTH(D[:s])]
def SUBPROOF(m, D, b):
    if m == len(D): return [] if b else [MTH(D)]
    s = k(len(D))
    return SUBPROOF(m, D[:s], b) + [MTH(D[s:])] if m <= s else SUBPROOF(m - s, D[s:], False) + [MTH(D[:s])]
D = [b'leaf %d' % i for i in range(13)]
print(MTH(D).hex())
for m in range(13): print('i', m, *[p.hex() for p in PATH(m, D)])
for m in range(1, 14): print('c', m, *[p.hex() for p in SUBPROOF(m, D, True)])
)";

std::string words(std::string_view kind, std::uint64_t number, const std::vector<Digest>& path) {
  std::string text = std::string(kind) + " " + std::to_string(number);
  for (const Digest& one : path) text += " " + one.hex();
  return text + "\n";
}

TEST(MerkleNodes, KnownAnswersOfThePythonDefinitions) {
  const auto oracle = test::run_command({"python3", "-c", std::string(kOracle)});
  ASSERT_EQ(oracle.exit_code, 0) << oracle.err;
  const Tree tree;
  std::string ours = tree_root(13, tree.reader())->hex() + "\n";
  for (std::uint64_t i = 0; i < 13; ++i) ours += words("i", i, *inclusion_path(i, 13, tree.reader()));
  for (std::uint64_t i = 1; i <= 13; ++i) ours += words("c", i, *consistency_path(i, 13, tree.reader()));
  EXPECT_EQ(ours, oracle.out);
}

}  // namespace
}  // namespace stargraph::crypto
