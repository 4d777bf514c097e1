// The graph hash: D("stargraph.graph.v1", RFC 8785 JSON of the normalised document).
//
// Everything that changes what a run does changes it: kinds, config, conditions, reasons, order of
// nodes and rules, parallel blocks, mounts, state types. Key order, comments, JSON or YAML, sugar or
// its lowering, and writing a default out do not. `migrate` is left out: it names hashes.
#pragma once

#include "stargraph/crypto/digest.hpp"
#include "stargraph/graph/document.hpp"

namespace stargraph::graph {

[[nodiscard]] json::Value normalise(const Document& document);
[[nodiscard]] crypto::Digest graph_hash(const Document& document);

}  // namespace stargraph::graph
