#include "graph/checks.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "graph/structure.hpp"
#include "graph/sugar.hpp"
#include "stargraph/clp/token.hpp"
#include "stargraph/clp/when.hpp"
#include "stargraph/graph/state.hpp"
#include "stargraph/graph/template.hpp"

namespace stargraph::graph {
namespace {

constexpr std::string_view kSlug = "slug ([a-z0-9][a-z0-9_\\-.]{0,127})";
constexpr std::string_view kNodeHere = "id of a node of this document";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "12", "1.5", "1e5": CLIPS reads these as numbers, so no pattern could name such a node.
bool reads_as_number(std::string_view id) {
  const auto tokens = clp::tokenize(id);
  return !tokens || tokens->size() != 1 || tokens->front().kind != clp::TokenKind::kSymbol;
}

bool is_kind(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '.' || c == '-' ||
           c == ':' || c == '/';
  });
}

// "module:Class"
bool is_class_name(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size() || text.size() > 256) return false;
  return is_kind(text.substr(0, std::min<std::size_t>(colon, 128))) &&
         text.find_first_of("/-") == std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string at(std::string_view list, std::size_t index) { return child(child("", list), index); }

template <class T, class Id>
void check_slugs(const std::vector<T>& items, std::string_view list, Id id, Faults& faults) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!is_slug(id(items[i]))) faults.add(child(at(list, i), "id"), kSlug, "string", "Rename it.");
  }
}

template <class T, class Id>
void check_unique(const std::vector<T>& items, std::string_view list, std::string_view key, Id id, Faults& faults) {
  std::unordered_map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string_view name = id(items[i]);
    const auto [seen, is_new] = first.emplace(name, i);
    if (is_new) continue;
    const std::string named = is_slug(name) ? "duplicate id '" + std::string(name) + "'" : std::string("duplicate id");
    faults.add(child(at(list, i), key), "unique within " + std::string(list), shown(name),
               named + " also at " + child(at(list, seen->second), key));
  }
}

std::string_view node_id(const Node& node) { return node.id.str(); }
std::string_view rule_id(const Rule& rule) { return rule.id; }
std::string_view mount_id(const PackMount& mount) { return mount.id.str(); }
std::string_view reference_id(const Reference& reference) { return reference.id; }

// Does `text` follow SemVer 2.0.0 closely enough that a major version can be read from it?
bool is_semver(std::string_view text) {
  if (text.size() > 64) return false;
  for (int part = 0; part < 3; ++part) {
    const std::size_t digits = text.find_first_not_of("0123456789");
    const std::size_t length = digits == std::string_view::npos ? text.size() : digits;
    if (length == 0 || (length > 1 && text.front() == '0')) return false;
    text.remove_prefix(length);
    if (part == 2) break;
    if (text.empty() || text.front() != '.') return false;
    text.remove_prefix(1);
  }
  if (text.empty()) return true;
  if ((text.front() != '-' && text.front() != '+') || text.size() == 1) return false;
  return std::ranges::all_of(text.substr(1), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' || c == '-' || c == '+';
  });
}

class References {
 public:
  References(const Document& document, Faults& faults) : document_(document), faults_(faults) {
    for (const Node& node : document.nodes) nodes_.insert(node.id.str());
  }

  void node(std::string path, std::string_view id) {
    if (nodes_.contains(id)) return;
    const std::string hint = is_slug(id) ? no_such_node(id, document_) : "Name a node of this document.";
    faults_.add(std::move(path), kNodeHere, shown(id), hint);
  }

  void parallel(const std::string& path, const Parallel& block) {
    if (block.targets.empty()) faults_.add(child(path, "targets"), "at least one node", "array", kHintLength);
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < block.targets.size(); ++i) {
      const std::string target_path = child(child(path, "targets"), i);
      node(target_path, block.targets[i]);
      if (!seen.insert(block.targets[i]).second) {
        faults_.add(target_path, "each target once", shown(block.targets[i]), "Remove the repeated target.");
      }
    }
    if (!block.join.empty()) node(child(path, "join"), block.join);
  }

  void interrupt(const std::string& path, const Interrupt& question) {
    constexpr std::string_view kGoto = "goto:";
    const std::string_view on_timeout = question.on_timeout;
    if (on_timeout.starts_with(kGoto)) {
      node(child(path, "on_timeout"), on_timeout.substr(kGoto.size()));
    } else if (on_timeout != "halt") {
      faults_.add(child(path, "on_timeout"), "halt or goto:<node id>", "string", kHintKind);
    }
    if (question.guards) node(child(path, "guards"), *question.guards);
    const auto& capability = question.requested_capability;
    if (capability && !is_kind(*capability)) {
      faults_.add(child(path, "requested_capability"), "capability name", "string", "Write it as in runs:respond.");
    }
    check_places(child(path, "prompt"), question.prompt);
  }

  void check_places(const std::string& path, std::string_view text) {
    const auto fields = template_fields(text);
    if (!fields) {
      faults_.add(path, "text with {field} places", "string", "Write {{ and }} for braces that are no place.");
      return;
    }
    if (document_.open_state()) return;
    for (const std::string& field : *fields) {
      const bool declared =
          std::ranges::any_of(document_.state_schema, [&field](const StateField& one) { return one.name == field; });
      if (!declared)
        faults_.add(path, "places that name declared state fields", "string", "Declare the field in state_schema.");
    }
  }

 private:
  const Document& document_;
  Faults& faults_;
  std::set<std::string_view> nodes_;
};

