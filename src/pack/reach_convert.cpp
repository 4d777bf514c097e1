// A Reach graph in our terms. What a node does and which of several edges it takes is a worker's business, since
// that system names no language for either; what has no such reading is refused (docs/formats/reach-pack.md).
#include <algorithm>
#include <set>

#include "stargraph/json/write.hpp"
#include "stargraph/pack/header.hpp"
#include "stargraph/pack/layout.hpp"
#include "stargraph/pack/reach_pack.hpp"

namespace stargraph::pack {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kOriginal = "source/pack.json";

// ^[a-z0-9][a-z0-9_.-]{0,127}$, as node ids of graphs are; it is the form of a pack id too.
bool is_node_id(std::string_view text) { return is_pack_id(text); }

// The edges that leave one node, by what decides them.
struct Leaving {
  std::vector<const ReachEdge*> chosen;    // conditional and fallback: the worker answers with the target
  std::vector<const ReachEdge*> fixed;     // default
  std::vector<const ReachEdge*> branches;  // parallel
};

using Edges = std::map<std::string_view, Leaving>;

Edges by_node(const ReachGraph& graph) {
  Edges edges;
  if (!graph.edges) return edges;
  for (const ReachEdge& edge : *graph.edges) {
    Leaving& leaving = edges[edge.from];
    if (edge.type == "parallel") {
      leaving.branches.push_back(&edge);
    } else if (edge.type == "default") {
      leaving.fixed.push_back(&edge);
    } else {
      leaving.chosen.push_back(&edge);
    }
  }
  return edges;
}

std::unexpected<base::Error> unsupported(const std::string& id, const char* why) {
  return fail(Code::kUnsupportedFeature, "reach pack: node " + id + ": " + why);
}

// Our branches run one node each and meet in one: every target has a single default edge, all to the same node.
Result<std::string> meeting_point(const std::string& id, const Leaving& leaving, const Edges& edges) {
  std::set<std::string> ends;
  for (const ReachEdge* branch : leaving.branches) {
    const auto next = edges.find(branch->to);
    const bool simple = next != edges.end() && next->second.fixed.size() == 1 && next->second.chosen.empty() &&
                        next->second.branches.empty();
    if (!simple) return unsupported(id, "parallel: a branch is not one node with one default edge");
    ends.insert(next->second.fixed.front()->to);
  }
  if (ends.size() != 1) return unsupported(id, "parallel: the branches do not meet in one node");
  return *ends.begin();
}

json::Object rule(const std::string& id, json::Value when, json::Object action) {
  return json::Object{{"id", id}, {"then", json::Array{std::move(action)}}, {"when", std::move(when)}};
}

json::Object at_node(const std::string& id) { return json::Object{{"node", id}}; }

json::Object go_to(const std::string& target) { return json::Object{{"kind", "goto"}, {"target", target}}; }

class Conversion {
 public:
  explicit Conversion(const ReachPack& pack) : pack_(pack), edges_(by_node(*pack.graph)) {}

  Result<json::Value> run() {
    const ReachGraph& graph = *pack_.graph;
    SG_TRY(add(graph.nodes.at(graph.start)));  // the first node is the entry
    for (const auto& [id, node] : graph.nodes) {
      if (id != graph.start) SG_TRY(add(node));
    }
    return json::Value(json::Object{
        {"id", pack_.id}, {"ir_version", "1.0.0"}, {"nodes", std::move(nodes_)}, {"rules", std::move(rules_)}});
  }

 private:
  Result<> add(const ReachNode& node) {
    if (!is_node_id(node.id)) {
      return fail(Code::kGraphInvalid, "reach pack: /execution_graph/nodes: an id outside [a-z0-9][a-z0-9_.-]{0,127}");
    }
    const std::string index = std::to_string(nodes_.size());
    const Leaving& leaving = edges_[node.id];
    json::Object config{{"deterministic", node.deterministic}, {"name", node.name}};
    if (node.config) config.set("config", *node.config);
    if (!leaving.chosen.empty()) add_choice("next." + index, leaving, config);
    nodes_.emplace_back(json::Object{{"config", std::move(config)}, {"id", node.id}, {"kind", "reach:" + node.type}});
    return add_rules(node, index, leaving);
  }

  // What the worker must know to choose, and the field it answers in.
  static void add_choice(const std::string& field, const Leaving& leaving, json::Object& config) {
    json::Array edges;
    for (const ReachEdge* edge : leaving.chosen) {
      json::Object one{{"to", edge->to}, {"type", edge->type}};
      if (edge->condition) one.set("condition", *edge->condition);
      edges.emplace_back(std::move(one));
    }
    config.set("edges", std::move(edges));
    config.set("next_field", field);
  }

