// Catalog: the graphs that may be started, each with everything that decides its runs (its *basis*):
// the plan, the mounted rules packs in topological order of their `requires`, the jail's program and
// the basis hash. Immutable; a reload makes a new one and running runs keep theirs.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/base/strong.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/graph/plan.hpp"
#include "stargraph/rules/program.hpp"
#include "stargraph/trust/trust_store.hpp"

namespace stargraph::engine {

inline constexpr std::int64_t kSemanticsVersion = 1;  // of the engine; part of every basis
inline constexpr std::string_view kGraphStage =
    "graph";  // the program's last stage, when the graph has rules of its own

struct Basis {
  base::GraphId graph;
  crypto::Digest graph_hash;
  crypto::Digest basis_hash;
  std::shared_ptr<const graph::Plan> plan;
  std::shared_ptr<const rules::Program> program;
  std::vector<trust::PackRef> packs;   // mounted rules packs and, if any, the execution pack
  std::string graph_document;          // canonical dump: what a restart rebuilds the plan from
  std::set<std::string> worker_kinds;  // kinds that may be leased; empty with `any_worker_kind`
  bool any_worker_kind = false;        // oss-default
  // Input templates of packs that the host fills from state: template -> (stage, slots).
  struct InputTemplate {
    std::size_t stage = 0;
    std::string template_name;
    std::vector<std::string> slots;
  };
  std::vector<InputTemplate> input_templates;
};

struct GraphSource {
  std::string document;                          // JSON text
  const trust::LoadedPack* execution = nullptr;  // null: from graphs_dir
};

// What the site says of every basis.
struct BasisOptions {
  bool any_worker_kind = false;  // oss-default: kinds need not be declared by an execution pack
  rules::Limits limits;          // of every stage; a pack's manifest may only narrow them
};

// kIncompatible for a mount of a pack that is not active or of another version, kGraphInvalid for a cycle in
// `requires`, and the errors of graph::make_plan and rules::check_stages.
[[nodiscard]] base::Result<std::shared_ptr<const Basis>> make_basis(const GraphSource& source,
                                                                    std::span<const trust::LoadedPack> active_rules,
                                                                    const BasisOptions& options);

class Catalog {
 public:
  // Every graph of every active execution pack, and `extra` (graphs_dir; JSON texts). Two graphs of one id: kConflict.
  [[nodiscard]] static base::Result<std::shared_ptr<const Catalog>> make(std::span<const trust::LoadedPack> active,
                                                                         std::span<const std::string> extra,
                                                                         const BasisOptions& options);
  [[nodiscard]] std::shared_ptr<const Basis> find(const base::GraphId& graph) const;  // null: kGraphUnknown
  [[nodiscard]] const std::map<base::GraphId, std::shared_ptr<const Basis>>& graphs() const { return graphs_; }
  [[nodiscard]] std::span<const trust::LoadedPack> packs() const { return packs_; }
  [[nodiscard]] const BasisOptions& options() const { return options_; }

 private:
  std::map<base::GraphId, std::shared_ptr<const Basis>> graphs_;
  std::vector<trust::LoadedPack> packs_;
  BasisOptions options_;
};

}  // namespace stargraph::engine
