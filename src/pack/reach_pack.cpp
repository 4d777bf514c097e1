#include "stargraph/pack/reach_pack.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "pack/raw_json.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/pack/semver.hpp"

namespace stargraph::pack {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxNodes = 4096;
constexpr std::size_t kMaxEdges = 16'384;
constexpr std::size_t kMaxNames = 1024;
constexpr std::size_t kManyNodes = 500;
constexpr std::int64_t kSupportedMajor = 1;

constexpr std::array<std::string_view, 4> kNodeTypes{"action", "condition", "parallel", "subgraph"};
constexpr std::array<std::string_view, 4> kEdgeTypes{"default", "conditional", "fallback", "parallel"};
constexpr std::array<std::string_view, 5> kRetryTypes{"", "retry_same_model", "retry_alternative_model",
                                                      "retry_prompt_adjustment", "fallback_node"};
constexpr std::array<std::string_view, 5> kOptimisations{"", "deterministic_strict", "cost_optimized",
                                                         "latency_optimized", "quality_optimized"};
// Permissions that no pack may ask for.
constexpr std::array<std::string_view, 2> kForbidden{"sys:admin", "sys:exec"};

bool one_of(std::span<const std::string_view> known, std::string_view text) {
  return std::ranges::find(known, text) != known.end();
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_any(char c, std::string_view of) { return of.find(c) != std::string_view::npos; }

// ^[a-z][a-z0-9._-]{2,127}$
bool is_reach_id(std::string_view text) {
  return text.size() >= 3 && text.size() <= 128 && is_lower(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_lower(c) || is_digit(c) || is_any(c, "._-"); });
}

// ^[a-zA-Z][a-zA-Z0-9_.:-]{0,127}$
bool is_tool(std::string_view text) {
  return !text.empty() && text.size() <= 128 && is_letter(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || is_any(c, "_.:-"); });
}

// ^[a-z][a-z0-9_]*:[a-z][a-z0-9_*]*$, with a bound
bool is_permission(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.size() > 128) return false;
  const std::string_view resource = text.substr(0, colon);
  const std::string_view action = text.substr(colon + 1);
  const auto part = [](std::string_view word, std::string_view more) {
    return !word.empty() && is_lower(word.front()) &&
           std::ranges::all_of(word, [more](char c) { return is_lower(c) || is_digit(c) || is_any(c, more); });
  };
  return part(resource, "_") && part(action, "_*");
}

