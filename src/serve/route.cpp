#include "stargraph/serve/route.hpp"

#include <algorithm>
#include <array>

#include "serve/api.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;
using policy::Capability;

constexpr std::size_t kMaxPathBytes = 512;

constexpr auto kRoutes = std::to_array<Route>({
    {Method::kGet, "/health", std::nullopt, Scope::kNone, Act::kRead, get_health},
    {Method::kGet, "/metrics", Capability::kMetricsRead, Scope::kNone, Act::kRead, get_metrics},
    {Method::kGet, "/openapi.json", std::nullopt, Scope::kNone, Act::kRead, get_openapi},
    {Method::kGet, "/v1/graphs", Capability::kRunsRead, Scope::kNone, Act::kRead, get_graphs},
    {Method::kGet, "/v1/packs", Capability::kPacksRead, Scope::kNone, Act::kRead, get_packs},
    {Method::kGet, "/v1/registry/{kind}", Capability::kRunsRead, Scope::kNone, Act::kRead, get_registry},
    {Method::kPost, "/v1/runs", Capability::kRunsStart, Scope::kGraph, Act::kChange, post_run},
    {Method::kGet, "/v1/runs", Capability::kRunsRead, Scope::kNone, Act::kRead, get_runs},
    {Method::kGet, "/v1/runs/{run}", Capability::kRunsRead, Scope::kRun, Act::kRead, get_run},
    {Method::kGet, "/v1/runs/{run}/steps", Capability::kRunsRead, Scope::kRun, Act::kRead, get_steps},
    {Method::kGet, "/v1/runs/{run}/events", Capability::kRunsRead, Scope::kRun, Act::kRead, get_events},
    {Method::kGet, "/v1/runs/{run}/stream", Capability::kRunsRead, Scope::kRun, Act::kRead, not_available},
    {Method::kPost, "/v1/runs/{run}/cancel", Capability::kRunsCancel, Scope::kRun, Act::kChange, post_cancel},
    {Method::kPost, "/v1/runs/{run}/pause", Capability::kRunsPause, Scope::kRun, Act::kChange, post_pause},
    {Method::kPost, "/v1/runs/{run}/resume", Capability::kRunsResume, Scope::kRun, Act::kChange, post_resume},
    {Method::kPost, "/v1/runs/{run}/respond", Capability::kRunsRespond, Scope::kRun, Act::kChange, post_respond},
    {Method::kPost, "/v1/runs/{run}/counterfactual", Capability::kCounterfactualRun, Scope::kRun, Act::kChange,
     not_available},
    {Method::kGet, "/v1/runs/{run}/artifacts", Capability::kArtifactsRead, Scope::kRun, Act::kRead, not_available},
    {Method::kGet, "/v1/artifacts/{artifact}", Capability::kArtifactsRead, Scope::kNone, Act::kRead, not_available},
    {Method::kPost, "/v1/work/lease", Capability::kWork, Scope::kKinds, Act::kChange, post_lease},
    {Method::kPost, "/v1/work/{task}/heartbeat", Capability::kWork, Scope::kKinds, Act::kSettle, post_heartbeat},
    {Method::kPost, "/v1/work/{task}/complete", Capability::kWork, Scope::kKinds, Act::kSettle, post_complete},
    {Method::kPost, "/v1/work/{task}/fail", Capability::kWork, Scope::kKinds, Act::kSettle, post_fail},
    {Method::kGet, "/v1/audit/segments", Capability::kAuditSite, Scope::kNone, Act::kRead, get_audit_segments},
    {Method::kGet, "/v1/audit/segments/{segment}", Capability::kAuditSite, Scope::kNone, Act::kRead, get_audit_segment},
    {Method::kGet, "/v1/audit/entries", Capability::kAuditRead, Scope::kNone, Act::kRead, get_audit_entries},
    {Method::kGet, "/v1/audit/checkpoint", Capability::kAuditRead, Scope::kNone, Act::kRead, get_audit_checkpoint},
    {Method::kGet, "/v1/audit/proof", Capability::kAuditRead, Scope::kNone, Act::kRead, get_audit_proof},
    {Method::kGet, "/v1/audit/consistency", Capability::kAuditRead, Scope::kNone, Act::kRead, get_audit_consistency},
});

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

// "/a/b" -> {"a", "b"}; nothing for a path that is not plain.
std::optional<std::vector<std::string_view>> split(std::string_view path) {
  std::vector<std::string_view> parts;
  if (path.empty() || path.size() > kMaxPathBytes || path.front() != '/') return std::nullopt;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (part.empty() || part == "." || part == ".." || !std::ranges::all_of(part, is_plain)) return std::nullopt;
    parts.push_back(part);
  }
  return parts;
}

std::optional<Parameters> match_pattern(std::string_view pattern, const std::vector<std::string_view>& parts) {
  Parameters parameters;
  for (const std::string_view part : parts) {
    if (pattern.empty()) return std::nullopt;
    pattern.remove_prefix(1);
    const std::string_view expected = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(expected.size());
    const bool named = expected.starts_with('{');
    if (!named && expected != part) return std::nullopt;
    if (named) parameters.emplace_back(expected.substr(1, expected.size() - 2), part);
  }
  if (!pattern.empty()) return std::nullopt;
  return parameters;
}

}  // namespace

std::string_view method_name(Method method) { return method == Method::kGet ? "GET" : "POST"; }

std::span<const Route> routes() { return kRoutes; }

Result<Match> match_route(std::string_view method, std::string_view path) {
  const auto parts = split(path);
  bool known = false;
  for (const Route& route : kRoutes) {
    if (!parts) break;
    auto parameters = match_pattern(route.pattern, *parts);
    if (!parameters) continue;
    known = true;
    if (method_name(route.method) == method) return Match{&route, *std::move(parameters)};
  }
  if (known) return fail(Code::kMethodNotAllowed, "request: method: not known here");
  return fail(Code::kNotFound, "request: path: not known");
}

}  // namespace stargraph::serve
