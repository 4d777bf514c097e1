#include "stargraph/graph/hash.hpp"

#include "stargraph/graph/parse.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::graph {
namespace {

constexpr std::string_view kDomain = "stargraph.graph.v1";

// The same question, however its config was written.
void normalise_node(Node& node) {
  if (node.kind != "interrupt") return;
  if (const auto question = read_interrupt(node.config)) node.config = to_json(*question);
}

}  // namespace

json::Value normalise(const Document& document) {
  Document normal = document;
  normal.migrate.clear();
  for (Node& node : normal.nodes) normalise_node(node);
  for (Rule& rule : normal.rules) rule.node_id.reset();  // attribution for people
  for (PackMount& mount : normal.governance) {
    const auto& needs = mount.requirements;
    if (needs && !needs->stargraph_facts_version && !needs->api_version) mount.requirements.reset();
  }
  return to_json(normal);
}

crypto::Digest graph_hash(const Document& document) {
  return crypto::domain_digest(kDomain, json::canonical(normalise(document)));
}

}  // namespace stargraph::graph
