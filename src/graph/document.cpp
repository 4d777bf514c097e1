#include "stargraph/graph/document.hpp"

#include <algorithm>
#include <array>

#include "stargraph/base/check.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::graph {
namespace {

template <class E>
struct Name {
  E value;
  std::string_view name;
};
constexpr std::array<Name<FieldType>, 7> kTypes = {{{FieldType::kStr, "str"},
                                                    {FieldType::kInt, "int"},
                                                    {FieldType::kBool, "bool"},
                                                    {FieldType::kFloat, "float"},
                                                    {FieldType::kList, "list"},
                                                    {FieldType::kMap, "map"},
                                                    {FieldType::kBytes, "bytes"}}};
constexpr std::array<Name<Reducer>, 4> kReducers = {{{Reducer::kLastWrite, "last-write"},
                                                     {Reducer::kAppend, "append"},
                                                     {Reducer::kMax, "max"},
                                                     {Reducer::kMin, "min"}}};
constexpr std::array<std::string_view, 7> kActionKinds = {"goto",   "halt",    "parallel", "retry",
                                                          "assert", "retract", "interrupt"};
static_assert(kActionKinds.size() == std::variant_size_v<Action>);
constexpr std::array<std::string_view, 5> kLocalKinds = {"echo", "halt", "interrupt", "passthrough", "template"};

template <class E, std::size_t N>
std::string_view name_of(const std::array<Name<E>, N>& table, E value) {
  const auto found = std::ranges::find(table, value, &Name<E>::value);
  SG_CHECK(found != table.end());
  return found->name;
}

template <class E, std::size_t N>
std::optional<E> value_of(const std::array<Name<E>, N>& table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Name<E>::name);
  if (found == table.end()) return std::nullopt;
  return found->value;
}

void set_optional(json::Object& out, std::string_view name, const std::optional<std::string>& value) {
  if (value) out.set(std::string(name), *value);
}

json::Array texts(const std::vector<std::string>& values) {
  json::Array out;
  for (const std::string& value : values) out.emplace_back(value);
  return out;
}

// Left out when empty, which is the default of every list here.
template <class T, class Write>
void set_list(json::Object& out, std::string_view name, const std::vector<T>& values, Write write) {
  if (values.empty()) return;
  json::Array array;
  array.reserve(values.size());
  for (const T& value : values) array.emplace_back(write(value));
  out.set(std::string(name), std::move(array));
}

void set_parallel(json::Object& out, const Parallel& parallel) {
  out.set("targets", texts(parallel.targets));
  if (!parallel.join.empty()) out.set("join", parallel.join);
  if (parallel.strategy != "all") out.set("strategy", parallel.strategy);
}

void write(json::Object& out, const Goto& action) { out.set("target", action.target); }
void write(json::Object& out, const Halt& action) {
  if (!action.reason.empty()) out.set("reason", action.reason);
}
void write(json::Object& out, const Parallel& action) { set_parallel(out, action); }
void write(json::Object& out, const Retry& action) {
  out.set("target", action.target);
  if (action.backoff_ms != 0) out.set("backoff_ms", action.backoff_ms);
}
void write(json::Object& out, const Assert& action) {
  out.set("fact", action.fact);
  if (!action.slots.empty()) out.set("slots", action.slots);
}
void write(json::Object& out, const Retract& action) { out.set("pattern", action.pattern); }
void write(json::Object& out, const Interrupt& action) {
  out.set("prompt", action.prompt);
  if (!action.payload.empty()) out.set("interrupt_payload", action.payload);
  set_optional(out, "requested_capability", action.requested_capability);
  if (action.timeout) out.set("timeout", base::format_iso8601_duration(*action.timeout));
  if (action.on_timeout != "halt") out.set("on_timeout", action.on_timeout);
  set_optional(out, "guards", action.guards);
}

json::Value node_json(const Node& node) {
  json::Object out;
  out.set("id", node.id.str());
  out.set("kind", node.kind);
  set_optional(out, "spec", node.spec);
  if (!node.config.empty()) out.set("config", node.config);
  return out;
}

// "kind" always stands: without it the text could not be read again.
json::Value action_json(const Action& action) {
  json::Object out;
  out.set("kind", action_kind(action));
  std::visit([&out](const auto& one) { write(out, one); }, action);
  return out;
}

json::Value rule_json(const Rule& rule) {
  json::Object out;
  out.set("id", rule.id);
  if (!rule.when.empty()) out.set("when", rule.when);
  set_list(out, "then", rule.then, action_json);
  if (rule.node_id) out.set("node_id", rule.node_id->str());
  return out;
}

