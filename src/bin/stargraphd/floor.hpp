// The floor of free disk: how much of the state's file system must stay free, and whether it does. Knows no file
// system: who asks gives the blocks, so that a test can stand just above, at and below.
#pragma once

#include <cstdint>

#include "stargraph/config/limits.hpp"

namespace stargraph::daemon {

// As statvfs(3) has it, in blocks of `block_bytes`.
struct DiskBlocks {
  std::uint64_t free = 0;  // to us: without what is kept for root
  std::uint64_t all = 0;
  std::uint64_t block_bytes = 0;
};

// Free space is at disk_free_bytes or more, and at disk_free_percent of the file system or more.
[[nodiscard]] bool above_floor(const DiskBlocks& disk, const config::Limits& limits);

}  // namespace stargraph::daemon
