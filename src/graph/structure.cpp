#include "graph/structure.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "stargraph/graph/state.hpp"

namespace stargraph::graph {
namespace {

constexpr std::int64_t kMaxBackoffMs = 86'400'000;
constexpr std::int64_t kMaxTimeoutSeconds = 366LL * 86'400;

template <class T, class ReadOne>
std::vector<T> read_list(Members& in, std::string_view name, bool required, std::size_t max_items, ReadOne read_one) {
  std::vector<T> out;
  const json::Array* array = in.items(name, required, max_items);
  if (array == nullptr) return out;
  out.reserve(array->size());
  for (std::size_t i = 0; i < array->size(); ++i) {
    Members item((*array)[i], child(child(in.path(), name), i), in.faults());
    out.push_back(read_one(item, i));
  }
  return out;
}

// "PT15M", or a number of seconds.
std::optional<base::Duration> read_duration(Members& in, std::string_view name) {
  const json::Value* value = in.take(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  std::optional<base::Duration> out;
  if (const std::string* text = value->string()) {
    if (const auto parsed = base::parse_iso8601_duration(*text)) out = *parsed;
  } else if (const std::int64_t* seconds = value->integer()) {
    if (*seconds <= kMaxTimeoutSeconds) out = std::chrono::seconds(*seconds);
  } else if (const double* real = value->number()) {
    if (*real > 0 && *real <= static_cast<double>(kMaxTimeoutSeconds)) {
      out = base::Duration(static_cast<std::int64_t>(std::llround(*real * 1e6)));
    }
  } else {
    in.wrong_type(name, "ISO-8601 duration or seconds", *value);
    return std::nullopt;
  }
  if (out && *out > base::Duration::zero() && *out <= std::chrono::seconds(kMaxTimeoutSeconds)) return out;
  in.faults().add(child(in.path(), name), "ISO-8601 duration or seconds, over zero and at most 366 days",
                  value->type_name(), kHintBound);
  return std::nullopt;
}

Parallel read_parallel(Members& in) {
  Parallel out;
  out.targets = in.texts("targets", true);
  out.join = in.text_or("join", "");
  out.strategy = in.text_or("strategy", "all");
  return out;
}

using ReadAction = Action (*)(Members&);
struct ActionForm {
  std::string_view kind;
  ReadAction read;
};
constexpr std::array<ActionForm, 7> kActionForms = {{
    {"goto", [](Members& in) -> Action { return Goto{in.text("target")}; }},
    {"halt", [](Members& in) -> Action { return Halt{in.text_or("reason", "")}; }},
    {"parallel", [](Members& in) -> Action { return read_parallel(in); }},
    {"retry",
     [](Members& in) -> Action {
       Retry out;
       out.target = in.text("target");
       out.backoff_ms = in.integer_or("backoff_ms", 0, 0, kMaxBackoffMs);
       return out;
     }},
    {"assert",
     [](Members& in) -> Action {
       Assert out;
       out.fact = in.text("fact");
       out.slots = in.text_or("slots", "");
       return out;
     }},
    {"retract", [](Members& in) -> Action { return Retract{in.text("pattern")}; }},
    {"interrupt", [](Members& in) -> Action { return read_interrupt(in); }},
}};

Action read_action(Members& in) {
  if (!in.is_object()) return Halt{};
  const json::Value* kind = in.take("kind");
  if (kind == nullptr) {
    in.faults().add(child(in.path(), "kind"), "an action kind", "nothing", kHintNoKind);
    return Halt{};
  }
  const std::string* name = kind->string();
  for (const ActionForm& form : kActionForms) {
    if (name == nullptr || form.kind != *name) continue;
    Action action = form.read(in);
    in.finish();
    return action;
  }
  in.faults().add(child(in.path(), "kind"), "goto, halt, parallel, retry, assert, retract or interrupt",
                  kind->type_name(), kHintKind);
  return Halt{};
}

Node read_node(Members& in) {
  Node out;
  out.id = base::NodeId(in.text("id"));
  out.kind = in.text("kind");
  out.spec = in.nullable_text("spec");
  out.config = in.object_or_empty("config");
  in.finish();
  return out;
}

Rule read_rule(Members& in, const json::Object*& sugar) {
  Rule out;
  out.id = in.text("id");
  if (const json::Value* when = in.take("when")) {
    if (const std::string* text = when->string()) {
      out.when = *text;
    } else if (when->is_object()) {
      sugar = when->object();
    } else {
      in.wrong_type("when", "string or mapping", *when);
    }
  }
  out.then =
      read_list<Action>(in, "then", false, kMaxRules, [](Members& item, std::size_t) { return read_action(item); });
  if (auto node_id = in.nullable_text("node_id")) out.node_id = base::NodeId(*std::move(node_id));
  in.finish();
  return out;
}

PackMount read_mount(Members& in) {
  PackMount out;
  out.id = base::PackId(in.text("id"));
  out.version = in.nullable_text("version");
  if (const json::Value* requires_block = in.take("requires");
      requires_block != nullptr && !requires_block->is_null()) {
    Members inner(*requires_block, child(in.path(), "requires"), in.faults());
    PackRequires needs;
    needs.stargraph_facts_version = inner.nullable_text("stargraph_facts_version");
    needs.api_version = inner.nullable_text("api_version");
    inner.finish();
    out.requirements = std::move(needs);
  }
  in.finish();
  return out;
}

Reference read_reference(Members& in) {
  Reference out;
  out.id = in.text("id");
  out.version = in.nullable_text("version");
  in.finish();
  return out;
}

std::optional<Checkpoints> read_checkpoints(Members& in) {
  const json::Value* value = in.take("checkpoints");
  if (value == nullptr || value->is_null()) return std::nullopt;
  Members inner(*value, child(in.path(), "checkpoints"), in.faults());
  Checkpoints out;
  out.every = inner.text_or("every", out.every);
  if (out.every != "node-exit" && out.every != "never") {
    in.faults().add(child(inner.path(), "every"), "node-exit or never", "string", kHintKind);
  }
  out.store = inner.text_or("store", out.store);
  inner.finish();
  return out;
}

std::optional<LanguageModel> read_lm(Members& in) {
  const json::Value* value = in.take("lm");
  if (value == nullptr || value->is_null()) return std::nullopt;
  Members inner(*value, child(in.path(), "lm"), in.faults());
  LanguageModel out;
  out.provider = inner.text_or("provider", out.provider);
  if (out.provider != "sglang") in.faults().add(child(inner.path(), "provider"), "sglang", "string", kHintKind);
  out.model = inner.text("model");
  out.host = inner.text_or("host", out.host);
  out.port = inner.integer_or("port", out.port, 1, 65535);
  out.args = inner.texts("args", false);
  out.startup_timeout_s = inner.integer_or("startup_timeout_s", out.startup_timeout_s, 1, 86'400);
  inner.finish();
  return out;
}

// The short form has upstream's four scalar types; the object form has all of ours.
std::optional<FieldType> short_type(std::string_view name) {
  const auto type = field_type_from_name(name);
  const bool scalar =
      type == FieldType::kStr || type == FieldType::kInt || type == FieldType::kBool || type == FieldType::kBytes;
  return scalar ? type : std::nullopt;
}

void read_long_field(Members& in, StateField& field) {
  const std::string type = in.text("type");
  if (const auto known = field_type_from_name(type)) {
    field.type = *known;
  } else if (in.is_object()) {
    in.faults().add(child(in.path(), "type"), "str, int, bool, float, list, map or bytes", "string",
                    "Unsupported state_schema type.");
  }
  field.route = in.boolean_or("route", false);
  const std::string reducer = in.text_or("reducer", "last-write");
  if (const auto known = reducer_from_name(reducer)) {
    field.reducer = *known;
  } else {
    in.faults().add(child(in.path(), "reducer"), "last-write, append, max or min", "string", kHintKind);
  }
  const bool numeric = field.type == FieldType::kInt || field.type == FieldType::kFloat;
  if ((field.reducer == Reducer::kAppend && field.type != FieldType::kList) ||
      ((field.reducer == Reducer::kMax || field.reducer == Reducer::kMin) && !numeric)) {
    in.faults().add(child(in.path(), "reducer"), "append on a list, max or min on a number", "string", kHintKind);
  }
  if (const json::Value* fallback = in.take("default")) field.fallback = *fallback;
  in.finish();
}

std::vector<StateField> read_state_schema(Members& in) {
  std::vector<StateField> out;
  const json::Object fields = in.object_or_empty("state_schema");
  const std::string path = child(in.path(), "state_schema");
  if (fields.size() > kMaxStateFields) {
    in.faults().add(path, "at most " + std::to_string(kMaxStateFields) + " fields", "object", kHintLength, kInvalid,
                    base::Code::kTooLarge);
    return out;
  }
  for (const auto& [name, value] : fields) {
    StateField field;
    field.name = name;
    const std::string field_path = child(path, name);
    if (!is_field_name(name)) {
      in.faults().add(field_path, "field name ([A-Za-z][A-Za-z0-9_.-]{0,127})", "string", "Rename the field.");
    }
    if (const std::string* type = value.string()) {
      if (const auto known = short_type(*type)) {
        field.type = *known;
      } else {
        in.faults().add(field_path, "str, int, bool or bytes", "string",
                        "Unsupported state_schema type. Lists, maps and floats take the form {type: list}.");
      }
    } else if (value.is_object()) {
      Members inner(value, field_path, in.faults());
      read_long_field(inner, field);
    } else {
      in.faults().add(field_path, "type name or object", value.type_name(), kHintType);
    }
    out.push_back(std::move(field));
  }
  return out;
}

}  // namespace

Interrupt read_interrupt(Members& in) {
  Interrupt out;
  out.prompt = in.text("prompt");
  out.payload = in.object_or_empty("interrupt_payload");
  out.requested_capability = in.nullable_text("requested_capability");
  out.timeout = read_duration(in, "timeout");
  out.on_timeout = in.text_or("on_timeout", "halt");
  out.guards = in.nullable_text("guards");
  return out;
}

Structure read_structure(const json::Value& value, Faults& faults) {
  Structure out;
  Document& document = out.document;
  Members in(value, "", faults);
  document.ir_version = in.text("ir_version");
  document.id = base::GraphId(in.text("id"));
  document.nodes =
      read_list<Node>(in, "nodes", true, kMaxNodes, [](Members& item, std::size_t) { return read_node(item); });
  document.rules = read_list<Rule>(in, "rules", false, kMaxRules, [&out](Members& item, std::size_t i) {
    const json::Object* sugar = nullptr;
    Rule rule = read_rule(item, sugar);
    if (sugar != nullptr) out.sugar.emplace_back(i, sugar);
    return rule;
  });
  const auto reference = [](Members& item, std::size_t) { return read_reference(item); };
  document.tools = read_list<Reference>(in, "tools", false, kMaxNodes, reference);
  document.skills = read_list<Reference>(in, "skills", false, kMaxNodes, reference);
  document.stores = read_list<StoreReference>(in, "stores", false, kMaxNodes, [](Members& item, std::size_t) {
    StoreReference store;
    store.name = item.text("name");
    store.provider = item.text("provider");
    item.finish();
    return store;
  });
  document.state_schema = read_state_schema(in);
  document.state_class = in.nullable_text("state_class");
  document.parallel = read_list<Parallel>(in, "parallel", false, kMaxNodes, [](Members& item, std::size_t) {
    Parallel block = read_parallel(item);
    item.finish();
    return block;
  });
  document.governance = read_list<PackMount>(in, "governance", false, kMaxNodes,
                                             [](Members& item, std::size_t) { return read_mount(item); });
  document.migrate = read_list<Migration>(in, "migrate", false, kMaxNodes, [](Members& item, std::size_t) {
    Migration step;
    step.from_hash = item.text("from_hash");
    step.to_hash = item.text("to_hash");
    item.finish();
    return step;
  });
  document.checkpoints = read_checkpoints(in);
  document.lm = read_lm(in);
  in.finish();
  return out;
}

}  // namespace stargraph::graph
