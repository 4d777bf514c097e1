// Which open runs rest on given packs: for whoever is about to replace or revoke them. Reads, and changes nothing.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "stargraph/base/strong.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/store/database.hpp"

namespace stargraph::engine {

// How many open runs of each graph rest on a pack with one of `digests`; none in a database that no
// engine ever used.
[[nodiscard]] base::Result<std::map<base::GraphId, std::int64_t>> affected_runs(
    store::Connection& connection, std::span<const crypto::Digest> digests);

}  // namespace stargraph::engine