void check_action(const Action& action, const std::string& path, References& references) {
  if (const auto* go = std::get_if<Goto>(&action)) references.node(child(path, "target"), go->target);
  if (const auto* retry = std::get_if<Retry>(&action)) references.node(child(path, "target"), retry->target);
  if (const auto* parallel = std::get_if<Parallel>(&action)) references.parallel(path, *parallel);
  if (const auto* question = std::get_if<Interrupt>(&action)) references.interrupt(path, *question);
}

void check_strategy(const Parallel& block, const std::string& path, Faults& faults) {
  if (block.strategy == "all") return;
  faults.add(child(path, "strategy"), "all", "string", "Only strategy all is run by this engine.", kInvalid,
             base::Code::kUnsupportedFeature);
}

void check_default(const StateField& field, Faults& faults) {
  if (!field.fallback) return;
  StateSchema schema{.open = false, .fields = {field}};
  json::Object params;
  params.set(field.name, *field.fallback);
  if (check_start_state(schema, params)) return;
  faults.add(child(child(child("", "state_schema"), field.name), "default"), field_type_name(field.type),
             field.fallback->type_name(), "A default must have the field's own type.");
}

void check_template_node(const Node& node, const std::string& path, const Document& document, References& references,
                         Faults& faults) {
  const json::Value config(node.config);
  Members members(config, path, faults);
  const std::string text = members.text("template");
  const std::string out = members.text("out");
  members.finish();
  references.check_places(child(path, "template"), text);
  if (!is_field_name(out)) {
    faults.add(child(path, "out"), "state field", "string", "Name the state field that takes the text.");
    return;
  }
  if (document.open_state()) return;
  const auto field = std::ranges::find(document.state_schema, out, &StateField::name);
  if (field == document.state_schema.end() || field->type != FieldType::kStr) {
    faults.add(child(path, "out"), "declared state field of type str", "string", "Declare it in state_schema.");
  }
}

}  // namespace

void check_ids(const Document& document, Faults& faults) {
  check_slugs(document.nodes, "nodes", node_id, faults);
  check_slugs(document.rules, "rules", rule_id, faults);
  check_slugs(document.governance, "governance", mount_id, faults);
  if (document.id.str().empty() || document.id.str().size() > 256 || has_control(document.id.str())) {
    faults.add("/id", "1 to 256 bytes without control characters", "string", kHintLength);
  }
}

void check_duplicates(const Document& document, Faults& faults) {
  check_unique(document.nodes, "nodes", "id", node_id, faults);
  check_unique(document.rules, "rules", "id", rule_id, faults);
  check_unique(document.governance, "governance", "id", mount_id, faults);
  check_unique(document.tools, "tools", "id", reference_id, faults);
  check_unique(document.skills, "skills", "id", reference_id, faults);
  check_unique(
      document.stores, "stores", "name", [](const StoreReference& one) { return std::string_view(one.name); }, faults);
}

void check_version(const Document& document, Faults& faults) {
  const std::string& version = document.ir_version;
  if (is_semver(version) && version.starts_with("1.")) return;
  faults.add("/ir_version", "^1\\.", "string",
             is_semver(version) ? "version_mismatch: this engine reads major version 1"
                                : "version_mismatch: not a semantic version",
             kVersionMismatch, base::Code::kUnsupportedVersion);
}

