#include "stargraph/engine/catalog.hpp"

#include <algorithm>

#include "stargraph/clp/source.hpp"
#include "stargraph/graph/hash.hpp"
#include "stargraph/graph/parse.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::fail;
using base::Result;
using trust::LoadedPack;

constexpr std::string_view kBasisDomain = "stargraph.basis.v1";
constexpr std::string_view kRulesFile = "rules.clp";
constexpr std::string_view kGraphsPrefix = "graphs/";

// A mounted rules pack with its source read.
struct Mounted {
  const LoadedPack* pack = nullptr;
  const pack::RulesManifest* manifest = nullptr;
  std::string text;
  clp::Source source;
};

Result<Mounted> mount(const graph::PackMount& mount, std::span<const LoadedPack> active) {
  const auto found = std::ranges::find_if(active, [&](const LoadedPack& pack) { return pack.ref().id == mount.id; });
  if (found == active.end() || found->rules() == nullptr) {
    return fail(Code::kIncompatible, "graph: governance: " + mount.id.str() + ": no active rules pack of this id");
  }
  Mounted mounted{&*found, found->rules(), {}, {}};
  // A mount may name a version prefix as upstream does: "1.0" takes 1.0 and 1.0.x.
  const std::string& version = found->ref().version;
  if (mount.version && version != *mount.version && !version.starts_with(*mount.version + ".")) {
    return fail(Code::kIncompatible, "graph: governance: " + mount.id.str() + ": the active version is another one");
  }
  if (mount.requirements) {
    const auto& wants = *mount.requirements;
    const bool facts =
        !wants.stargraph_facts_version || *wants.stargraph_facts_version == mounted.manifest->facts_version;
    const bool api = !wants.api_version || *wants.api_version == mounted.manifest->api_version;
    if (!facts || !api)
      return fail(Code::kIncompatible, "graph: governance: " + mount.id.str() + ": other fact or interface version");
  }
  const pack::File* const rules = found->find(kRulesFile);
  if (rules == nullptr) return fail(Code::kManifestMismatch, "pack: " + mount.id.str() + ": no rules.clp");
  mounted.text = base::to_text(rules->bytes);
  SG_TRY(mounted.source, clp::check_source(mounted.text));
  return mounted;
}

bool needs(const Mounted& later, const Mounted& earlier) {
  return std::ranges::any_of(later.manifest->required_facts, [&](const std::string& fact) {
    return std::ranges::find(earlier.manifest->provides, fact) != earlier.manifest->provides.end();
  });
}

// Providers before those that require; otherwise the order of the document.
Result<std::vector<Mounted>> in_order(std::vector<Mounted> packs) {
  std::vector<Mounted> ordered;
  while (!packs.empty()) {
    const auto ready = std::ranges::find_if(packs, [&](const Mounted& pack) {
      return std::ranges::none_of(packs, [&](const Mounted& other) { return &other != &pack && needs(pack, other); });
    });
    if (ready == packs.end())
      return fail(Code::kGraphInvalid, "graph: governance: the packs require each other in a circle");
    ordered.push_back(std::move(*ready));
    packs.erase(ready);
  }
  return ordered;
}

rules::Limits narrowed(rules::Limits limits, const pack::EvaluationLimits& manifest) {
  limits.max_facts = static_cast<std::uint32_t>(std::min<std::int64_t>(limits.max_facts, manifest.max_facts));
  limits.max_firings = static_cast<std::uint32_t>(std::min<std::int64_t>(limits.max_firings, manifest.max_firings));
  limits.max_ms = static_cast<std::uint32_t>(std::min<std::int64_t>(limits.max_ms, manifest.max_ms));
  limits.max_bytes = std::min(limits.max_bytes, static_cast<std::uint64_t>(manifest.max_bytes));
  return limits;
}

rules::Stage stage_of(const Mounted& mounted, const rules::Limits& site) {
  rules::Stage stage;
  stage.name = mounted.pack->ref().id.str();
  stage.digest = mounted.pack->ref().digest.hex();
  stage.source = mounted.text;
  stage.provides = mounted.manifest->provides;
  stage.limits = narrowed(site, mounted.manifest->limits);
  return stage;
}

rules::Stage stage_of(const graph::Plan& plan, const rules::Limits& site) {
  rules::Stage stage;
  stage.limits = site;
  stage.name = std::string(kGraphStage);
  stage.digest = plan.hash().hex();
  stage.source = plan.clips();
  stage.requires_facts = plan.required_templates();
  for (const auto& declared : plan.fact_templates()) {
    rules::HostTemplate host;
    host.name = declared.name;
    for (const auto& slot : declared.slots) host.slots.push_back({slot.name, slot.multi});
    stage.host_templates.push_back(std::move(host));
  }
  return stage;
}

json::Value pack_value(const trust::PackRef& pack) {
  return json::Object{{"digest", pack.digest.hex()}, {"id", pack.id.str()}, {"version", pack.version}};
}

