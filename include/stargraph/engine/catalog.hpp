// Catalog: the graphs that may be started, each with everything that decides its runs (its *basis*):
// the plan, the mounted rules packs in topological order of their `requires`, the jail's program and
// the basis hash. Immutable; a reload makes a new one and running runs keep theirs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/base/strong.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/graph/plan.hpp"
#include "stargraph/policy/decision.hpp"
#include "stargraph/policy/in_force.hpp"
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
  std::vector<trust::PackRef> packs;     // mounted rules packs and, if any, the execution pack
  std::optional<trust::PackRef> policy;  // the policy in force when this was made
  policy::ExecutionInput judged;         // what that policy looks at before a run starts
  std::string graph_document;            // canonical dump: what a restart rebuilds the plan from
  std::set<std::string> worker_kinds;    // kinds that may be leased; empty with `any_worker_kind`
  bool any_worker_kind = false;          // oss-default
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
  bool any_worker_kind = false;                         // oss-default: kinds need not be declared by an execution pack
  rules::Limits limits;                                 // of every stage; a pack's manifest may only narrow them
  std::optional<trust::PackRef> policy = std::nullopt;  // in force; its digest is part of every basis
};

// kIncompatible for a mount of a pack that is not active or of another version, kGraphInvalid for a cycle in
// `requires`, and the errors of graph::make_plan and rules::check_stages.
[[nodiscard]] base::Result<std::shared_ptr<const Basis>> make_basis(const GraphSource& source,
                                                                    std::span<const trust::LoadedPack> active_rules,
                                                                    const BasisOptions& options);

// Why a pack counts no more, in words for people; nothing for a pack that still does. Any thread.
using RevokedBecause = std::function<std::optional<std::string>(const trust::PackRef&)>;

// The first pack of a basis, its policy included, that was revoked.
struct RevokedPack {
  trust::PackRef pack;
  std::string because;
};
[[nodiscard]] std::optional<RevokedPack> find_revoked(std::span<const trust::PackRef> packs,
                                                      const std::optional<trust::PackRef>& policy,
                                                      const RevokedBecause& because);

class Catalog {
 public:
  // Every graph of every active execution pack, and `extra` (graphs_dir; JSON texts), each resting on `policy`, which
  // may be null. Two graphs of one id: kConflict. A graph that mounts a pack of one of `withdrawn`, ids whose last
  // version was revoked, is left out: what else is active goes on without it.
  [[nodiscard]] static base::Result<std::shared_ptr<const Catalog>> make(
      std::span<const trust::LoadedPack> active, std::span<const std::string> extra, BasisOptions options,
      std::shared_ptr<const policy::InForce> policy = nullptr, const std::set<base::PackId>& withdrawn = {});
  // The same without revoked packs and without graphs that rest on one. The policy stays, revoked or not: nothing
  // starts under a revoked one.
  [[nodiscard]] std::shared_ptr<const Catalog> without(const RevokedBecause& because) const;
  [[nodiscard]] std::shared_ptr<const Basis> find(const base::GraphId& graph) const;  // null: kGraphUnknown
  [[nodiscard]] const std::map<base::GraphId, std::shared_ptr<const Basis>>& graphs() const { return graphs_; }
  [[nodiscard]] std::span<const trust::LoadedPack> packs() const { return packs_; }
  [[nodiscard]] const BasisOptions& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<const policy::InForce>& policy() const { return policy_; }

 private:
  std::map<base::GraphId, std::shared_ptr<const Basis>> graphs_;
  std::vector<trust::LoadedPack> packs_;
  BasisOptions options_;
  std::shared_ptr<const policy::InForce> policy_;
};

}  // namespace stargraph::engine
