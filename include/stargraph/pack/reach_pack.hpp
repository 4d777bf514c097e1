// Reach "Schema A" execution packs: one JSON document, checked by that system's normative rules and turned into the
// sources of an execution pack (docs/formats/reach-pack.md).
//
// Such a document is not signed. Its signature_hash is a SHA-256 over its own content that anybody can compute: it
// shows damage, never an author. A wrong one is refused and a right one counts for nothing; whoever signs the
// converted pack answers for it. The hash is computed from the bytes at hand each time; nothing is remembered by id.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/json/value.hpp"
#include "stargraph/pack/bosun.hpp"

namespace stargraph::pack {

inline constexpr std::size_t kMaxReachBytes = std::size_t{1} << 20;

// model_options.capabilities and the retry policy of a node. Zero and empty are what absent means.
struct ReachStrategy {
  std::int64_t max_attempts = 0;
  std::string strategy_type;
  std::int64_t reasoning_depth = 0;
  bool deterministic = false;
  std::int64_t max_cost_score = 0;
  std::vector<std::string> preferred_models;
  std::string optimization_mode;
};

struct ReachNode {
  std::string id;
  std::string type;  // action, condition, parallel, subgraph
  std::string name;
  std::optional<json::Value> config;
  std::string raw_config;  // as it stands in the document, without white space: hashed so
  ReachStrategy strategy;
  bool deterministic = false;
};

struct ReachEdge {
  std::string from;
  std::string to;
  std::string type;  // default, conditional, fallback, parallel
  std::optional<std::string> condition;
};

struct ReachGraph {
  std::map<std::string, ReachNode> nodes;  // bytewise by id, as they are hashed
  std::optional<std::vector<ReachEdge>> edges;
  std::string start;
};

// Absent and null are the same there and hash differently from empty: hence the optionals.
struct ReachPack {
  std::string id;
  std::string version;
  std::string spec_version;
  std::string name;
  std::string description;
  std::string author;
  std::string created;
  std::optional<std::vector<std::string>> tools;
  std::optional<std::vector<std::string>> permissions;
  std::optional<std::map<std::string, std::string>> models;
  std::optional<ReachGraph> graph;
  bool deterministic = false;
  std::string signature_hash;
  std::vector<std::string> warnings;  // what is allowed and deserves a look
};

// Whether `bytes` look like such a document: a JSON object with "metadata" and "signature_hash".
[[nodiscard]] bool is_reach_pack(base::BytesView bytes);

// Strict form, the rules, then the content hash:
//   kUnknownField, kDuplicateKey, kMalformed ... for the form; names of members are matched exactly;
//   kIncompatible for spec_version: mandatory, SemVer 2, major 1, no newer minor than 0, no pre-release;
//   kManifestInvalid for ids, versions, names, tools and permissions out of form, repeated, or sys:admin, sys:exec;
//   kGraphInvalid for a start or an end of an edge that is no node, a conditional edge without a condition, a cycle;
//   kSignatureMissing without signature_hash, kDigestMismatch when it is another than the content's.
[[nodiscard]] base::Result<ReachPack> decode_reach(base::BytesView bytes);

// Lower-case hex SHA-256 of the document's canonical form with an empty signature_hash.
[[nodiscard]] std::string reach_content_hash(const ReachPack& pack);
// That form, for tests and people who compare.
[[nodiscard]] std::string reach_canonical(const ReachPack& pack);

// The document as an execution pack: one graph, each node served by a worker of kind "reach:<type>", the original
// under source/pack.json. kGraphInvalid without a graph, or with node ids that ours may not have;
// kUnsupportedFeature for edges whose meaning cannot be kept (docs/formats/reach-pack.md).
[[nodiscard]] base::Result<Converted> convert_reach(const ReachPack& pack, base::BytesView original);

}  // namespace stargraph::pack
