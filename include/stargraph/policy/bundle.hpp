// Bundle: what a policy pack says, read from its policy.json (docs/formats/policy.md).
//
// One document answers three questions: which execution packs may run here (org policy and governance), what each
// role may do (grants), and who has which role (assignments). It names a time before and after which it counts for
// nothing. Reading is strict: a key that this version would not act on is refused, since a rule that nobody enforces
// is worse than none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/json/value.hpp"
#include "stargraph/policy/capability.hpp"

namespace stargraph::policy {

inline constexpr std::string_view kPolicyFormat = "stargraph.policy.v1";
inline constexpr std::string_view kPolicyFile = "policy.json";  // in the pack
inline constexpr std::size_t kMaxPolicyBytes = std::size_t{1} << 20;

enum class Mode : std::uint8_t { kEnforce, kWarn };
[[nodiscard]] std::string_view mode_name(Mode mode);

// Which execution packs may run. The lists are exact: no wildcards.
struct OrgPolicy {
  std::string version;                           // a label for people
  std::vector<std::string> allowed_permissions;  // a permission outside is refused
  // Model requirement -> values it may have. A requirement that is not named, or has an empty list, may have any.
  std::map<std::string, std::vector<std::string>> allowed_models;
  bool require_deterministic = false;
  bool operator==(const OrgPolicy&) const = default;
};

struct Governance {
  std::int64_t version = 1;
  bool require_deterministic = false;
  std::int64_t max_external_dependencies = 0;  // worker kinds that a pack needs; 0: any number
  bool operator==(const Governance&) const = default;
};

struct Bundle {
  std::string label;
  Mode mode = Mode::kEnforce;
  base::Timestamp not_before{};
  base::Timestamp not_after{};               // the first moment it does not count any more
  std::optional<crypto::Digest> supersedes;  // digest of the policy pack it takes the place of
  OrgPolicy org;
  Governance governance;
  std::map<std::string, std::vector<Grant>> roles;
  std::map<std::string, std::vector<std::string>> assignments;  // principal -> roles
  bool operator==(const Bundle&) const = default;
};

// kPolicyInvalid with an RFC 6901 pointer ("policy: /roles/operator/0: not one of the known capabilities"); what
// is refused besides wrong types and unknown members:
//   a capability outside the table, the same grant or role twice, an assignment of a role that is not defined;
//   names of roles and principals other than [a-z0-9_.@-]{1,64}: there are no patterns among them;
//   not_after that is not after not_before;
//   org_policy.allow_legacy_unsigned: true, governance.require_signed: false and require_plugin_pinned: false
//   (nothing unsigned or unpinned is ever loaded here, so a policy cannot allow it);
//   governance.min_reproducibility_rate above 0 and forbid_chaos_on_main: true (nothing here measures them).
[[nodiscard]] base::Result<Bundle> decode_bundle(const json::Value& value);
// From bytes: json::parse's codes become kPolicyInvalid too.
[[nodiscard]] base::Result<Bundle> parse_bundle(std::string_view text);
// decode_bundle(encode_bundle(b)) == b; every member written.
[[nodiscard]] json::Value encode_bundle(const Bundle& bundle);

// kPolicyNotYet before not_before, kPolicyExpired from not_after on.
[[nodiscard]] base::Result<> check_time(const Bundle& bundle, base::Timestamp now);

}  // namespace stargraph::policy
