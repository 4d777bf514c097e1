// The time floor: the latest moment this appliance has seen. A clock behind it was set back (or its battery died), and
// every time in a log, a lease or a certificate check would lie.
#pragma once

#include <span>

#include "stargraph/base/time.hpp"
#include "stargraph/store/database.hpp"

namespace stargraph::serve {

[[nodiscard]] std::span<const store::Migration> serve_migrations();

// kClockBehind when `now` is before the floor; the first start has none.
[[nodiscard]] base::Result<> check_clock(store::Connection& connection, base::Timestamp now);
// Raises the floor to `now`; never lowers it.
[[nodiscard]] base::Result<> raise_clock(store::Connection& connection, base::Timestamp now);
// Puts the floor at `now`, also back: only when an administrator said so, and audited by the caller.
[[nodiscard]] base::Result<> accept_clock(store::Connection& connection, base::Timestamp now);

}  // namespace stargraph::serve
