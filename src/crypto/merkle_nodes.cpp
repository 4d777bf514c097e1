// Proofs from a tree that is kept as its nodes in post-order.
#include <algorithm>
#include <bit>

#include "stargraph/crypto/merkle.hpp"

namespace stargraph::crypto {
namespace {

using base::Code;
using base::fail;
using base::Result;

std::uint64_t split(std::uint64_t size) { return std::bit_floor(size - 1); }

// Leaves from `first` on, as many as `count`: a subtree as the recursion of RFC 6962 meets it, so that `first` is a
// multiple of the largest power of two in `count`.
struct Range {
  std::uint64_t first = 0;
  std::uint64_t count = 0;

  [[nodiscard]] Range left() const { return {first, split(count)}; }
  [[nodiscard]] Range right() const { return {first + split(count), count - split(count)}; }
};

// Perfect subtrees from the left, joined from the right: one node read for each bit set in count.
Result<Digest> root_of(Range range, const NodeReader& node) {
  std::vector<Digest> peaks;
  while (range.count > 0) {
    const auto level = static_cast<unsigned>(std::bit_width(range.count) - 1);
    SG_TRY(const Digest peak, node(node_position(range.first, level)));
    peaks.push_back(peak);
    range.first += std::uint64_t{1} << level;
    range.count -= std::uint64_t{1} << level;
  }
  Digest right = peaks.back();
  for (std::size_t i = peaks.size() - 1; i-- > 0;) right = merkle_node(peaks[i], right);
  return right;
}

}  // namespace

std::uint64_t node_count(std::uint64_t leaves) {
  return 2 * leaves - static_cast<std::uint64_t>(std::popcount(leaves));
}

std::uint64_t node_position(std::uint64_t first, unsigned level) {
  // The subtree's last leaf stands after the nodes of all leaves before it; its parents follow it at once.
  return node_count(first + (std::uint64_t{1} << level) - 1) + level;
}

Result<Digest> tree_root(std::uint64_t size, const NodeReader& node) {
  if (size == 0) return sha384(base::BytesView{});
  return root_of({0, size}, node);
}

Result<std::vector<Digest>> inclusion_path(std::uint64_t index, std::uint64_t size, const NodeReader& node) {
  if (index >= size) return fail(Code::kMalformed, "merkle: inclusion: no such leaf in a tree of this size");
  std::vector<Digest> path;
  Range range{0, size};
  while (range.count > 1) {
    const bool in_left = index - range.first < split(range.count);
    SG_TRY(const Digest sibling, root_of(in_left ? range.right() : range.left(), node));
    path.push_back(sibling);
    range = in_left ? range.left() : range.right();
  }
  std::ranges::reverse(path);
  return path;
}

Result<std::vector<Digest>> consistency_path(std::uint64_t old_size, std::uint64_t size, const NodeReader& node) {
  if (old_size == 0 || old_size > size) return fail(Code::kMalformed, "merkle: consistency: not two sizes of one tree");
  std::vector<Digest> path;
  Range range{0, size};
  bool whole = true;  // the old tree is a subtree both sides know
  while (old_size - range.first < range.count) {
    const bool in_left = old_size - range.first <= split(range.count);
    SG_TRY(const Digest sibling, root_of(in_left ? range.right() : range.left(), node));
    path.push_back(sibling);
    whole = whole && in_left;
    range = in_left ? range.left() : range.right();
  }
  if (!whole) {
    SG_TRY(const Digest last, root_of(range, node));
    path.push_back(last);
  }
  std::ranges::reverse(path);
  return path;
}

}  // namespace stargraph::crypto
