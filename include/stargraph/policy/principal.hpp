// Principals: who a client certificate is, and what that person or program may do.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stargraph/base/strong.hpp"
#include "stargraph/config/config.hpp"
#include "stargraph/crypto/certificate.hpp"
#include "stargraph/policy/capability.hpp"
#include "stargraph/policy/clock.hpp"
#include "stargraph/policy/in_force.hpp"

namespace stargraph::policy {

struct Principal {
  base::ActorName name;
  base::TenantId tenant;                // where its runs live
  std::vector<base::TenantId> tenants;  // every tenant it may serve work for; its own first
  std::vector<Grant> grants;
};

// The one place where "may they?" is answered.
//
// Who a certificate is comes from the configuration; what that one may do comes from the configuration in
// `oss-default` and from the policy in force, and nothing else, in `cleared`. A gate never changes: a reload makes
// a new one (CurrentGate), and a request is judged by the one it began with.
class Gate {
 public:
  // Grants of the configuration's roles. kConfigInvalid for a capability that is not in the table. In `cleared` that
  // configuration grants nothing: the gate is closed with kPolicyMissing.
  [[nodiscard]] static base::Result<Gate> make(const config::Config& config);
  // Grants of the roles that `policy` assigns to the configuration's principals, while it counts: before and after
  // its time each check is kPolicyNotYet or kPolicyExpired by that clock, without anybody's doing. Roles in the
  // configuration are not looked at. `clock` must outlive the gate.
  [[nodiscard]] static Gate obeying(const config::Config& config, std::shared_ptr<const InForce> policy,
                                    const Clock& clock);
  // Nobody may do anything: each check is refused with `why`. Principals are still recognised, so that audit
  // entries name them. `policy` is the one that was in force, if any.
  [[nodiscard]] static Gate closed(const config::Config& config, base::Code why,
                                   std::shared_ptr<const InForce> policy = nullptr);

  // The principal of a certificate: kUnauthenticated when none matches, kAmbiguousPrincipal when two do.
  // The pointer lives as long as the gate.
  [[nodiscard]] base::Result<const Principal*> identify(const crypto::CertificateNames& certificate) const;
  // Null when the configuration has no such principal.
  [[nodiscard]] const Principal* find(const base::ActorName& name) const;

  // Whether this gate lets anybody do anything now: kPolicyMissing, kPolicyRevoked, kPolicyNotYet, kPolicyExpired.
  [[nodiscard]] base::Result<> check_open() const;
  // check_open(), then kCapabilityDenied unless a grant covers it, or the profile lets every principal read.
  [[nodiscard]] base::Result<> check(const Principal& principal, Capability capability,
                                     std::optional<std::string_view> scope = std::nullopt) const;
  // The same for a capability that a rule or a pack names; a name outside the table is denied.
  [[nodiscard]] base::Result<> check_named(const Principal& principal, std::string_view capability) const;

  [[nodiscard]] std::span<const Principal> principals() const { return principals_; }
  // Where the grants come from; null when they are the configuration's.
  [[nodiscard]] const InForce* policy() const { return policy_.get(); }

 private:
  struct Matcher {
    config::Match match;
    std::size_t principal;
  };
  void add(const config::Principal& entry, std::vector<Grant> grants);

  bool open_reads_ = false;
  std::vector<Principal> principals_;
  std::vector<Matcher> matchers_;
  std::shared_ptr<const InForce> policy_;
  const Clock* clock_ = nullptr;  // set exactly when the policy's time is to be looked at
  std::optional<base::Code> closed_;
};

// The gate in force, exchanged as a whole. Any thread.
class CurrentGate {
 public:
  explicit CurrentGate(Gate gate) : gate_(std::make_shared<const Gate>(std::move(gate))) {}
  [[nodiscard]] std::shared_ptr<const Gate> get() const {
    const std::scoped_lock lock(mutex_);
    return gate_;
  }
  void set(Gate gate) {
    auto next = std::make_shared<const Gate>(std::move(gate));
    const std::scoped_lock lock(mutex_);
    gate_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Gate> gate_;
};

}  // namespace stargraph::policy
