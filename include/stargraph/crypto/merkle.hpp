// RFC 6962 Merkle tree with SHA-384: leaf = H(0x00 || data), node = H(0x01 || left || right), no
// duplicated leaves; the empty tree's root is H("").
#pragma once

#include <cstdint>
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

}  // namespace stargraph::crypto
