#include <algorithm>

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

Result<Principal> to_principal(const config::Principal& entry, const config::Config& config) {
  Principal principal;
  principal.name = entry.name;
  principal.tenant = entry.tenant;
  principal.tenants.push_back(entry.tenant);
  for (const base::TenantId& tenant : entry.also_tenants) {
    if (std::ranges::find(principal.tenants, tenant) == principal.tenants.end()) principal.tenants.push_back(tenant);
  }
  for (const std::string& role : entry.roles) {
    for (const std::string& text : config.roles.at(role)) {
      SG_TRY(Grant grant, parse_grant(text));
      principal.grants.push_back(std::move(grant));
    }
  }
  return principal;
}

}  // namespace

Result<Gate> Gate::make(const config::Config& config) {
  Gate gate;
  gate.open_reads_ = config.profile == config::Profile::kOssDefault;
  // A role nobody holds must be well formed too: a typing error there would lie in wait.
  for (const auto& [role, capabilities] : config.roles) {
    for (const std::string& text : capabilities) {
      if (auto grant = parse_grant(text); !grant)
        return std::unexpected(in_context("role " + role, std::move(grant).error()));
    }
  }
  for (const config::Principal& entry : config.principals) {
    SG_TRY(Principal principal, to_principal(entry, config));
    gate.matchers_.push_back({entry.match, gate.principals_.size()});
    gate.principals_.push_back(std::move(principal));
  }
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

Result<> Gate::check(const Principal& principal, Capability capability, std::optional<std::string_view> scope) const {
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
