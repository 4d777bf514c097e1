// The policy in force: which active policy pack this box obeys, checked from its bytes.
//
// At most one policy pack is active, and only forwards: the trust store sees to that (trust/state.hpp). Its digest
// (pack::Container::digest) names the policy everywhere: in audit entries, in the basis of every run, in decisions.
#pragma once

#include <memory>
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

}  // namespace stargraph::policy
