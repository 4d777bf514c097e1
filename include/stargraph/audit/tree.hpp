// The log's tree on disk, `audit-tree.bin`: its nodes in post-order, 48 bytes each, only ever appended to, so that
// any proof reads O(log n) of them.
//
// It is a cache and proves nothing by itself: a proof made from it is checked against a checkpoint's root, and the
// writer rebuilds it from the log when its right edge is not the chain's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "stargraph/base/env.hpp"
#include "stargraph/crypto/merkle.hpp"

namespace stargraph::audit {

inline constexpr std::string_view kTreeFile = "audit-tree.bin";

// The writer's end. Losing it loses no entry: after an error the caller drops it and the next start makes it anew.
class TreeFile {
 public:
  // Opens or creates it and cuts it back to `frontier`'s leaves; nothing when it is shorter than that or another tree.
  [[nodiscard]] static base::Result<std::optional<TreeFile>> open(base::Env& env, const base::Path& directory,
                                                                  const crypto::MerkleFrontier& frontier);
  // A new one that knows only the right edge: nodes before it are zero, which no reader takes for one.
  [[nodiscard]] static base::Result<TreeFile> make(base::Env& env, const base::Path& directory,
                                                   const crypto::MerkleFrontier& frontier);

  void add(const crypto::Digest& entry_hash);  // in memory until write()
  [[nodiscard]] base::Result<> write();
  [[nodiscard]] base::Result<> sync();
  [[nodiscard]] std::uint64_t leaves() const { return frontier_.size(); }

 private:
  TreeFile(std::unique_ptr<base::AppendFile> file, crypto::MerkleFrontier frontier);

  std::unique_ptr<base::AppendFile> file_;
  crypto::MerkleFrontier frontier_;
  base::Bytes pending_;
};

// A reader's end, over a descriptor open for reading (LogPart::kTree): it must stay open as long as the reader is
// used. kNotFound for a node that is not there.
[[nodiscard]] crypto::NodeReader tree_reader(int descriptor);

}  // namespace stargraph::audit
