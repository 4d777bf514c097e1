// The C seams of the store's tests (-Wl,--wrap): fdatasync counts and can fail, statfs can tell of
// another file system.
#pragma once

#include <cstdint>

namespace stargraph::store {

// Calls since the program started, failed ones included. Any thread.
[[nodiscard]] std::uint64_t syncs();

}  // namespace stargraph::store
