// Prune: which archived segments may leave the disk, and the tombstone that says so for ever.
//
// Only the oldest closed segments leave, under an `audit.pruned` entry (docs/formats/audit.md, Archiving) that a
// checkpoint signs before the first file goes. What is left begins with a segment whose state note
// (position.hpp) says where the chain stood.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stargraph/audit/entry.hpp"

namespace stargraph::audit {

inline constexpr std::size_t kMaxPruned = 8;  // segments under one tombstone
// Bytes of segments in one request, unless it is for one segment alone: their digests are computed while everybody else
// waits, and nobody shall wait a second. SHA-384 takes 0.2 to 0.4 s for so many.
inline constexpr std::uint64_t kMaxPruneBytes = std::uint64_t{128} << 20;

struct Prune {
  std::uint32_t first_segment = 1;
  std::vector<crypto::Digest> digests;  // SHA-384 of the whole file of first_segment, first_segment + 1, …

  [[nodiscard]] std::uint32_t last_segment() const {
    return first_segment + static_cast<std::uint32_t>(digests.size()) - 1;
  }
};

// The data of an `audit.pruned` entry.
struct Tombstone {
  Prune what;
  LogSeq first_seq;           // the first entry that leaves
  LogSeq last_seq;            // the last one
  crypto::Digest checkpoint;  // entry_hash of the last one, which is a checkpoint: where what is left begins
};
[[nodiscard]] json::Object encode_tombstone(const Tombstone& tombstone);
[[nodiscard]] base::Result<Tombstone> decode_tombstone(const json::Object& data);  // kAuditMalformed

}  // namespace stargraph::audit