bool has_repeats(std::vector<std::string> names) {
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

// null and absent are the same there.
const json::Value* present(json::Reader& in, std::string_view name) {
  const json::Value* value = in.optional_value(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

template <class Check>
Result<std::optional<std::vector<std::string>>> read_names(const json::Value* value, const std::string& context,
                                                           Check&& ok) {
  if (value == nullptr) return std::nullopt;
  const json::Object wrapped{{"names", *value}};
  const json::Value whole(wrapped);
  json::Reader in(whole, context);
  std::vector<std::string> names = in.texts("names", kMaxNames);
  SG_TRY(in.finish());
  if (!std::ranges::all_of(names, ok)) return fail(Code::kManifestInvalid, context + ": not a name of this kind");
  if (has_repeats(names)) return fail(Code::kManifestInvalid, context + ": a name twice");
  return std::optional(std::move(names));
}

Result<std::optional<std::map<std::string, std::string>>> read_models(const json::Value* value) {
  if (value == nullptr) return std::nullopt;
  const json::Object* object = value->object();
  if (object == nullptr || object->size() > kMaxNames) {
    return fail(Code::kMalformed, "reach pack: /model_requirements: expected object");
  }
  std::map<std::string, std::string> models;
  for (const auto& [name, text] : *object) {
    if (text.string() == nullptr) return fail(Code::kMalformed, "reach pack: /model_requirements: expected texts");
    models.emplace(name, *text.string());
  }
  return std::optional(std::move(models));
}

// Their three texts for what is missing, out of form, or of another major version.
Result<> check_spec(const std::string& text) {
  const std::string context = "execution pack spec compatibility failed: ";
  if (text.empty()) return fail(Code::kIncompatible, context + "spec version is required");
  const auto version = SemVer::parse(text);
  if (!version) return fail(Code::kIncompatible, context + "spec version is invalid");
  if (version->major != kSupportedMajor) {
    return fail(Code::kIncompatible, context + "incompatible spec version \"" + text + "\": expected major 1");
  }
  if (version->minor != 0 || !version->prerelease.empty()) {
    return fail(Code::kIncompatible, context + "incompatible spec version \"" + text + "\": newer than 1.0");
  }
  return {};
}

Result<> read_metadata(const json::Value& value, ReachPack& pack) {
  json::Reader in(value, "reach pack", "/metadata");
  pack.id = in.text("id", 0, 256);
  pack.version = in.text("version", 0, 256);
  pack.spec_version = in.optional_text("spec_version", 0, 128).value_or("");
  pack.name = in.optional_text("name").value_or("");
  pack.description = in.optional_text("description", 0, 4096).value_or("");
  pack.author = in.optional_text("author", 0, 1024).value_or("");
  pack.created = in.optional_text("created", 0, 128).value_or("");
  SG_TRY(in.finish());
  SG_TRY(check_spec(pack.spec_version));
  const auto refuse = [](const char* why) {
    return fail(Code::kManifestInvalid, std::string("reach pack: /metadata") + why);
  };
  if (!is_reach_id(pack.id)) return refuse("/id: not an id");
  if (!SemVer::parse(pack.version)) return refuse("/version: not a SemVer 2.0.0 version");
  if (pack.name.size() > 256) return refuse("/name: longer than 256 bytes");
  return {};
}

Result<ReachStrategy> read_strategy(const json::Value* value, const std::string& pointer) {
  ReachStrategy strategy;
  if (value == nullptr) return strategy;
  json::Reader in(*value, "reach pack", pointer);
  const json::Value* retry = present(in, "retry_policy");
  const json::Value* options = present(in, "model_options");
  SG_TRY(in.finish());
  if (retry != nullptr) {
    json::Reader policy(*retry, "reach pack", pointer + "/retry_policy");
    strategy.max_attempts = policy.optional_integer("max_attempts", 0, 1'000'000).value_or(0);
    strategy.strategy_type = policy.optional_text("strategy_type", 0, 64).value_or("");
    if (!one_of(kRetryTypes, strategy.strategy_type)) policy.refuse("strategy_type", Code::kMalformed, "unknown");
    SG_TRY(policy.finish());
  }
  if (options == nullptr) return strategy;
  json::Reader model(*options, "reach pack", pointer + "/model_options");
  const json::Value* capabilities = present(model, "capabilities");
  if (present(model, "preferred_models") != nullptr) {
    strategy.preferred_models = model.optional_texts("preferred_models", kMaxNames);
  }
  strategy.optimization_mode = model.optional_text("optimization_mode", 0, 64).value_or("");
  if (!one_of(kOptimisations, strategy.optimization_mode)) {
    model.refuse("optimization_mode", Code::kMalformed, "unknown");
  }
  SG_TRY(model.finish());
  if (capabilities == nullptr) return strategy;
  json::Reader needs(*capabilities, "reach pack", pointer + "/model_options/capabilities");
  strategy.reasoning_depth = needs.optional_integer("req_reasoning_depth", 0, json::kMaxInteger).value_or(0);
  strategy.deterministic = needs.optional_boolean("req_deterministic").value_or(false);
  strategy.max_cost_score = needs.optional_integer("max_cost_score", 0, json::kMaxInteger).value_or(0);
  SG_TRY(needs.finish());
  return strategy;
}

Result<ReachNode> read_node(const std::string& id, const json::Value& value, std::string_view raw) {
  const std::string pointer = "/execution_graph/nodes" + json::pointer_step(id);
  json::Reader in(value, "reach pack", pointer);
  ReachNode node;
  node.id = in.text("id", 1, 256);
  node.type = in.text("type", 1, 64);
  node.name = in.optional_text("name", 0, 1024).value_or("");
  const json::Value* config = in.optional_value("config");
  const json::Value* strategy = present(in, "strategy");
  node.deterministic = in.optional_boolean("deterministic").value_or(false);
  if (!one_of(kNodeTypes, node.type)) in.refuse("type", Code::kMalformed, "unknown");
  SG_TRY(in.finish());
  if (node.id != id) return fail(Code::kGraphInvalid, "reach pack: " + pointer + "/id: not the name of its member");
  if (config != nullptr) {
    node.config = *config;
    node.raw_config = go_compact(raw_member(raw, "config"));
  }
  SG_TRY(node.strategy, read_strategy(strategy, pointer + "/strategy"));
  return node;
}

Result<ReachEdge> read_edge(const json::Value& value, std::size_t index) {
  json::Reader in(value, "reach pack", "/execution_graph/edges" + json::pointer_step(index));
  ReachEdge edge;
  edge.from = in.text("from", 1, 256);
  edge.to = in.text("to", 1, 256);
  edge.type = in.text("type", 1, 64);
  if (const json::Value* condition = present(in, "condition")) {
    if (condition->string() == nullptr) in.refuse("condition", Code::kMalformed, "expected text");
    edge.condition = condition->string() == nullptr ? "" : *condition->string();
  }
  if (!one_of(kEdgeTypes, edge.type)) in.refuse("type", Code::kMalformed, "unknown");
  SG_TRY(in.finish());
  return edge;
}

Result<ReachGraph> read_graph(const json::Value& value, std::string_view raw) {
  json::Reader in(value, "reach pack", "/execution_graph");
  ReachGraph graph;
  const json::Value& nodes = in.value("nodes");
  const json::Value* edges = present(in, "edges");
  graph.start = in.text("start_node_id", 0, 256);
  SG_TRY(in.finish());
  if (nodes.object() == nullptr || nodes.object()->size() > kMaxNodes) {
    return fail(Code::kMalformed, "reach pack: /execution_graph/nodes: expected object of at most 4,096 members");
  }
  const auto raw_nodes = raw_members(raw_member(raw, "nodes"));
  if (raw_nodes.size() != nodes.object()->size()) return fail(Code::kInternal, "reach pack: nodes: two readings");
  std::size_t at = 0;
  for (const auto& [id, node] : *nodes.object()) {
    SG_TRY(ReachNode one, read_node(id, node, raw_nodes[at++].second));
    graph.nodes.emplace(id, std::move(one));
  }
  if (edges == nullptr) return graph;
  if (edges->array() == nullptr || edges->array()->size() > kMaxEdges) {
    return fail(Code::kMalformed, "reach pack: /execution_graph/edges: expected array of at most 16,384 items");
  }
  graph.edges.emplace();
  for (std::size_t i = 0; i < edges->array()->size(); ++i) {
    SG_TRY(ReachEdge edge, read_edge((*edges->array())[i], i));
    graph.edges->push_back(std::move(edge));
  }
  return graph;
}

// Kahn: whatever is left when no node without incoming edges remains lies on a cycle, or behind one.
bool has_cycle(const ReachGraph& graph) {
  std::map<std::string_view, int> incoming;
  std::multimap<std::string_view, std::string_view> outgoing;
  for (const auto& [id, node] : graph.nodes) incoming.emplace(id, 0);
  for (const ReachEdge& edge : *graph.edges) {
    ++incoming[edge.to];
    outgoing.emplace(edge.from, edge.to);
  }
  std::vector<std::string_view> free;
  for (const auto& [id, count] : incoming) {
    if (count == 0) free.push_back(id);
  }
  std::size_t done = 0;
  while (!free.empty()) {
    const std::string_view id = free.back();
    free.pop_back();
    ++done;
    for (auto [edge, end] = outgoing.equal_range(id); edge != end; ++edge) {
      if (--incoming[edge->second] == 0) free.push_back(edge->second);
    }
  }
  return done != graph.nodes.size();
}

Result<> check_graph(const ReachGraph& graph) {
  const auto refuse = [](const std::string& why) {
    return fail(Code::kGraphInvalid, "reach pack: /execution_graph" + why);
  };
  if (graph.nodes.empty()) return refuse("/nodes: none");
  if (!graph.nodes.contains(graph.start)) return refuse("/start_node_id: not a node");
  if (!graph.edges) return {};
  for (std::size_t i = 0; i < graph.edges->size(); ++i) {
    const ReachEdge& edge = (*graph.edges)[i];
    const std::string at = "/edges" + json::pointer_step(i);
    if (!graph.nodes.contains(edge.from)) return refuse(at + "/from: not a node");
    if (!graph.nodes.contains(edge.to)) return refuse(at + "/to: not a node");
    if (edge.type == "conditional" && edge.condition.value_or("").empty()) {
      return refuse(at + "/condition: a conditional edge needs one");
    }
  }
  if (has_cycle(graph)) return refuse("/edges: a cycle");
  return {};
}

Result<> check_hash(const ReachPack& pack) {
  if (pack.signature_hash.empty()) {
    return fail(Code::kSignatureMissing, "reach pack: execution pack has no signature hash");
  }
  const std::string computed = reach_content_hash(pack);
  if (computed != pack.signature_hash) {
    return fail(Code::kDigestMismatch,
                "reach pack: integrity check failed: computed " + computed + ", which is not what signature_hash says");
  }
  return {};
}

Result<ReachPack> read_pack(const json::Value& value, std::string_view text) {
  json::Reader in(value, "reach pack");
  ReachPack pack;
  const json::Value& metadata = in.value("metadata");
  const json::Value* tools = present(in, "declared_tools");
  const json::Value* permissions = present(in, "declared_permissions");
  const json::Value* models = present(in, "model_requirements");
  const json::Value* graph = present(in, "execution_graph");
  pack.deterministic = in.optional_boolean("deterministic").value_or(false);
  pack.signature_hash = in.optional_text("signature_hash", 0, 128).value_or("");
  SG_TRY(in.finish());
  SG_TRY(read_metadata(metadata, pack));
  SG_TRY(pack.tools, read_names(tools, "reach pack: /declared_tools", is_tool));
  SG_TRY(pack.permissions, read_names(permissions, "reach pack: /declared_permissions", is_permission));
  SG_TRY(pack.models, read_models(models));
  if (graph == nullptr) return pack;
  SG_TRY(pack.graph, read_graph(*graph, raw_member(text, "execution_graph")));
  return pack;
}

Result<> check_permissions(ReachPack& pack) {
  for (const std::string& name : pack.permissions.value_or(std::vector<std::string>())) {
    if (one_of(kForbidden, name)) {
      return fail(Code::kManifestInvalid, "reach pack: /declared_permissions: sys:admin and sys:exec are never given");
    }
    if (name.starts_with("sys:")) pack.warnings.push_back("asks for the system permission " + name);
  }
  return {};
}

}  // namespace

bool is_reach_pack(base::BytesView bytes) {
  json::ParseLimits limits;
  limits.max_bytes = kMaxReachBytes;
  const auto value = json::parse(bytes, limits);
  const json::Object* object = value ? value->object() : nullptr;
  return object != nullptr && object->find("metadata") != nullptr && object->find("signature_hash") != nullptr;
}

Result<ReachPack> decode_reach(base::BytesView bytes) {
  json::ParseLimits limits;
  limits.max_bytes = kMaxReachBytes;
  auto value = json::parse(bytes, limits);
  if (!value) return std::unexpected(in_context("reach pack", std::move(value).error()));
  SG_TRY(ReachPack pack, read_pack(*value, base::as_text(bytes)));
  SG_TRY(check_permissions(pack));
  if (pack.graph) SG_TRY(check_graph(*pack.graph));
  if (pack.graph && pack.graph->nodes.size() > kManyNodes) pack.warnings.emplace_back("more than 500 nodes");
  SG_TRY(check_hash(pack));
  return pack;
}

}  // namespace stargraph::pack
