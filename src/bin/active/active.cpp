#include "bin/active/active.hpp"

#include <set>

#include "stargraph/graph/parse.hpp"

namespace stargraph::active {
namespace {

using base::Result;

constexpr std::uint64_t kMaxGraphBytes = std::uint64_t{1} << 20;

engine::BasisOptions basis_options(const config::Config& config) {
  engine::BasisOptions options;
  options.any_worker_kind = config.profile == config::Profile::kOssDefault;
  options.limits.max_facts = static_cast<std::uint32_t>(config.limits.evaluation_facts);
  options.limits.max_firings = static_cast<std::uint32_t>(config.limits.evaluation_firings);
  options.limits.max_ms = static_cast<std::uint32_t>(config.limits.evaluation_ms);
  options.limits.max_bytes = static_cast<std::uint64_t>(config.limits.evaluation_bytes);
  return options;
}

// Ids that would still be there, had their last version not been revoked.
std::set<base::PackId> withdrawn(const trust::TrustState& state) {
  std::set<base::PackId> ids;
  for (const trust::ImportedPack& pack : state.packs()) {
    const trust::ImportedPack* const last = state.last_active(pack.ref.id);
    if (last != nullptr && state.active(pack.ref.id) == nullptr && state.is_revoked(last->ref, last->signers))
      ids.insert(pack.ref.id);
  }
  return ids;
}

}  // namespace

Result<std::vector<GraphFile>> read_graph_files(base::Env& env, const base::Path& directory) {
  std::vector<GraphFile> files;
  if (directory.empty()) return files;
  SG_TRY(const std::vector<std::string> names, env.list(directory));
  for (const std::string& name : names) {
    if (!name.ends_with(".json") && !name.ends_with(".yaml") && !name.ends_with(".yml")) continue;
    SG_TRY(base::Bytes bytes, env.read_file(directory / name, kMaxGraphBytes));
    files.push_back({name, std::move(bytes)});
  }
  return files;
}

Result<std::vector<std::string>> parse_graphs(std::span<const GraphFile> files) {
  std::vector<std::string> graphs;
  for (const GraphFile& file : files) {
    const std::string_view text = base::as_text(file.bytes);
    const auto document = file.name.ends_with(".json") ? graph::load_json(text) : graph::load_yaml(text);
    if (!document) return std::unexpected(base::in_context("graphs_dir: " + file.name, document.error()));
    graphs.push_back(graph::canonical_dump(*document));
  }
  return graphs;
}

Result<std::vector<std::string>> read_graphs(base::Env& env, const base::Path& directory) {
  SG_TRY(const std::vector<GraphFile> files, read_graph_files(env, directory));
  return parse_graphs(files);
}

Result<Active> take(const trust::PackSource& source, const trust::TrustState& state, const config::Config& config,
                    std::span<const std::string> graphs) {
  Active active;
  SG_TRY(active.packs, trust::load_active(source, state));
  SG_TRY(active.policy, policy::find_policy(active.packs, config.profile));
  SG_TRY(active.catalog,
         engine::Catalog::make(active.packs, graphs, basis_options(config), active.policy, withdrawn(state)));
  return active;
}

}  // namespace stargraph::active
