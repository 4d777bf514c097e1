#include "audit/node_collector.hpp"

#include <bit>

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

// Only names what would be read.
crypto::NodeReader recorder(std::set<std::uint64_t>& positions) {
  return [&positions](std::uint64_t position) -> Result<crypto::Digest> {
    positions.insert(position);
    return crypto::Digest();
  };
}

}  // namespace

void NodeCollector::want_inclusion(std::uint64_t index, std::uint64_t size) {
  static_cast<void>(crypto::inclusion_path(index, size, recorder(wanted_)));
}

void NodeCollector::want_consistency(std::uint64_t old_size, std::uint64_t size) {
  static_cast<void>(crypto::consistency_path(old_size, size, recorder(wanted_)));
}

void NodeCollector::keep(std::uint64_t position, const crypto::Digest& node) {
  if (wanted_.erase(position) > 0) found_.emplace(position, node);
}

void NodeCollector::begin(const Chain& chain) {
  tree_ = chain.tree();
  std::uint64_t first = 0;
  for (const crypto::Digest& peak : tree_.peaks()) {
    const std::uint64_t leaves = std::bit_floor(tree_.size() - first);
    keep(crypto::node_position(first, static_cast<unsigned>(std::countr_zero(leaves))), peak);
    first += leaves;
  }
}

void NodeCollector::add(const Entry& entry) {
  const std::uint64_t before = crypto::node_count(tree_.size());
  base::Bytes nodes;
  tree_.append(crypto::merkle_leaf(entry.entry_hash.bytes()), nodes);
  const base::BytesView all(nodes);
  for (std::size_t i = 0; (i + 1) * crypto::Digest::kSize <= all.size(); ++i) {
    const auto node = crypto::Digest::from_bytes(all.subspan(i * crypto::Digest::kSize, crypto::Digest::kSize));
    if (node) keep(before + i, *node);
  }
}

crypto::NodeReader NodeCollector::reader() const {
  return [this](std::uint64_t position) -> Result<crypto::Digest> {
    const auto found = found_.find(position);
    if (found == found_.end()) return fail(Code::kNotFound, "audit: proof: it needs entries that were archived");
    return found->second;
  };
}

}  // namespace stargraph::audit
