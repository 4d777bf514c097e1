#include "stargraph/policy/capability.hpp"

#include <algorithm>
#include <array>

namespace stargraph::policy {
namespace {

using base::Code;
using base::fail;

constexpr auto kCapabilities = std::to_array<CapabilityRow>({
    {Capability::kRunsStart, "runs:start", false, false, "start runs; scope: graph id"},
    {Capability::kRunsRead, "runs:read", true, false, "see runs, steps, events and graphs"},
    {Capability::kRunsCancel, "runs:cancel", false, false, "cancel runs"},
    {Capability::kRunsPause, "runs:pause", false, false, "pause runs"},
    {Capability::kRunsResume, "runs:resume", false, false, "resume runs"},
    {Capability::kRunsRespond, "runs:respond", false, false, "answer interrupts"},
    {Capability::kCounterfactualRun, "counterfactual:run", false, false, "fork a run with changed inputs"},
    {Capability::kArtifactsRead, "artifacts:read", true, false, "read artifacts"},
    {Capability::kArtifactsWrite, "artifacts:write", false, false, "write artifacts"},
    {Capability::kWork, "work", false, true, "lease and complete tasks; scope: node kind"},
    {Capability::kMetricsRead, "metrics:read", true, false, "read metrics"},
    {Capability::kAuditRead, "audit:read", false, false, "read the own tenant's audit entries"},
    {Capability::kAuditSite, "audit:site", false, false, "read whole audit segments"},
    {Capability::kPacksRead, "packs:read", true, false, "see active packs"},
    {Capability::kTriggersFire, "triggers:fire", false, false, "fire triggers; scope: trigger id"},
    {Capability::kFederationDelegate, "federation:delegate", false, false, "delegate runs to this box"},
});

constexpr bool in_order() {
  for (std::size_t i = 0; i < kCapabilities.size(); ++i) {
    if (static_cast<std::size_t>(kCapabilities[i].capability) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the capability table follows the enumeration");

}  // namespace

std::span<const CapabilityRow> capability_table() { return kCapabilities; }

std::string_view capability_name(Capability capability) {
  return kCapabilities[static_cast<std::size_t>(capability)].name;
}

std::optional<Capability> capability_from_name(std::string_view name) {
  const auto* const found = std::ranges::find(kCapabilities, name, &CapabilityRow::name);
  if (found == kCapabilities.end()) return std::nullopt;
  return found->capability;
}

base::Result<Grant> parse_grant(std::string_view text) {
  for (const CapabilityRow& row : kCapabilities) {
    if (!text.starts_with(row.name)) continue;
    std::string_view rest = text.substr(row.name.size());
    if (rest.empty() && row.needs_scope)
      return fail(Code::kConfigInvalid, "capability: " + std::string(row.name) + ": needs a scope");
    if (rest.empty()) return Grant{row.capability, std::nullopt};
    if (rest.front() != ':') continue;
    rest.remove_prefix(1);
    if (rest.empty()) return fail(Code::kConfigInvalid, "capability: " + std::string(row.name) + ": empty scope");
    return Grant{row.capability, std::string(rest)};
  }
  return fail(Code::kConfigInvalid, "capability: not one of the known names");
}

bool covers(const Grant& grant, Capability capability, std::optional<std::string_view> scope) {
  if (grant.capability != capability) return false;
  if (!grant.scope) return true;
  return scope.has_value() && glob_matches(*grant.scope, *scope);
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  // Only the last star is ever taken up again: what an earlier one matched more of, the later one can.
  std::size_t at = 0;
  std::size_t in_text = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (in_text < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      star_text = in_text;
    } else if (at < pattern.size() && pattern[at] == text[in_text]) {
      ++at;
      ++in_text;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in_text = ++star_text;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

}  // namespace stargraph::policy
