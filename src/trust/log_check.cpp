#include "stargraph/trust/log_check.hpp"

#include "stargraph/audit/checkpoint.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

crypto::Digest digest_of(const std::map<base::PackId, base::Epoch>& floors) {
  audit::Floors plain;
  for (const auto& [id, epoch] : floors) plain[id.str()] = epoch.value();
  return audit::floors_digest(plain);
}

}  // namespace

Result<> check_against_log(const TrustState& state, const audit::Head& head) {
  if (head.trust_act > state.last_entry()) {
    return fail(Code::kAuditFork,
                "trust: the log holds a later act than the trust store: acts were cut off, or an import was "
                "interrupted; look into the log, and repeat that act if it was");
  }
  if (head.trust_act < state.last_entry()) {
    return fail(Code::kAuditFork, "trust: the trust store holds a later act than the log: an older log was put back");
  }
  if (head.revocation_number != state.revocation_number()) {
    return fail(Code::kAuditFork,
                "trust: the revocation number is not that of the log: a list that the log holds is missing; import it "
                "again");
  }
  if (head.floors != digest_of(state.floors())) {
    return fail(
        Code::kAuditFork,
        "trust: the floors are not those of the log: an activation that the log holds is missing; make it again");
  }
  return {};
}

}  // namespace stargraph::trust
