// What the policy in force says before a run starts.
#pragma once

#include "stargraph/audit/event.hpp"
#include "stargraph/engine/engine.hpp"
#include "stargraph/policy/decision.hpp"

namespace stargraph::engine {

// The audit entry of a run that the policy does not let start, or would not in mode `enforce`.
[[nodiscard]] audit::Event policy_denied(const Caller& caller, const policy::InForce& policy, const Basis& basis,
                                         const policy::Decision& decision);

}  // namespace stargraph::engine
