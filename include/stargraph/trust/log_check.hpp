// Whether the trust store is the one the log knows: what finds acts cut off its end, which numbers and
// receipts alone cannot, and a database or a log of an earlier day.
#pragma once

#include "stargraph/audit/head.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/trust/state.hpp"

namespace stargraph::trust {

// `head` is the one of connecting to the audit writer, `state` is loaded right after it. An importer that is
// at work at that very moment looks like an attack; the next start finds it done. kAuditFork when
//   the log holds a later act of trust than the store: its last acts were cut off, or an importer got its
//   receipts and died before it could store them;
//   the store holds a later act than the log: an older log was put back;
//   the floors or the revocation numbers differ: an act that raised one is in the log only, with others after it.
// An importer's death is told from an attack by nobody but a person who knows that it happened, so both
// keep the daemon from starting. The way back is the act that was interrupted, made again by root: what
// `stargraph-pack` stores next is the last act of both, and the same pack activated makes the floors agree
// again (so does any later epoch of its id). stargraph-pack itself starts without this check.
[[nodiscard]] base::Result<> check_against_log(const TrustState& state, const audit::Head& head);

}  // namespace stargraph::trust
