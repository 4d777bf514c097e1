// The engine's tables (docs/formats/run.md): runs, steps, events, interrupts, work items, idempotency keys and bases.
// Steps and events are append-only.
#pragma once

#include <span>

#include "stargraph/store/database.hpp"

namespace stargraph::engine {

[[nodiscard]] std::span<const store::Migration> engine_migrations();

}  // namespace stargraph::engine
