// `stargraph-audit show`: entries for people. Nothing here checks a hash; `verify` does.
#pragma once

#include "stargraph/base/env.hpp"

namespace stargraph::auditor {

// One line an entry on stdout, or the lines as they stand. A line that is no entry is said to be one.
[[nodiscard]] base::Result<> show_file(const base::Path& file, bool as_they_stand);

}  // namespace stargraph::auditor
