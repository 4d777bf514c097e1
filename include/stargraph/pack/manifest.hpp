// manifest.json: what a pack says about itself, typed per kind. In a source directory the same members
// stand in manifest.yaml.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stargraph/base/strong.hpp"
#include "stargraph/json/value.hpp"
#include "stargraph/pack/header.hpp"

namespace stargraph::pack {

// Bounds of one evaluation of the pack's rules. A manifest may ask for less than the defaults, and for
// more memory up to kMaxEvaluationBytes; the host's own limits hold besides.
struct EvaluationLimits {
  std::int64_t max_facts = 10'000;
  std::int64_t max_firings = 100'000;
  std::int64_t max_ms = 1'000;
  std::int64_t max_bytes = std::int64_t{64} << 20;  // address space of the evaluator
  bool operator==(const EvaluationLimits&) const = default;
};

inline constexpr std::int64_t kMaxEvaluationBytes = std::int64_t{256} << 20;

struct RulesManifest {
  base::PackId id;
  std::string version;
  std::string description;
  std::string facts_version;                // requires.stargraph_facts_version
  std::string api_version;                  // requires.api_version
  std::vector<std::string> required_facts;  // template names
  std::vector<std::string> provides;        // template names; "stargraph_facts:" is taken off when read
  std::vector<std::string> capabilities;
  EvaluationLimits limits;
};

struct ModelRequirement {
  std::string name;
  std::string value;
};

struct ExecutionManifest {
  base::PackId id;
  std::string version;
  std::string description;
  std::string api_version;
  std::vector<std::string> declared_tools;
  std::vector<std::string> declared_permissions;
  std::vector<std::string> capabilities;
  std::vector<ModelRequirement> model_requirements;
  bool deterministic = false;
  std::vector<std::string> workers;  // node kinds that workers serve
};

// Of the kinds that govern a site: what they say stands in their one content file (layout.hpp), whose
// decoders belong to the modules that act on it. Asks for no capability and needs nothing of the host.
struct GovernanceManifest {
  PackKind kind = PackKind::kPolicy;  // kPolicy, kRevocation or kRotation
  base::PackId id;
  std::string version;
  std::string description;
};

using Manifest = std::variant<RulesManifest, ExecutionManifest, GovernanceManifest>;

[[nodiscard]] PackKind kind_of(const Manifest& manifest);
[[nodiscard]] const base::PackId& id_of(const Manifest& manifest);
[[nodiscard]] const std::string& version_of(const Manifest& manifest);
// Empty for the governance kinds.
[[nodiscard]] const std::vector<std::string>& capabilities_of(const Manifest& manifest);

// kManifestInvalid with an RFC 6901 pointer.
[[nodiscard]] base::Result<Manifest> decode_manifest(const json::Value& value);
// decode_manifest(encode_manifest(m)) == m; every member written, defaults too.
[[nodiscard]] json::Value encode_manifest(const Manifest& manifest);
// kIncompatible when the manifest requires another fact vocabulary or host interface than ours.
[[nodiscard]] base::Result<> check_compatible(const Manifest& manifest);

}  // namespace stargraph::pack
