// RFC 6962 Merkle tree with SHA-384: leaf = H(0x00 || data), node = H(0x01 || left || right), no
// duplicated leaves; the empty tree's root is H("").
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/crypto/digest.hpp"

namespace stargraph::crypto {

[[nodiscard]] Digest merkle_leaf(base::BytesView data);
[[nodiscard]] Digest merkle_node(const Digest& left, const Digest& right);

// The right edge of a tree: enough to append and to know the root, O(log n) digests.
class MerkleFrontier {
 public:
  MerkleFrontier() = default;
  // Peaks from the largest subtree to the smallest, as many as bits set in `size`; else kMalformed.
  [[nodiscard]] static base::Result<MerkleFrontier> restore(std::uint64_t size, std::vector<Digest> peaks);
  void append(const Digest& leaf);  // `leaf` is merkle_leaf(data)
  // The same, and the nodes that this completes, in post-order, go to the end of `nodes`.
  void append(const Digest& leaf, base::Bytes& nodes);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Digest root() const;
  [[nodiscard]] std::span<const Digest> peaks() const { return peaks_; }

 private:
  std::uint64_t size_ = 0;
  std::vector<Digest> peaks_;
};

// RFC 6962 2.1.1: the audit path of leaf `index` in the tree over `leaves`; index < leaves.size().
[[nodiscard]] std::vector<Digest> inclusion_proof(std::span<const Digest> leaves, std::uint64_t index);
[[nodiscard]] bool verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                                    std::span<const Digest> proof, const Digest& root);
// RFC 6962 2.1.2: from the tree of the first `old_size` leaves to the whole; 0 < old_size <= size.
[[nodiscard]] std::vector<Digest> consistency_proof(std::span<const Digest> leaves, std::uint64_t old_size);
[[nodiscard]] bool verify_consistency(std::uint64_t old_size, const Digest& old_root, std::uint64_t size,
                                      const Digest& root, std::span<const Digest> proof);

// A tree kept as its nodes in post-order: each leaf when it came, each perfect subtree's root when its last leaf
// did. That only ever grows at its end, and a proof reads O(log n) of its nodes.
[[nodiscard]] std::uint64_t node_count(std::uint64_t leaves);
// Where the root of the perfect subtree of 2^level leaves from `first` on stands; `first` is a multiple of 2^level.
[[nodiscard]] std::uint64_t node_position(std::uint64_t first, unsigned level);
using NodeReader = std::function<base::Result<Digest>(std::uint64_t position)>;
// The same proofs as above, of the tree of the first `size` leaves; the reader's errors, kMalformed for an index or
// size that is none.
[[nodiscard]] base::Result<std::vector<Digest>> inclusion_path(std::uint64_t index, std::uint64_t size,
                                                               const NodeReader& node);
[[nodiscard]] base::Result<std::vector<Digest>> consistency_path(std::uint64_t old_size, std::uint64_t size,
                                                                 const NodeReader& node);
[[nodiscard]] base::Result<Digest> tree_root(std::uint64_t size, const NodeReader& node);

}  // namespace stargraph::crypto
