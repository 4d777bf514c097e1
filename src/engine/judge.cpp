#include "judge.hpp"

#include "state.hpp"

namespace stargraph::engine {

using base::Result;

Result<std::optional<policy::Decision>> Engine::State::judge(const Catalog& graphs, const Basis& basis) {
  const std::shared_ptr<const policy::InForce>& policy = graphs.policy();
  if (!policy) return std::nullopt;
  SG_TRY(policy::check_time(policy->bundle, clock.now()));
  SG_TRY(check_not_revoked({}, policy->pack));
  return policy::decide(policy->bundle, policy->digest(), basis.judged);
}

audit::Event policy_denied(const Caller& caller, const policy::InForce& policy, const Basis& basis,
                           const policy::Decision& decision) {
  audit::Event event;
  event.name = audit::EventName::kPolicyDenied;
  event.outcome = audit::Outcome::kDenied;
  event.actor = caller.actor;
  event.tenant = caller.tenant;
  event.data = {{"decision", decision.decision.hex()}, {"graph_id", audit::safe_text(basis.graph.str(), 256)},
                {"input", decision.input.hex()},       {"mode", policy::mode_name(policy.bundle.mode)},
                {"pack", basis.judged.pack_id},        {"pack_digest", basis.judged.pack_digest},
                {"policy", policy.digest().hex()},     {"reasons", policy::reason_names(decision)},
                {"request_id", caller.request_id}};
  return event;
}

}  // namespace stargraph::engine
