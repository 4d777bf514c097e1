#include "stargraph/pack/layout.hpp"

#include <array>

#include "stargraph/pack/sbom.hpp"

namespace stargraph::pack {
namespace {

constexpr std::array<std::string_view, 3> kRulesFiles{kManifestPath, kSbomPath, kRulesPath};
constexpr std::array<std::string_view, 2> kOtherFiles{kManifestPath, kSbomPath};

}  // namespace

bool is_graph(std::string_view path) {
  if (!path.starts_with(kGraphsPrefix) || !path.ends_with(".json")) return false;
  const std::string_view name = path.substr(kGraphsPrefix.size(), path.size() - kGraphsPrefix.size() - 5);
  return !name.empty() && name.find('/') == std::string_view::npos;
}

bool is_part_of(PackKind kind, std::string_view path) {
  if (path == kManifestPath || path == kSbomPath || path.starts_with(kSourcePrefix)) return true;
  if (kind == PackKind::kRules) return path == kRulesPath;
  return kind == PackKind::kExecution && is_graph(path);
}

std::span<const std::string_view> required_files(PackKind kind) {
  if (kind == PackKind::kRules) return kRulesFiles;
  return kOtherFiles;
}

}  // namespace stargraph::pack
