#include "stargraph/crypto/merkle.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "stargraph/base/check.hpp"

namespace stargraph::crypto {
namespace {

constexpr std::byte kLeafPrefix{0x00};
constexpr std::byte kNodePrefix{0x01};

// The largest power of two smaller than `size`; size > 1. RFC 6962 calls it k.
std::uint64_t split(std::uint64_t size) { return std::bit_floor(size - 1); }

Digest root_of(std::span<const Digest> leaves) {
  MerkleFrontier frontier;
  for (const Digest& leaf : leaves) frontier.append(leaf);
  return frontier.root();
}

}  // namespace

Digest merkle_leaf(base::BytesView data) { return Sha384().update({&kLeafPrefix, 1}).update(data).finish(); }

Digest merkle_node(const Digest& left, const Digest& right) {
  std::array<std::byte, 1 + 2 * Digest::kSize> message{kNodePrefix};
  std::ranges::copy(left.bytes(), message.begin() + 1);
  std::ranges::copy(right.bytes(), message.begin() + 1 + Digest::kSize);
  return sha384(message);
}

base::Result<MerkleFrontier> MerkleFrontier::restore(std::uint64_t size, std::vector<Digest> peaks) {
  if (peaks.size() != static_cast<std::size_t>(std::popcount(size)))
    return base::fail(base::Code::kMalformed, "merkle: frontier: number of peaks does not fit the size");
  MerkleFrontier frontier;
  frontier.size_ = size;
  frontier.peaks_ = std::move(peaks);
  return frontier;
}

void MerkleFrontier::append(const Digest& leaf, base::Bytes& nodes) {
  Digest carry = leaf;
  const auto emit = [&] { nodes.insert(nodes.end(), carry.bytes().begin(), carry.bytes().end()); };
  emit();
  for (std::uint64_t bits = size_; (bits & 1) != 0; bits >>= 1) {
    carry = merkle_node(peaks_.back(), carry);
    peaks_.pop_back();
    emit();
  }
  peaks_.push_back(carry);
  ++size_;
  SG_CHECK(size_ != 0);
}

void MerkleFrontier::append(const Digest& leaf) {
  // A binary counter: each trailing one bit of the size is a full subtree that the new leaf closes.
  Digest carry = leaf;
  for (std::uint64_t bits = size_; (bits & 1) != 0; bits >>= 1) {
    carry = merkle_node(peaks_.back(), carry);
    peaks_.pop_back();
  }
  peaks_.push_back(carry);
  ++size_;
  SG_CHECK(size_ != 0);
}

Digest MerkleFrontier::root() const {
  if (peaks_.empty()) return sha384(base::BytesView{});
  Digest right = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i-- > 0;) right = merkle_node(peaks_[i], right);
  return right;
}

std::vector<Digest> inclusion_proof(std::span<const Digest> leaves, std::uint64_t index) {
  SG_CHECK(index < leaves.size());
  // Down from the root: at each fork the root of the side not taken; the proof lists them bottom up.
  std::vector<Digest> proof;
  while (leaves.size() > 1) {
    const std::uint64_t left = split(leaves.size());
    if (index < left) {
      proof.push_back(root_of(leaves.subspan(left)));
      leaves = leaves.first(left);
      continue;
    }
    proof.push_back(root_of(leaves.first(left)));
    leaves = leaves.subspan(left);
    index -= left;
  }
  std::ranges::reverse(proof);
  return proof;
}

bool verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size, std::span<const Digest> proof,
                      const Digest& root) {
  if (index >= size) return false;
  // RFC 9162 2.1.3.2, with the same names: fn the node, sn the last node of its level.
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  Digest hash = leaf;
  for (const Digest& sibling : proof) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      hash = merkle_node(sibling, hash);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      hash = merkle_node(hash, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && hash == root;
}

std::vector<Digest> consistency_proof(std::span<const Digest> leaves, std::uint64_t old_size) {
  SG_CHECK(old_size > 0 && old_size <= leaves.size());
  // SUBPROOF of RFC 6962 2.1.2 as a loop; `whole` is its b: the old tree is a subtree both sides know.
  std::vector<Digest> proof;
  bool whole = true;
  while (old_size < leaves.size()) {
    const std::uint64_t left = split(leaves.size());
    if (old_size <= left) {
      proof.push_back(root_of(leaves.subspan(left)));
      leaves = leaves.first(left);
      continue;
    }
    proof.push_back(root_of(leaves.first(left)));
    leaves = leaves.subspan(left);
    old_size -= left;
    whole = false;
  }
  if (!whole) proof.push_back(root_of(leaves));
  std::ranges::reverse(proof);
  return proof;
}

bool verify_consistency(std::uint64_t old_size, const Digest& old_root, std::uint64_t size, const Digest& root,
                        std::span<const Digest> proof) {
  if (old_size == 0 || old_size > size) return false;
  if (old_size == size) return proof.empty() && old_root == root;
  // RFC 9162 2.1.4.2. A full old tree is its own first node, which the proof leaves out.
  const bool full = std::has_single_bit(old_size);
  if (!full && proof.empty()) return false;
  std::uint64_t fn = old_size - 1;
  std::uint64_t sn = size - 1;
  const int skip = std::countr_one(fn);
  fn >>= skip;
  sn >>= skip;
  Digest old_hash = full ? old_root : proof.front();
  Digest hash = old_hash;
  for (const Digest& node : full ? proof : proof.subspan(1)) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      old_hash = merkle_node(node, old_hash);
      hash = merkle_node(node, hash);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      hash = merkle_node(hash, node);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && old_hash == old_root && hash == root;
}

}  // namespace stargraph::crypto
