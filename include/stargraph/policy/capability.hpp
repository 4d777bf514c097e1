// Capabilities: what a principal may do. One closed table; default deny.
//
// A grant is a capability's name, or the name and a scope after one more colon: "runs:start",
// "runs:start:soc.*", "work:soc.enrich". A scope is a case-sensitive glob in which "*" stands for any
// run of characters. A grant without a scope covers every scope; a request without a scope is never
// covered by a grant that has one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "stargraph/base/result.hpp"

namespace stargraph::policy {

enum class Capability : std::uint8_t {
  kRunsStart,
  kRunsRead,
  kRunsCancel,
  kRunsPause,
  kRunsResume,
  kRunsRespond,
  kCounterfactualRun,
  kArtifactsRead,
  kArtifactsWrite,
  kWork,
  kMetricsRead,
  kAuditRead,
  kAuditSite,
  kPacksRead,
  kTriggersFire,
  kFederationDelegate,
};

struct CapabilityRow {
  Capability capability;
  std::string_view name;
  bool read;         // `oss-default` lets any principal of the tenant read
  bool needs_scope;  // "work" alone means nothing
  std::string_view meaning;
};

[[nodiscard]] std::span<const CapabilityRow> capability_table();
[[nodiscard]] std::string_view capability_name(Capability capability);
[[nodiscard]] std::optional<Capability> capability_from_name(std::string_view name);

struct Grant {
  Capability capability = Capability::kRunsRead;
  std::optional<std::string> scope;
  bool operator==(const Grant&) const = default;
};

// kConfigInvalid for a name that is not in the table, an empty scope, or a missing one that is needed.
[[nodiscard]] base::Result<Grant> parse_grant(std::string_view text);
[[nodiscard]] bool covers(const Grant& grant, Capability capability, std::optional<std::string_view> scope);
// At most the product of both lengths: it goes back to the last star only.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace stargraph::policy
