// The policy in force: which active policy pack this box obeys, checked from its bytes.
//
// At most one policy pack is active. Its digest (pack::Container::digest) names the policy everywhere: in audit
// entries, in the basis of every run, in decisions.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/config/config.hpp"
#include "stargraph/policy/bundle.hpp"
#include "stargraph/trust/trust_store.hpp"

namespace stargraph::policy {

struct InForce {
  trust::PackRef pack;
  Bundle bundle;
  [[nodiscard]] const crypto::Digest& digest() const { return pack.digest; }
};

// The policy among the active packs; null when there is none. kConflict when there are two, kPolicyInvalid,
// kPolicyMode for `warn` in `cleared`. Says nothing about time: check_time().
[[nodiscard]] base::Result<std::shared_ptr<const InForce>> find_policy(std::span<const trust::LoadedPack> active,
                                                                       config::Profile profile);

// Which policy was in force last, as the box remembers it.
struct LastPolicy {
  base::PackId id;
  base::Epoch epoch;
  crypto::Digest digest;
};

// Whether `next` may follow `last`: the same pack again; a higher epoch of the same id; or another id whose policy
// names last's digest in `supersedes`, which its governor signed. Anything else is kPolicyRollback: an old policy of
// another id would pass the floors, which are kept by id.
[[nodiscard]] base::Result<> check_succession(const LastPolicy& last, const InForce& next);

}  // namespace stargraph::policy
