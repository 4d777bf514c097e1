#include "bin/stargraphd/floor.hpp"

namespace stargraph::daemon {
namespace {

__extension__ using Wide = unsigned __int128;  // no product below is cut, whatever a file system says of itself

}  // namespace

bool above_floor(const DiskBlocks& disk, const config::Limits& limits) {
  const auto least_bytes = static_cast<Wide>(limits.disk_free_bytes);
  const auto least_percent = static_cast<Wide>(limits.disk_free_percent);
  return Wide{disk.free} * disk.block_bytes >= least_bytes && Wide{disk.free} * 100 >= Wide{disk.all} * least_percent;
}

}  // namespace stargraph::daemon
