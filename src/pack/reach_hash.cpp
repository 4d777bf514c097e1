// The canonical form of a Reach pack: members in the order of its schema, empty ones present or left out as that
// schema has them. Compared with the vectors of docs/formats/reach-pack.md.
#include "pack/raw_json.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/pack/reach_pack.hpp"

namespace stargraph::pack {
namespace {

// An object or array as it grows; knows when a comma is due.
class Writer {
 public:
  explicit Writer(char open, char close) : text_(1, open), close_(close) {}
  Writer& member(std::string_view name, const std::string& value) {
    comma();
    text_ += go_quoted(name) + ":" + value;
    return *this;
  }
  Writer& item(const std::string& value) {
    comma();
    text_ += value;
    return *this;
  }
  [[nodiscard]] std::string done() const { return text_ + close_; }

 private:
  void comma() {
    if (text_.size() > 1) text_.push_back(',');
  }
  std::string text_;
  char close_;
};

Writer object() { return Writer('{', '}'); }
Writer array() { return Writer('[', ']'); }
std::string boolean(bool value) { return value ? "true" : "false"; }

std::string texts(const std::vector<std::string>& values) {
  Writer out = array();
  for (const std::string& value : values) out.item(go_quoted(value));
  return out.done();
}

std::string texts_or_null(const std::optional<std::vector<std::string>>& values) {
  return values ? texts(*values) : "null";
}

std::string strategy(const ReachStrategy& from) {
  Writer capabilities = object();
  if (from.reasoning_depth != 0) capabilities.member("req_reasoning_depth", std::to_string(from.reasoning_depth));
  if (from.deterministic) capabilities.member("req_deterministic", "true");
  if (from.max_cost_score != 0) capabilities.member("max_cost_score", std::to_string(from.max_cost_score));
  Writer options = object();
  options.member("capabilities", capabilities.done());
  if (!from.preferred_models.empty()) options.member("preferred_models", texts(from.preferred_models));
  if (!from.optimization_mode.empty()) options.member("optimization_mode", go_quoted(from.optimization_mode));
  Writer retry = object();
  retry.member("max_attempts", std::to_string(from.max_attempts));
  retry.member("strategy_type", go_quoted(from.strategy_type));
  return object().member("retry_policy", retry.done()).member("model_options", options.done()).done();
}

std::string node(const ReachNode& from) {
  Writer out = object();
  out.member("id", go_quoted(from.id)).member("type", go_quoted(from.type)).member("name", go_quoted(from.name));
  if (from.config) out.member("config", from.raw_config);
  return out.member("strategy", strategy(from.strategy)).member("deterministic", boolean(from.deterministic)).done();
}

std::string edge(const ReachEdge& from) {
  Writer out = object();
  out.member("from", go_quoted(from.from)).member("to", go_quoted(from.to)).member("type", go_quoted(from.type));
  if (from.condition) out.member("condition", go_quoted(*from.condition));
  return out.done();
}

std::string edges(const std::optional<std::vector<ReachEdge>>& from) {
  if (!from) return "null";
  Writer out = array();
  for (const ReachEdge& one : *from) out.item(edge(one));
  return out.done();
}

std::string graph(const std::optional<ReachGraph>& from) {
  if (!from) return "null";
  Writer nodes = object();
  for (const auto& [id, one] : from->nodes) nodes.member(id, node(one));
  return object()
      .member("nodes", nodes.done())
      .member("edges", edges(from->edges))
      .member("start_node_id", go_quoted(from->start))
      .done();
}

std::string models(const std::optional<std::map<std::string, std::string>>& from) {
  if (!from) return "null";
  Writer out = object();
  for (const auto& [name, value] : *from) out.member(name, go_quoted(value));
  return out.done();
}

std::string metadata(const ReachPack& pack) {
  Writer out = object();
  out.member("id", go_quoted(pack.id)).member("version", go_quoted(pack.version));
  if (!pack.spec_version.empty()) out.member("spec_version", go_quoted(pack.spec_version));
  return out.member("name", go_quoted(pack.name))
      .member("description", go_quoted(pack.description))
      .member("author", go_quoted(pack.author))
      .member("created", go_quoted(pack.created))
      .done();
}

}  // namespace

std::string reach_canonical(const ReachPack& pack) {
  return object()
      .member("metadata", metadata(pack))
      .member("declared_tools", texts_or_null(pack.tools))
      .member("declared_permissions", texts_or_null(pack.permissions))
      .member("model_requirements", models(pack.models))
      .member("execution_graph", graph(pack.graph))
      .member("deterministic", boolean(pack.deterministic))
      .member("signature_hash", "\"\"")
      .done();
}

std::string reach_content_hash(const ReachPack& pack) {
  return base::to_hex(crypto::sha256(base::as_bytes(reach_canonical(pack))));
}

}  // namespace stargraph::pack
