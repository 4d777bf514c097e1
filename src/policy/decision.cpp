#include "stargraph/policy/decision.hpp"

#include <algorithm>
#include <array>

#include "stargraph/json/write.hpp"

namespace stargraph::policy {
namespace {

constexpr std::string_view kInputDomain = "stargraph.policy.input.v1";
constexpr std::string_view kDecisionDomain = "stargraph.policy.decision.v1";

constexpr auto kReasons = std::to_array<DenyReason>({
    DenyReason::kInvalidSignature,
    DenyReason::kUndeclaredTool,
    DenyReason::kPermissionScopeExceedsPolicy,
    DenyReason::kModelRequirementNotAllowed,
    DenyReason::kDeterminismRequired,
    DenyReason::kNotDeterministic,
    DenyReason::kTooManyExternalDependencies,
});
// Upstream's names: the gate's in lower case, the governance keys' in upper case.
constexpr std::array<std::string_view, kReasons.size()> kNames{
    "invalid_signature",    "undeclared_tool",   "permission_scope_exceeds_policy", "model_requirement_not_allowed",
    "determinism_required", "NOT_DETERMINISTIC", "TOO_MANY_EXTERNAL_DEPENDENCIES"};

bool holds(const std::vector<std::string>& list, const std::string& name) {
  return std::ranges::find(list, name) != list.end();
}

bool undeclared_tool(const ExecutionInput& input) {
  return !std::ranges::all_of(input.requested_tools,
                              [&](const std::string& tool) { return holds(input.declared_tools, tool); });
}

bool exceeds_permissions(const OrgPolicy& org, const ExecutionInput& input) {
  return !std::ranges::all_of(input.requested_permissions, [&](const std::string& permission) {
    return holds(input.declared_permissions, permission) && holds(org.allowed_permissions, permission);
  });
}

bool model_not_allowed(const OrgPolicy& org, const ExecutionInput& input) {
  return std::ranges::any_of(input.model_requirements, [&](const auto& requirement) {
    const auto allowed = org.allowed_models.find(requirement.first);
    return allowed != org.allowed_models.end() && !allowed->second.empty() &&
           !holds(allowed->second, requirement.second);
  });
}

bool too_many_dependencies(const Governance& governance, const ExecutionInput& input) {
  return governance.max_external_dependencies > 0 &&
         static_cast<std::int64_t>(input.workers.size()) > governance.max_external_dependencies;
}

bool applies(DenyReason reason, const Bundle& bundle, const ExecutionInput& input) {
  switch (reason) {
    case DenyReason::kInvalidSignature: return !input.is_signed;
    case DenyReason::kUndeclaredTool: return undeclared_tool(input);
    case DenyReason::kPermissionScopeExceedsPolicy: return exceeds_permissions(bundle.org, input);
    case DenyReason::kModelRequirementNotAllowed: return model_not_allowed(bundle.org, input);
    case DenyReason::kDeterminismRequired: return bundle.org.require_deterministic && !input.deterministic;
    case DenyReason::kNotDeterministic: return bundle.governance.require_deterministic && !input.deterministic;
    case DenyReason::kTooManyExternalDependencies: return too_many_dependencies(bundle.governance, input);
  }
  return true;  // a reason that nobody taught to this function denies
}

json::Array array_of(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

crypto::Digest digest_of(const ExecutionInput& input) {
  json::Object models;
  for (const auto& [name, value] : input.model_requirements) models.set(name, value);
  const json::Object parts{{"declared_permissions", array_of(input.declared_permissions)},
                           {"declared_tools", array_of(input.declared_tools)},
                           {"deterministic", input.deterministic},
                           {"graph_hash", input.graph_hash},
                           {"model_requirements", std::move(models)},
                           {"pack_digest", input.pack_digest},
                           {"pack_id", input.pack_id},
                           {"pack_version", input.pack_version},
                           {"requested_permissions", array_of(input.requested_permissions)},
                           {"requested_tools", array_of(input.requested_tools)},
                           {"signed", input.is_signed},
                           {"workers", array_of(input.workers)}};
  return crypto::domain_digest(kInputDomain, json::canonical(parts));
}

}  // namespace

std::span<const DenyReason> deny_reasons() { return kReasons; }

std::string_view deny_reason_name(DenyReason reason) { return kNames.at(static_cast<std::size_t>(reason)); }

Decision decide(const Bundle& bundle, const crypto::Digest& policy, const ExecutionInput& input) {
  Decision decision;
  for (const DenyReason reason : kReasons) {
    if (applies(reason, bundle, input)) decision.reasons.push_back(reason);
  }
  decision.allowed = decision.reasons.empty();
  decision.input = digest_of(input);
  const json::Object parts{{"allowed", decision.allowed},
                           {"input", decision.input.hex()},
                           {"policy", policy.hex()},
                           {"reasons", reason_names(decision)}};
  decision.decision = crypto::domain_digest(kDecisionDomain, json::canonical(parts));
  return decision;
}

json::Array reason_names(const Decision& decision) {
  json::Array names;
  for (const DenyReason reason : decision.reasons) names.emplace_back(deny_reason_name(reason));
  return names;
}

}  // namespace stargraph::policy
