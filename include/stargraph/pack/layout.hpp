// Which files each kind of pack has: one table that build and verify read.
#pragma once

#include <span>
#include <string_view>

#include "stargraph/pack/header.hpp"

namespace stargraph::pack {

inline constexpr std::string_view kManifestPath = "manifest.json";
inline constexpr std::string_view kRulesPath = "rules.clp";
inline constexpr std::string_view kGraphsPrefix = "graphs/";
inline constexpr std::string_view kPolicyPath = "policy.json";
inline constexpr std::string_view kRevocationsPath = "revocations.json";
inline constexpr std::string_view kRotationPath = "rotation.json";
inline constexpr std::string_view kSourcePrefix = "source/";

// Whether a pack of `kind` may hold `path`: the manifest, the SBOM, what the kind names, and source/...,
// which nobody interprets.
[[nodiscard]] bool is_part_of(PackKind kind, std::string_view path);
// What it must hold. (An execution pack also holds at least one graph: verify.hpp and build.hpp check.)
[[nodiscard]] std::span<const std::string_view> required_files(PackKind kind);
// The one content file of a governance kind (policy.json ...); empty for rules and execution. In a source
// directory it is YAML: the same name with ".yaml".
[[nodiscard]] std::string_view governance_path(PackKind kind);
// graphs/<name>.json, <name> one part.
[[nodiscard]] bool is_graph(std::string_view path);

}  // namespace stargraph::pack
