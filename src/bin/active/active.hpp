// What is active, made usable: the packs checked from their bytes, the policy in force, the catalog of graphs.
//
// The one place that says whether packs go together. The daemon takes up what it gives; stargraph-pack asks it before
// an activation is put on record, so that no reload and no restart finds what it cannot use.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stargraph/base/env.hpp"
#include "stargraph/config/config.hpp"
#include "stargraph/engine/catalog.hpp"
#include "stargraph/policy/in_force.hpp"
#include "stargraph/trust/trust_store.hpp"

namespace stargraph::active {

struct Active {
  std::vector<trust::LoadedPack> packs;
  std::shared_ptr<const policy::InForce> policy;  // null: none
  std::shared_ptr<const engine::Catalog> catalog;
};

// A file of graphs_dir. Read and parsed apart by who may do only one of both.
struct GraphFile {
  std::string name;
  base::Bytes bytes;
};
[[nodiscard]] base::Result<std::vector<GraphFile>> read_graph_files(base::Env& env, const base::Path& directory);
[[nodiscard]] base::Result<std::vector<std::string>> parse_graphs(std::span<const GraphFile> files);
// The documents of graphs_dir as canonical JSON; none for an empty path. The errors name the file.
[[nodiscard]] base::Result<std::vector<std::string>> read_graphs(base::Env& env, const base::Path& directory);

// What `state` makes active, with `graphs` beside it. The codes of load_active, find_policy and Catalog::make: a graph
// that mounts a pack which is not active, two graphs of one id, a circle of packs.
[[nodiscard]] base::Result<Active> take(const trust::PackSource& source, const trust::TrustState& state,
                                        const config::Config& config, std::span<const std::string> graphs);

}  // namespace stargraph::active