void check_references(const Document& document, Faults& faults) {
  References references(document, faults);
  for (std::size_t i = 0; i < document.rules.size(); ++i) {
    const Rule& rule = document.rules[i];
    for (std::size_t j = 0; j < rule.then.size(); ++j) {
      check_action(rule.then[j], child(child(at("rules", i), "then"), j), references);
    }
    if (rule.node_id) references.node(child(at("rules", i), "node_id"), rule.node_id->str());
  }
  std::map<std::string_view, std::size_t> first_targets;
  for (std::size_t i = 0; i < document.parallel.size(); ++i) {
    const Parallel& block = document.parallel[i];
    references.parallel(at("parallel", i), block);
    if (block.targets.empty()) continue;
    if (!first_targets.emplace(block.targets.front(), i).second) {
      faults.add(child(child(at("parallel", i), "targets"), std::size_t{0}), "one block a first target",
                 shown(block.targets.front()), "Two blocks cannot begin at the same node.");
    }
  }
}

void check_executable(const Document& document, Faults& faults) {
  for (std::size_t i = 0; i < document.nodes.size(); ++i) {
    const Node& node = document.nodes[i];
    if (!is_kind(node.kind)) {
      faults.add(child(at("nodes", i), "kind"), "kind ([A-Za-z0-9_.:/-]{1,128})", "string", "Rename the kind.");
    }
    if (reads_as_number(node.id.str())) {
      faults.add(child(at("nodes", i), "id"), "an id that is no number", shown(node.id.str()),
                 "CLIPS reads this id as a number: no rule could match it.");
    }
  }
  for (std::size_t i = 0; i < document.rules.size(); ++i) {
    for (std::size_t j = 0; j < document.rules[i].then.size(); ++j) {
      const Action& action = document.rules[i].then[j];
      const std::string path = child(child(at("rules", i), "then"), j);
      if (const auto* parallel = std::get_if<Parallel>(&action)) check_strategy(*parallel, path, faults);
      if (std::holds_alternative<Assert>(action) || std::holds_alternative<Retract>(action)) {
        faults.add(child(path, "kind"), "goto, halt, parallel, retry or interrupt", action_kind(action),
                   "A graph rule decides only; assert and retract belong into a rules pack.", kInvalid,
                   base::Code::kUnsupportedFeature);
      }
    }
  }
  for (std::size_t i = 0; i < document.parallel.size(); ++i)
    check_strategy(document.parallel[i], at("parallel", i), faults);
  if (document.state_class && !document.state_schema.empty()) {
    faults.add("/state_class", "state_schema or state_class, not both", "string", "Remove one of the two.");
  }
  if (document.state_class && !is_class_name(*document.state_class)) {
    faults.add("/state_class", "module:Class", "string", "Name a class, or declare a state_schema.");
  }
  for (const StateField& field : document.state_schema) check_default(field, faults);
}

void check_local_nodes(const Document& document, Faults& faults) {
  References references(document, faults);
  for (std::size_t i = 0; i < document.nodes.size(); ++i) {
    const Node& node = document.nodes[i];
    if (!is_local_kind(node.kind)) continue;
    const std::string path = child(at("nodes", i), "config");
    const json::Value config(node.config);
    if (node.kind == "template") {
      check_template_node(node, path, document, references, faults);
      continue;
    }
    Members in(config, path, faults);
    if (node.kind == "interrupt") {
      const std::size_t before = faults.list().size();
      const Interrupt question = read_interrupt(in);
      if (faults.list().size() == before) references.interrupt(path, question);
    }
    in.finish();  // echo, halt and passthrough take no config
  }
}

void check_conditions(const Document& document, Faults& faults) {
  std::set<std::string_view> nodes;
  for (const Node& node : document.nodes) nodes.insert(node.id.str());
  for (std::size_t i = 0; i < document.rules.size(); ++i) {
    const std::string path = child(at("rules", i), "when");
    if (document.rules[i].when.find_first_not_of(" \t\r\n") == std::string::npos) {
      faults.add(path, "a condition", "nothing", "A rule without condition would fire at every decision.", kInvalid,
                 base::Code::kWhenInvalid);
      continue;
    }
    const auto when = clp::check_when(document.rules[i].when);
    if (!when) {
      const bool is_function = when.error().code == base::Code::kRulesFunction;
      faults.add(path, "CLIPS conditional elements", "string",
                 is_function ? "A condition may call functions of the allow-list that neither act nor repeat."
                             : "A condition is patterns only; it cannot close its rule or begin another construct.",
                 kInvalid, is_function ? base::Code::kRulesFunction : base::Code::kWhenInvalid);
      continue;
    }
    if (!when->node || nodes.contains(*when->node)) continue;
    faults.add(
        path, kNodeHere, shown(*when->node),
        is_slug(*when->node) ? no_such_node(*when->node, document) : std::string("Name a node of this document."));
  }
}

}  // namespace stargraph::graph
