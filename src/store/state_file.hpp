// The database file on disk: created private, or found to be private; its directory and file system.
#pragma once

#include <cstdint>

#include "stargraph/base/env.hpp"
#include "stargraph/base/result.hpp"

namespace stargraph::store {

// The path without symbolic links, of a file that now exists, with everything around it checked.
// kNotFound (no directory), kNetworkFileSystem, kModeTooWide, kWrongOwner, kConfigInvalid, kIo.
[[nodiscard]] base::Result<base::Path> prepare_state_file(const base::Path& file);

// The verdict on a statfs(2) f_type.
[[nodiscard]] base::Result<> judge_file_system(std::uint64_t magic);

}  // namespace stargraph::store
