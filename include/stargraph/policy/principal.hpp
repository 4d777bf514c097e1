// Principals: who a client certificate is, and what that person or program may do.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "stargraph/base/strong.hpp"
#include "stargraph/config/config.hpp"
#include "stargraph/crypto/certificate.hpp"
#include "stargraph/policy/capability.hpp"

namespace stargraph::policy {

struct Principal {
  base::ActorName name;
  base::TenantId tenant;                // where its runs live
  std::vector<base::TenantId> tenants;  // every tenant it may serve work for; its own first
  std::vector<Grant> grants;
};

// The one place where "may they?" is answered.
class Gate {
 public:
  // Roles become grants. kConfigInvalid for a capability that is not in the table.
  [[nodiscard]] static base::Result<Gate> make(const config::Config& config);

  // The principal of a certificate: kUnauthenticated when none matches, kAmbiguousPrincipal when two do.
  // The pointer lives as long as the gate.
  [[nodiscard]] base::Result<const Principal*> identify(const crypto::CertificateNames& certificate) const;

  // kCapabilityDenied unless a grant covers it, or the profile lets every principal read.
  [[nodiscard]] base::Result<> check(const Principal& principal, Capability capability,
                                     std::optional<std::string_view> scope = std::nullopt) const;
  // The same for a capability that a rule or a pack names; a name outside the table is denied.
  [[nodiscard]] base::Result<> check_named(const Principal& principal, std::string_view capability) const;

  [[nodiscard]] std::span<const Principal> principals() const { return principals_; }

 private:
  struct Matcher {
    config::Match match;
    std::size_t principal;
  };
  bool open_reads_ = false;
  std::vector<Principal> principals_;
  std::vector<Matcher> matchers_;
};

}  // namespace stargraph::policy
