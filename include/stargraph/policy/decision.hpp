// The org policy gate: whether an execution pack may run under a policy, and every reason why not.
//
// A pure function of policy and input. Nothing is remembered between two calls: a permission that a policy takes
// away is refused by the very next decision.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/crypto/digest.hpp"
#include "stargraph/json/value.hpp"
#include "stargraph/policy/bundle.hpp"

namespace stargraph::policy {

// Why a pack was denied: one closed list, in the order in which reasons stand in a decision.
enum class DenyReason : std::uint8_t {
  kInvalidSignature,              // not from a verified pack
  kUndeclaredTool,                // a requested tool that the pack does not declare
  kPermissionScopeExceedsPolicy,  // a requested permission that the pack does not declare or the policy does not allow
  kModelRequirementNotAllowed,    // a model requirement with a value that the policy does not allow
  kDeterminismRequired,           // the org policy wants deterministic packs
  kNotDeterministic,              // the governance keys want them
  kTooManyExternalDependencies,   // more worker kinds than the governance keys allow
};
[[nodiscard]] std::span<const DenyReason> deny_reasons();
[[nodiscard]] std::string_view deny_reason_name(DenyReason reason);

// What is judged.
struct ExecutionInput {
  std::string pack_id;  // empty: a graph that came in no pack
  std::string pack_version;
  std::string pack_digest;
  std::string graph_hash;
  bool is_signed = false;  // verified, and under a pin, from its bytes
  bool deterministic = false;
  std::vector<std::string> declared_tools;
  std::vector<std::string> declared_permissions;
  std::map<std::string, std::string> model_requirements;
  std::vector<std::string> workers;  // node kinds that something outside the daemon serves
  std::vector<std::string> requested_tools;
  std::vector<std::string> requested_permissions;
};

struct Decision {
  bool allowed = false;
  std::vector<DenyReason> reasons;  // each once, in the order of the list; empty exactly when allowed
  crypto::Digest input;             // D("stargraph.policy.input.v1", the input as RFC 8785 JSON)
  // D("stargraph.policy.decision.v1", {allowed, input, policy, reasons}): the same policy and input give the same.
  crypto::Digest decision;
};

// `policy` is the policy pack's digest. Looks at the whole input every time, and at no mode: what a denial in mode
// `warn` means is the caller's business.
[[nodiscard]] Decision decide(const Bundle& bundle, const crypto::Digest& policy, const ExecutionInput& input);
[[nodiscard]] json::Array reason_names(const Decision& decision);

}  // namespace stargraph::policy
