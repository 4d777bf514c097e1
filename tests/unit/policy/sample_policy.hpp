// A small policy that the tests change to their needs.
#pragma once

#include <memory>
#include <string>

#include "stargraph/base/check.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/policy/in_force.hpp"

namespace stargraph::policy {

inline constexpr std::string_view kSamplePolicy = R"({
  "format": "stargraph.policy.v1", "label": "2026-01", "mode": "enforce",
  "not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z", "supersedes": null,
  "org_policy": {"version": "2026-01", "allowed_permissions": ["net:none", "soc:lookup"],
                 "allowed_models": {"tier": ["standard", "small"], "any": []},
                 "allow_legacy_unsigned": false, "require_deterministic": false},
  "governance": {"version": 1, "require_deterministic": false, "max_external_dependencies": 0},
  "roles": {"operator": ["runs:start", "runs:read", "runs:cancel"], "worker": ["work:soc.*"]},
  "assignments": {"alice": ["operator"], "enricher": ["worker"]}
})";

inline json::Value sample_policy() { return *json::parse(kSamplePolicy); }

// The member at `pointer` ("/org_policy/version") set to `value`; removed for nullopt.
inline json::Value with(json::Value policy, const std::string& pointer, std::optional<json::Value> value) {
  const std::size_t slash = pointer.rfind('/');
  json::Value* at = &policy;
  for (std::size_t from = 1; from < slash + 1 && slash > 0;) {
    const std::size_t end = pointer.find('/', from);
    at = at->object()->find(pointer.substr(from, end - from));
    SG_CHECK(at != nullptr);
    from = end + 1;
  }
  const std::string name = pointer.substr(slash + 1);
  if (value) {
    at->object()->set(name, *std::move(value));
  } else {
    SG_CHECK(at->object()->erase(name));
  }
  return policy;
}

inline Bundle sample_bundle() { return *decode_bundle(sample_policy()); }

inline crypto::Digest digest_named(std::string_view name) { return crypto::sha384(base::as_bytes(name)); }

inline std::shared_ptr<const InForce> in_force(Bundle bundle, std::int64_t epoch = 1) {
  return std::make_shared<const InForce>(
      InForce{{base::PackId("site.policy"), "1.0.0", base::Epoch(epoch), pack::PackKind::kPolicy,
               digest_named("policy " + std::to_string(epoch))},
              std::move(bundle)});
}

inline base::Timestamp time_of(std::string_view text) { return *base::parse_rfc3339(text); }

}  // namespace stargraph::policy