crypto::Digest basis_hash(const graph::Plan& plan, std::vector<trust::PackRef> packs,
                          const std::optional<trust::PackRef>& policy) {
  std::ranges::sort(packs, {}, [](const trust::PackRef& pack) { return pack.id; });
  json::Array rows;
  for (const trust::PackRef& pack : packs) rows.push_back(pack_value(pack));
  const json::Object parts{{"engine", kSemanticsVersion},
                           {"graph_hash", plan.hash().hex()},
                           {"packs", std::move(rows)},
                           {"policy", policy ? json::Value(policy->digest.hex()) : json::Value()}};
  return crypto::domain_digest(kBasisDomain, json::canonical(parts));
}

// Templates a pack asks the host to fill: required, declared by the pack itself, provided by no pack.
void add_input_templates(Basis& basis, std::span<const Mounted> packs) {
  for (std::size_t stage = 0; stage < packs.size(); ++stage) {
    for (const std::string& fact : packs[stage].manifest->required_facts) {
      const clp::TemplateDefinition* const own = packs[stage].source.find_template(fact);
      const bool provided = std::ranges::any_of(packs.first(stage), [&](const Mounted& earlier) {
        return std::ranges::find(earlier.manifest->provides, fact) != earlier.manifest->provides.end();
      });
      if (own == nullptr || provided) continue;
      Basis::InputTemplate input{stage, fact, {}};
      for (const clp::SlotDefinition& slot : own->slots) {
        if (!slot.multi) input.slots.push_back(slot.name);
      }
      basis.input_templates.push_back(std::move(input));
    }
  }
}

std::vector<graph::ProvidedTemplate> provided_templates(std::span<const Mounted> packs) {
  std::vector<graph::ProvidedTemplate> out;
  for (const Mounted& mounted : packs) {
    for (const std::string& name : mounted.manifest->provides) {
      const clp::TemplateDefinition* const definition = mounted.source.find_template(name);
      const bool twice = std::ranges::any_of(out, [&](const auto& earlier) { return earlier.name == name; });
      if (definition != nullptr && !twice) out.push_back({name, definition->text});
    }
  }
  return out;
}

// Fields that input templates ask for, without what the host fills itself.
std::vector<std::string> asked_fields(const Basis& basis) {
  std::vector<std::string> fields;
  for (const Basis::InputTemplate& input : basis.input_templates) {
    for (const std::string& slot : input.slots) {
      if (slot != "run_id" && slot != "step") fields.push_back(slot);
    }
  }
  return fields;
}

Result<> check_branches(const graph::Plan& plan) {
  const auto check = [&](const graph::Parallel& block) -> Result<> {
    for (const std::string& target : block.targets) {
      const auto index = plan.index_of(target);
      if (index && plan.nodes()[*index].kind == "interrupt") {
        return fail(Code::kGraphInvalid, "graph: parallel: a branch cannot ask a person");
      }
    }
    return {};
  };
  for (const graph::Parallel& block : plan.document().parallel) {
    SG_TRY(check(block));
  }
  for (const graph::Rule& rule : plan.document().rules) {
    for (const graph::Action& action : rule.then) {
      if (const auto* const block = std::get_if<graph::Parallel>(&action)) {
        SG_TRY(check(*block));
      }
    }
  }
  return {};
}

// A pack asks for what it declares; its graph for the tools it names. A graph that came in no pack is unsigned.
policy::ExecutionInput judged_by_policy(const graph::Plan& plan, const LoadedPack* execution) {
  policy::ExecutionInput input;
  input.graph_hash = plan.hash().hex();
  for (const graph::Reference& tool : plan.document().tools) input.requested_tools.push_back(tool.id);
  if (execution == nullptr) return input;
  const pack::ExecutionManifest& manifest = *execution->execution();
  input.pack_id = execution->ref().id.str();
  input.pack_version = execution->ref().version;
  input.pack_digest = execution->ref().digest.hex();
  input.is_signed = true;  // LoadedPack::load() checked it from its bytes
  input.deterministic = manifest.deterministic;
  input.declared_tools = manifest.declared_tools;
  input.declared_permissions = manifest.declared_permissions;
  input.requested_permissions = manifest.declared_permissions;
  for (const pack::ModelRequirement& model : manifest.model_requirements)
    input.model_requirements[model.name] = model.value;
  input.workers = manifest.workers;
  return input;
}

Result<graph::Document> read_document(const std::string& text) {
  auto document = graph::load_json(text);
  if (!document) return std::unexpected(std::move(document).error());
  return document;
}

bool mounts_one_of(const std::string& text, const std::set<base::PackId>& withdrawn) {
  if (withdrawn.empty()) return false;
  const auto document = graph::load_json(text);  // what is wrong with it is told by make_basis()
  return document && std::ranges::any_of(document->governance,
                                         [&](const graph::PackMount& mount) { return withdrawn.contains(mount.id); });
}

}  // namespace

