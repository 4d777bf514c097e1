#include "stargraph/pack/layout.hpp"

#include <algorithm>
#include <array>

#include "stargraph/pack/sbom.hpp"

namespace stargraph::pack {
namespace {

constexpr std::array<std::string_view, 3> kRulesFiles{kManifestPath, kSbomPath, kRulesPath};
constexpr std::array<std::string_view, 2> kExecutionFiles{kManifestPath, kSbomPath};
constexpr std::array<std::string_view, 3> kPolicyFiles{kManifestPath, kSbomPath, kPolicyPath};
constexpr std::array<std::string_view, 3> kRevocationFiles{kManifestPath, kSbomPath, kRevocationsPath};
constexpr std::array<std::string_view, 3> kRotationFiles{kManifestPath, kSbomPath, kRotationPath};

}  // namespace

bool is_graph(std::string_view path) {
  if (!path.starts_with(kGraphsPrefix) || !path.ends_with(".json")) return false;
  const std::string_view name = path.substr(kGraphsPrefix.size(), path.size() - kGraphsPrefix.size() - 5);
  return !name.empty() && name.find('/') == std::string_view::npos;
}

bool is_part_of(PackKind kind, std::string_view path) {
  if (path.starts_with(kSourcePrefix) || (kind == PackKind::kExecution && is_graph(path))) return true;
  return std::ranges::find(required_files(kind), path) != required_files(kind).end();
}

std::span<const std::string_view> required_files(PackKind kind) {
  switch (kind) {
    case PackKind::kRules: return kRulesFiles;
    case PackKind::kExecution: return kExecutionFiles;
    case PackKind::kPolicy: return kPolicyFiles;
    case PackKind::kRevocation: return kRevocationFiles;
    case PackKind::kRotation: return kRotationFiles;
  }
  return kExecutionFiles;
}

std::string_view governance_path(PackKind kind) {
  switch (kind) {
    case PackKind::kPolicy: return kPolicyPath;
    case PackKind::kRevocation: return kRevocationsPath;
    case PackKind::kRotation: return kRotationPath;
    case PackKind::kRules:
    case PackKind::kExecution: break;
  }
  return {};
}

}  // namespace stargraph::pack