json::Value reference_json(const Reference& reference) {
  json::Object out;
  out.set("id", reference.id);
  set_optional(out, "version", reference.version);
  return out;
}

json::Value field_json(const StateField& field) {
  const bool plain = !field.fallback && !field.route && field.reducer == Reducer::kLastWrite;
  const bool has_short_form = field.type == FieldType::kStr || field.type == FieldType::kInt ||
                              field.type == FieldType::kBool || field.type == FieldType::kBytes;
  if (plain && has_short_form) return field_type_name(field.type);
  json::Object out;
  out.set("type", field_type_name(field.type));
  if (field.fallback) out.set("default", *field.fallback);
  if (field.route) out.set("route", true);
  if (field.reducer != Reducer::kLastWrite) out.set("reducer", reducer_name(field.reducer));
  return out;
}

json::Value mount_json(const PackMount& mount) {
  json::Object out;
  out.set("id", mount.id.str());
  set_optional(out, "version", mount.version);
  if (mount.requirements) {
    json::Object needs;
    set_optional(needs, "stargraph_facts_version", mount.requirements->stargraph_facts_version);
    set_optional(needs, "api_version", mount.requirements->api_version);
    out.set("requires", std::move(needs));
  }
  return out;
}

json::Value checkpoints_json(const Checkpoints& checkpoints) {
  const Checkpoints fallback;
  json::Object out;
  if (checkpoints.every != fallback.every) out.set("every", checkpoints.every);
  if (checkpoints.store != fallback.store) out.set("store", checkpoints.store);
  return out;
}

json::Value lm_json(const LanguageModel& lm) {
  const LanguageModel fallback;
  json::Object out;
  if (lm.provider != fallback.provider) out.set("provider", lm.provider);
  out.set("model", lm.model);
  if (lm.host != fallback.host) out.set("host", lm.host);
  if (lm.port != fallback.port) out.set("port", lm.port);
  if (!lm.args.empty()) out.set("args", texts(lm.args));
  if (lm.startup_timeout_s != fallback.startup_timeout_s) out.set("startup_timeout_s", lm.startup_timeout_s);
  return out;
}

}  // namespace

std::string_view field_type_name(FieldType type) { return name_of(kTypes, type); }
std::optional<FieldType> field_type_from_name(std::string_view name) { return value_of(kTypes, name); }
std::string_view reducer_name(Reducer reducer) { return name_of(kReducers, reducer); }
std::optional<Reducer> reducer_from_name(std::string_view name) { return value_of(kReducers, name); }
std::string_view action_kind(const Action& action) { return kActionKinds.at(action.index()); }
bool is_local_kind(std::string_view kind) { return std::ranges::find(kLocalKinds, kind) != kLocalKinds.end(); }

json::Object to_json(const Interrupt& interrupt) {
  json::Object out;
  write(out, interrupt);
  return out;
}

json::Value to_json(const Document& document) {
  json::Object out;
  out.set("ir_version", document.ir_version);
  out.set("id", document.id.str());
  json::Array nodes;
  for (const Node& node : document.nodes) nodes.push_back(node_json(node));
  out.set("nodes", std::move(nodes));  // required, so it stands even when empty
  set_list(out, "rules", document.rules, rule_json);
  set_list(out, "tools", document.tools, reference_json);
  set_list(out, "skills", document.skills, reference_json);
  set_list(out, "stores", document.stores, [](const StoreReference& store) -> json::Value {
    json::Object one;
    one.set("name", store.name);
    one.set("provider", store.provider);
    return one;
  });
  if (!document.state_schema.empty()) {
    json::Object fields;
    for (const StateField& field : document.state_schema) fields.set(field.name, field_json(field));
    out.set("state_schema", std::move(fields));
  }
  set_optional(out, "state_class", document.state_class);
  set_list(out, "parallel", document.parallel, [](const Parallel& block) -> json::Value {
    json::Object one;
    set_parallel(one, block);
    return one;
  });
  set_list(out, "governance", document.governance, mount_json);
  set_list(out, "migrate", document.migrate, [](const Migration& step) -> json::Value {
    json::Object one;
    one.set("from_hash", step.from_hash);
    one.set("to_hash", step.to_hash);
    return one;
  });
  if (document.checkpoints) out.set("checkpoints", checkpoints_json(*document.checkpoints));
  if (document.lm) out.set("lm", lm_json(*document.lm));
  return out;
}

std::string canonical_dump(const Document& document) { return json::compact(to_json(document)); }

}  // namespace stargraph::graph
