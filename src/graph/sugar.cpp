#include "graph/sugar.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "stargraph/clp/form.hpp"
#include "stargraph/graph/state.hpp"

namespace stargraph::graph {
namespace {

constexpr std::size_t kHintedNodes = 16;

bool is_id_text(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

// ^[A-Za-z_][A-Za-z0-9_\-]*$ after dots became dashes.
std::string template_name(std::string_view field) {
  std::string out(field);
  std::ranges::replace(out, '.', '-');
  return out;
}

bool is_template_name(std::string_view text) {
  return clp::is_plain_symbol(text) && text.size() <= 128 && text.find('.') == std::string_view::npos;
}

using NodeIds = std::set<std::string_view>;

std::string lower_one(const json::Object& sugar, const Document& document, const NodeIds& nodes,
                      const std::string& path, Faults& faults) {
  if (sugar.empty()) {
    faults.add(path, "at least one of node and a field", "object", "An empty mapping matches nothing.");
    return {};
  }
  std::string node;
  std::map<std::string, std::string> fields;  // sorted
  for (const auto& [key, value] : sugar) {
    if (key == "node") {
      const std::string* id = value.string();
      if (id == nullptr || !is_id_text(*id)) {
        faults.add(path, "node id ([A-Za-z0-9_.-]+)", value.type_name(), "Name a node of this document.");
        continue;
      }
      if (!nodes.contains(*id))
        faults.add(path, "id of a node of this document", shown(*id), no_such_node(*id, document));
      node = "(node-id (id " + *id + "))";
      continue;
    }
    const std::string name = template_name(key);
    const bool scalar = !value.is_null() && !value.is_array() && !value.is_object();
    if (!is_template_name(name)) {
      faults.add(path, "field name ([A-Za-z_][A-Za-z0-9_.-]*)", "string", "Name a state field.");
      continue;
    }
    if (!scalar) {
      faults.add(path, "string, number or boolean", value.type_name(), "Compare a field with a scalar.");
      continue;
    }
    const auto quoted = clp::quote_string(text_of(value).value_or(""));
    if (!quoted) {
      faults.add(path, "text without NUL", value.type_name(), kHintType);
      continue;
    }
    if (!fields.emplace(name, "(" + name + " (value " + *quoted + "))").second) {
      faults.add(path, "each field once", "object", "Two names become the same one: dots are dashes in facts.");
    }
  }
  std::string out = node;
  for (const auto& [name, pattern] : fields) {
    if (!out.empty()) out += ' ';
    out += pattern;
  }
  return out;
}

}  // namespace

std::string no_such_node(std::string_view id, const Document& document) {
  std::string out = "no node with id '" + std::string(id) + "'; declared: [";
  for (std::size_t i = 0; i < document.nodes.size() && i <= kHintedNodes; ++i) {
    if (i > 0) out += ", ";
    out += i == kHintedNodes ? "..." : "'" + document.nodes[i].id.str() + "'";
  }
  return out + "]";
}

void lower_sugar(Structure& structure, Faults& faults) {
  NodeIds nodes;
  for (const Node& node : structure.document.nodes) nodes.insert(node.id.str());
  for (const auto& [index, sugar] : structure.sugar) {
    const std::string path = child(child(child("", "rules"), index), "when");
    structure.document.rules[index].when = lower_one(*sugar, structure.document, nodes, path, faults);
  }
}

}  // namespace stargraph::graph