Result<std::shared_ptr<const Basis>> make_basis(const GraphSource& source, std::span<const LoadedPack> active_rules,
                                                const BasisOptions& options) {
  SG_TRY(graph::Document document, read_document(source.document));
  std::vector<Mounted> mounts;
  for (const graph::PackMount& one : document.governance) {
    SG_TRY(Mounted mounted, mount(one, active_rules));
    mounts.push_back(std::move(mounted));
  }
  SG_TRY(const std::vector<Mounted> packs, in_order(std::move(mounts)));
  auto basis = std::make_shared<Basis>();
  add_input_templates(*basis, packs);
  basis->graph = document.id;
  basis->graph_document = graph::canonical_dump(document);
  const auto provided = provided_templates(packs);
  const auto fields = asked_fields(*basis);
  SG_TRY(graph::Plan plan, graph::make_plan(std::move(document), provided, fields));
  SG_TRY(check_branches(plan));
  basis->plan = std::make_shared<const graph::Plan>(std::move(plan));
  basis->graph_hash = basis->plan->hash();
  for (const Mounted& mounted : packs) basis->packs.push_back(mounted.pack->ref());
  if (source.execution != nullptr) {
    basis->packs.push_back(source.execution->ref());
    const auto& kinds = source.execution->execution()->workers;
    basis->worker_kinds.insert(kinds.begin(), kinds.end());
  }
  basis->any_worker_kind = options.any_worker_kind;
  basis->policy = options.policy;
  basis->judged = judged_by_policy(*basis->plan, source.execution);
  basis->basis_hash = basis_hash(*basis->plan, basis->packs, basis->policy);
  if (packs.empty() && basis->plan->clips().empty()) return basis;
  auto program = std::make_shared<rules::Program>();
  for (const Mounted& mounted : packs) program->stages.push_back(stage_of(mounted, options.limits));
  if (!basis->plan->clips().empty()) program->stages.push_back(stage_of(*basis->plan, options.limits));
  program->digest = basis->basis_hash.hex();
  SG_TRY(rules::check_stages(*program));
  basis->program = std::move(program);
  return basis;
}

Result<std::shared_ptr<const Catalog>> Catalog::make(std::span<const LoadedPack> active,
                                                     std::span<const std::string> extra, BasisOptions options,
                                                     std::shared_ptr<const policy::InForce> policy,
                                                     const std::set<base::PackId>& withdrawn) {
  options.policy = policy ? std::optional(policy->pack) : std::nullopt;
  auto catalog = std::make_shared<Catalog>();
  catalog->policy_ = std::move(policy);
  catalog->packs_.assign(active.begin(), active.end());
  catalog->options_ = options;
  const auto add = [&](const GraphSource& source, const std::string& where) -> Result<> {
    if (mounts_one_of(source.document, withdrawn)) return {};
    auto basis = make_basis(source, catalog->packs_, options);
    if (!basis) return std::unexpected(in_context(where, std::move(basis).error()));
    const base::GraphId id = (*basis)->graph;
    if (!catalog->graphs_.emplace(id, *std::move(basis)).second)
      return fail(Code::kConflict, where + ": another graph has this id");
    return {};
  };
  for (const LoadedPack& pack : catalog->packs_) {
    if (pack.execution() == nullptr) continue;
    for (const pack::File& file : pack.files()) {
      if (!file.path.starts_with(kGraphsPrefix)) continue;
      SG_TRY(add({base::to_text(file.bytes), &pack}, "pack " + pack.ref().id.str() + ": " + std::string(file.path)));
    }
  }
  for (const std::string& document : extra) {
    SG_TRY(add({document, nullptr}, "graphs_dir"));
  }
  return std::shared_ptr<const Catalog>(std::move(catalog));
}

std::optional<RevokedPack> find_revoked(std::span<const trust::PackRef> packs,
                                        const std::optional<trust::PackRef>& policy, const RevokedBecause& because) {
  if (!because) return std::nullopt;
  for (const trust::PackRef& pack : packs) {
    if (auto why = because(pack)) return RevokedPack{pack, *std::move(why)};
  }
  if (!policy) return std::nullopt;
  auto why = because(*policy);
  return why ? std::optional(RevokedPack{*policy, *std::move(why)}) : std::nullopt;
}

std::shared_ptr<const Catalog> Catalog::without(const RevokedBecause& because) const {
  auto rest = std::make_shared<Catalog>(*this);
  if (!because) return rest;
  std::erase_if(rest->packs_, [&](const LoadedPack& pack) { return because(pack.ref()).has_value(); });
  std::erase_if(rest->graphs_, [&](const auto& entry) {
    return find_revoked(entry.second->packs, std::nullopt, because).has_value();
  });
  return rest;
}

std::shared_ptr<const Basis> Catalog::find(const base::GraphId& graph) const {
  const auto found = graphs_.find(graph);
  return found == graphs_.end() ? nullptr : found->second;
}

}  // namespace stargraph::engine
