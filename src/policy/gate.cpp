#include <algorithm>

#include "stargraph/base/check.hpp"
#include "stargraph/policy/principal.hpp"

namespace stargraph::policy {
namespace {

using base::Code;
using base::fail;
using base::Result;

bool matches(const config::Match& match, const crypto::CertificateNames& certificate) {
  if (!match.san_uri.empty())
    return std::ranges::find(certificate.san_uris, match.san_uri) != certificate.san_uris.end();
  if (!match.fingerprint.empty()) return match.fingerprint == certificate.fingerprint.hex();
  return !match.issuer.empty() && match.issuer == certificate.issuer && match.subject == certificate.subject;
}

Result<std::vector<Grant>> grants_of(const config::Principal& entry, const config::Config& config) {
  std::vector<Grant> grants;
  for (const std::string& role : entry.roles) {
    for (const std::string& text : config.roles.at(role)) {
      SG_TRY(Grant grant, parse_grant(text));
      grants.push_back(std::move(grant));
    }
  }
  return grants;
}

// Both lookups are by the exact name: neither a principal nor a role is ever a pattern.
std::vector<Grant> grants_of(const config::Principal& entry, const Bundle& bundle) {
  std::vector<Grant> grants;
  const auto assigned = bundle.assignments.find(entry.name.str());
  if (assigned == bundle.assignments.end()) return grants;
  for (const std::string& name : assigned->second) {
    const auto role = bundle.roles.find(name);
    if (role != bundle.roles.end()) grants.insert(grants.end(), role->second.begin(), role->second.end());
  }
  return grants;
}

}  // namespace

void Gate::add(const config::Principal& entry, std::vector<Grant> grants) {
  Principal principal;
  principal.name = entry.name;
  principal.tenant = entry.tenant;
  principal.tenants.push_back(entry.tenant);
  for (const base::TenantId& tenant : entry.also_tenants) {
    if (std::ranges::find(principal.tenants, tenant) == principal.tenants.end()) principal.tenants.push_back(tenant);
  }
  principal.grants = std::move(grants);
  matchers_.push_back({entry.match, principals_.size()});
  principals_.push_back(std::move(principal));
}

Result<Gate> Gate::make(const config::Config& config) {
  // A role nobody holds must be well formed too: a typing error there would lie in wait.
  for (const auto& [role, capabilities] : config.roles) {
    for (const std::string& text : capabilities) {
      if (auto grant = parse_grant(text); !grant)
        return std::unexpected(in_context("role " + role, std::move(grant).error()));
    }
  }
  if (config.profile == config::Profile::kCleared) return closed(config, Code::kPolicyMissing);
  Gate gate;
  gate.open_reads_ = true;
  for (const config::Principal& entry : config.principals) {
    SG_TRY(std::vector<Grant> grants, grants_of(entry, config));
    gate.add(entry, std::move(grants));
  }
  return gate;
}

Gate Gate::obeying(const config::Config& config, std::shared_ptr<const InForce> policy, const Clock& clock) {
  SG_CHECK(policy != nullptr);
  Gate gate;
  for (const config::Principal& entry : config.principals) gate.add(entry, grants_of(entry, policy->bundle));
  gate.policy_ = std::move(policy);
  gate.clock_ = &clock;
  return gate;
}

Gate Gate::closed(const config::Config& config, Code why, std::shared_ptr<const InForce> policy) {
  Gate gate;
  for (const config::Principal& entry : config.principals) gate.add(entry, {});
  gate.policy_ = std::move(policy);
  gate.closed_ = why;
  return gate;
}

Result<const Principal*> Gate::identify(const crypto::CertificateNames& certificate) const {
  const Principal* found = nullptr;
  for (const Matcher& matcher : matchers_) {
    if (!matches(matcher.match, certificate)) continue;
    if (found != nullptr) return fail(Code::kAmbiguousPrincipal, "certificate: fits two principals");
    found = &principals_[matcher.principal];
  }
  if (found == nullptr) return fail(Code::kUnauthenticated, "certificate: fits no principal");
  return found;
}

const Principal* Gate::find(const base::ActorName& name) const {
  const auto found = std::ranges::find(principals_, name, &Principal::name);
  return found == principals_.end() ? nullptr : &*found;
}

Result<> Gate::check_open() const {
  if (closed_) return fail(*closed_, "policy: none is in force; everything is denied");
  return clock_ == nullptr ? Result<>() : check_time(policy_->bundle, clock_->now());
}

Result<> Gate::check(const Principal& principal, Capability capability, std::optional<std::string_view> scope) const {
  SG_TRY(check_open());
  if (open_reads_ && capability_table()[static_cast<std::size_t>(capability)].read) return {};
  const auto grants_it = [&](const Grant& grant) { return covers(grant, capability, scope); };
  if (std::ranges::any_of(principal.grants, grants_it)) return {};
  return fail(Code::kCapabilityDenied, "capability: " + std::string(capability_name(capability)) + ": not granted");
}

Result<> Gate::check_named(const Principal& principal, std::string_view capability) const {
  const auto wanted = parse_grant(capability);
  if (!wanted) return fail(Code::kCapabilityDenied, "capability: unknown name: not granted");
  const std::optional<std::string_view> scope =
      wanted->scope ? std::optional<std::string_view>(*wanted->scope) : std::nullopt;
  return check(principal, wanted->capability, scope);
}

}  // namespace stargraph::policy
