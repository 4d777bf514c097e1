// The short form people write: state, nodes as a mapping, routes. docs/formats/graph.md, "Short form".
#include <algorithm>
#include <array>
#include <utility>

#include "graph/faults.hpp"
#include "stargraph/graph/parse.hpp"

namespace stargraph::graph {
namespace {

constexpr std::string_view kVersion = "1.0.0";
constexpr std::string_view kVerdict = "verdict";
constexpr std::string_view kDone = "done";

std::unexpected<base::Error> refuse(std::string_view what, std::string_view why) {
  return base::fail(base::Code::kGraphInvalid, "authoring: " + std::string(what) + ": " + std::string(why));
}

// A name may be told when it is an id; else only its place.
std::string named(std::string_view list, std::string_view name) {
  return std::string(list) + (is_slug(name) ? " " + std::string(name) : std::string());
}

struct ShortType {
  std::string_view name;
  std::string_view type;
  json::Value zero;
};

const std::array<ShortType, 6>& short_types() {
  static const std::array<ShortType, 6> types = {{{"str", "str", ""},
                                                  {"int", "int", 0},
                                                  {"float", "float", 0},
                                                  {"bool", "bool", false},
                                                  {"list", "list", json::Array{}},
                                                  {"dict", "map", json::Object{}}}};
  return types;
}

base::Result<json::Value> compile_field(const std::string& name, const json::Value& value, bool& routed) {
  const std::string* type = value.string();
  const json::Object* form = value.object();
  if (form != nullptr) {
    for (const auto& [key, member] : *form) {
      if (key != "type" && key != "route" && key != "default") return refuse("state", "unknown key in a field");
    }
    const json::Value* inner = form->find("type");
    type = inner == nullptr ? nullptr : inner->string();
  }
  if (!is_field_name(name)) return refuse("state", "not a field name");
  if (type == nullptr) return refuse("state " + name, "expected a type name or {type, route, default}");
  const auto known = std::ranges::find(short_types(), *type, &ShortType::name);
  if (known == short_types().end()) return refuse("state " + name, "type is none of str, int, float, bool, list, dict");
  json::Object out;
  out.set("type", known->type);
  const json::Value* fallback = form == nullptr ? nullptr : form->find("default");
  out.set("default", fallback == nullptr ? known->zero : *fallback);
  const json::Value* route = form == nullptr ? nullptr : form->find("route");
  if (route != nullptr) {
    if (!route->is_bool()) return refuse("state " + name, "route is not true or false");
    routed = *route->boolean();
    out.set("route", *route);
  }
  return json::Value(std::move(out));
}

base::Result<json::Object> compile_state(const json::Object& in, bool& routes_verdict) {
  json::Object out;
  json::Value value;
  const json::Value* state = in.find("state");
  if (state == nullptr) return out;
  if (!state->is_object()) return refuse("state", "expected a mapping");
  if (state->object()->size() > kMaxStateFields) return refuse("state", "too many fields");
  for (const auto& [name, field] : *state->object()) {
    bool routed = false;
    SG_TRY(json::Value compiled, compile_field(name, field, routed));
    if (name == kVerdict) routes_verdict = routed;
    out.append_new(name, std::move(compiled));
  }
  return out;
}

// Tool ids without a version mean version 1.
json::Value with_version(const json::Value& tool) {
  const std::string* id = tool.string();
  return id == nullptr || id->find('@') != std::string::npos ? tool : json::Value(*id + "@1");
}

json::Value compile_config_value(std::string_view key, const json::Value& value) {
  if (key == "tool") return with_version(value);
  if (key != "tools" || !value.is_array()) return value;
  json::Array tools;
  for (const json::Value& tool : *value.array()) tools.push_back(with_version(tool));
  return tools;
}

base::Result<json::Array> compile_nodes(const json::Object& nodes) {
  if (nodes.size() > kMaxNodes) return base::fail(base::Code::kTooLarge, "authoring: nodes: too many");
  json::Array out;
  for (const auto& [name, node] : nodes) {
    if (!is_slug(name)) return refuse("nodes", "a node name is no id ([a-z0-9][a-z0-9_.-]*)");
    if (name == kDone) return refuse("nodes", "done is the end of a route, not a node");
    if (!node.is_object()) return refuse(named("node", name), "expected a mapping");
    json::Object compiled;
    compiled.set("id", name);
    json::Object config;
    for (const auto& [key, value] : *node.object()) {
      if (key == "kind" || key == "spec") {
        compiled.set(key, value);
      } else {
        config.append_new(key, compile_config_value(key, value));
      }
    }
    if (compiled.find("kind") == nullptr) return refuse(named("node", name), "kind is missing");
    if (!config.empty()) compiled.set("config", std::move(config));
    out.emplace_back(std::move(compiled));
  }
  return out;
}

json::Value make_rule(const std::string& source, const std::string* verdict, const std::string& target) {
  json::Object when;
  when.set("node", source);
  if (verdict != nullptr) when.set(std::string(kVerdict), *verdict);
  json::Object action;
  if (target == kDone) {
    action.set("kind", "halt");
    action.set("reason", source + " complete");
  } else {
    action.set("kind", "goto");
    action.set("target", target);
  }
  json::Object rule;
  rule.set("id", "r-" + source + (verdict == nullptr ? std::string() : "-" + *verdict));
  rule.set("when", std::move(when));
  rule.set("then", json::Array{json::Value(std::move(action))});
  return rule;
}

base::Result<> compile_route(const std::string& source, const json::Value& route, const json::Object& nodes,
                             bool routes_verdict, json::Array& rules) {
  if (nodes.find(source) == nullptr) return refuse(named("route", source), "no such node");
  const auto check_target = [&](const json::Value& target) -> base::Result<std::string> {
    const std::string* name = target.string();
    if (name == nullptr) return refuse(named("route", source), "a target is no node name");
    if (*name != kDone && nodes.find(*name) == nullptr)
      return refuse(named("route", source), "target is no node of this document");
    return *name;
  };
  if (!route.is_object()) {
    SG_TRY(const std::string target, check_target(route));
    rules.push_back(make_rule(source, nullptr, target));
    return {};
  }
  if (!routes_verdict) return refuse(named("route", source), "by value needs a state field verdict with route: true");
  if (route.object()->empty()) return refuse(named("route", source), "is empty");
  for (const auto& [verdict, target] : *route.object()) {
    SG_TRY(const std::string name, check_target(target));
    rules.push_back(make_rule(source, &verdict, name));
  }
  return {};
}

base::Result<json::Array> compile_routes(const json::Object& in, const json::Object& nodes, bool routes_verdict) {
  json::Array rules;
  const json::Value* routes = in.find("routes");
  if (routes == nullptr) return rules;
  if (!routes->is_object()) return refuse("routes", "expected a mapping");
  if (routes->object()->size() > kMaxRules) return base::fail(base::Code::kTooLarge, "authoring: routes: too many");
  for (const auto& [source, route] : *routes->object()) {
    SG_TRY(compile_route(source, route, nodes, routes_verdict, rules));
    if (rules.size() > kMaxRules) return base::fail(base::Code::kTooLarge, "authoring: routes: too many");
  }
  return rules;
}

}  // namespace

bool is_authoring(const json::Value& value) {
  const json::Object* object = value.object();
  if (object == nullptr || object->find("ir_version") != nullptr) return false;
  const json::Value* nodes = object->find("nodes");
  return nodes != nullptr && nodes->is_object();
}

base::Result<json::Value> compile_authoring(const json::Value& value) {
  if (!is_authoring(value)) return refuse("document", "not the short form");
  const json::Object& in = *value.object();
  for (const auto& [key, member] : in) {
    const bool known = key == "id" || key == "state" || key == "nodes" || key == "routes" || key == "lm";
    if (!known) return refuse("document", "unknown key; only id, state, nodes, routes and lm stand here");
  }
  const json::Value* id = in.find("id");
  if (id == nullptr || !id->is_string() || !is_slug(*id->string()))
    return refuse("id", "expected an id ([a-z0-9][a-z0-9_.-]*)");
  const json::Object& nodes = *in.find("nodes")->object();
  bool routes_verdict = false;
  SG_TRY(json::Object state, compile_state(in, routes_verdict));
  SG_TRY(json::Array compiled, compile_nodes(nodes));
  SG_TRY(json::Array rules, compile_routes(in, nodes, routes_verdict));
  json::Object out;
  out.set("ir_version", kVersion);
  out.set("id", "graph:" + *id->string());
  out.set("nodes", std::move(compiled));
  if (!rules.empty()) out.set("rules", std::move(rules));
  if (!state.empty()) out.set("state_schema", std::move(state));
  if (const json::Value* lm = in.find("lm")) out.set("lm", *lm);
  return json::Value(std::move(out));
}

}  // namespace stargraph::graph