  Result<> add_rules(const ReachNode& node, const std::string& index, const Leaving& leaving) {
    const auto conditional = [](const ReachEdge* edge) { return !edge->condition.value_or("").empty(); };
    if (std::ranges::any_of(leaving.fixed, conditional) || std::ranges::any_of(leaving.branches, conditional)) {
      return unsupported(node.id, "a condition on a default or parallel edge");
    }
    if (!leaving.branches.empty()) return add_parallel(node, index, leaving);
    if (leaving.fixed.size() > 1) return unsupported(node.id, "more than one default edge");
    std::set<std::string> targets;
    for (const ReachEdge* edge : leaving.chosen) {
      if (!targets.insert(edge->to).second) return unsupported(node.id, "two edges to one node that a worker chooses");
      rules_.emplace_back(rule("n" + index + "-" + std::to_string(targets.size()),
                               json::Object{{"node", node.id}, {"next." + index, edge->to}}, go_to(edge->to)));
    }
    if (leaving.fixed.empty()) {
      add_end(node, index, targets);
    } else {  // one pattern only: what the worker chose comes first
      rules_.emplace_back(rule("n" + index, at_node(node.id), go_to(leaving.fixed.front()->to)));
    }
    return {};
  }

  // The run ends here, never by falling through to the next node of the list. An end comes before any way on, so it
  // must not match where the worker chose an edge.
  void add_end(const ReachNode& node, const std::string& index, const std::set<std::string>& targets) {
    std::string when = "(node-id (id " + node.id + "))";
    for (const std::string& target : targets) when += " (not (next-" + index + " (value \"" + target + "\")))";
    rules_.emplace_back(
        rule("n" + index, targets.empty() ? json::Value(at_node(node.id)) : json::Value(std::move(when)),
             json::Object{{"kind", "halt"}, {"reason", targets.empty() ? "complete" : "no edge was chosen"}}));
  }

  Result<> add_parallel(const ReachNode& node, const std::string& index, const Leaving& leaving) {
    if (!leaving.fixed.empty() || !leaving.chosen.empty()) {
      return unsupported(node.id, "parallel edges beside others");
    }
    SG_TRY(const std::string join, meeting_point(node.id, leaving, edges_));
    json::Array targets;
    for (const ReachEdge* branch : leaving.branches) targets.emplace_back(branch->to);
    rules_.emplace_back(rule("n" + index, at_node(node.id),
                             json::Object{{"kind", "parallel"}, {"targets", std::move(targets)}, {"join", join}}));
    return {};
  }

  const ReachPack& pack_;
  Edges edges_;
  json::Array nodes_;
  json::Array rules_;
};

Result<Manifest> manifest_of(const ReachPack& pack) {
  ExecutionManifest manifest;
  manifest.id = base::PackId(pack.id);
  manifest.version = pack.version;
  manifest.description = pack.description.empty() ? pack.name : pack.description;
  manifest.api_version = kApiVersion;
  manifest.declared_tools = pack.tools.value_or(std::vector<std::string>());
  manifest.declared_permissions = pack.permissions.value_or(std::vector<std::string>());
  manifest.deterministic = pack.deterministic;
  if (pack.models) {
    for (const auto& [name, value] : *pack.models) manifest.model_requirements.push_back({name, value});
  }
  std::set<std::string> kinds;
  for (const auto& [id, node] : pack.graph->nodes) kinds.insert("reach:" + node.type);
  manifest.workers.assign(kinds.begin(), kinds.end());
  return decode_manifest(encode_manifest(Manifest(std::move(manifest))));  // our own rules hold besides theirs
}

}  // namespace

Result<Converted> convert_reach(const ReachPack& pack, base::BytesView original) {
  if (!pack.graph) {
    return fail(Code::kGraphInvalid, "reach pack: /execution_graph: none; an execution pack holds a graph");
  }
  Converted converted;
  SG_TRY(converted.manifest, manifest_of(pack));
  Conversion conversion(pack);
  SG_TRY(const json::Value graph, conversion.run());
  converted.files.push_back({std::string(kGraphsPrefix) + pack.id + ".json", base::to_bytes(json::canonical(graph))});
  converted.files.push_back({std::string(kOriginal), {original.begin(), original.end()}});
  return converted;
}

}  // namespace stargraph::pack
