// NodeCollector: the few nodes of a log's tree that some proofs need, taken while the entries go by.
//
// A proof names its nodes before any of them is known, so the log is read once more for them; memory grows with the
// proofs, not with the log.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "stargraph/audit/chain.hpp"
#include "stargraph/crypto/merkle.hpp"

namespace stargraph::audit {

class NodeCollector {
 public:
  // Before the reading: what a proof will ask for.
  void want_inclusion(std::uint64_t index, std::uint64_t size);
  void want_consistency(std::uint64_t old_size, std::uint64_t size);
  // The chain before the first entry that is read. Where the log's beginning was archived it has the roots of what is
  // not there, which are all that proofs of later entries need from it.
  void begin(const Chain& chain);
  void add(const Entry& entry);  // every entry from there on
  // kNotFound for a node that did not come by.
  [[nodiscard]] crypto::NodeReader reader() const;

 private:
  void keep(std::uint64_t position, const crypto::Digest& node);
  std::set<std::uint64_t> wanted_;
  std::map<std::uint64_t, crypto::Digest> found_;
  crypto::MerkleFrontier tree_;
};

}  // namespace stargraph::audit
