#include "commands.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/graph/hash.hpp"
#include "stargraph/graph/parse.hpp"

namespace stargraph::cli {
namespace {

using base::printable;
using base::Result;
using json::Object;
using json::Value;

Result<std::string> read_text(const std::string& file) {
  SG_TRY(const base::Bytes bytes, base::real_env().read_file(file, graph::kMaxDocumentBytes));
  return base::to_text(bytes);
}

bool is_json(const std::string& file) { return base::Path(file).extension() == ".json"; }

Result<int> validate(const Context& context, const std::string& file) {
  SG_TRY(const std::string text, read_text(file));
  const std::vector<graph::Fault> faults = is_json(file) ? graph::validate_json(text) : graph::validate_yaml(text);
  json::Array rows;
  std::string lines;
  for (const graph::Fault& fault : faults) {
    rows.push_back(Object{{"path", fault.path},
                          {"code", base::reason(fault.code).name},
                          {"message", fault.message},
                          {"expected", fault.expected},
                          {"actual", fault.actual},
                          {"hint", fault.hint}});
    lines += printable(file + ": " + fault.as_error().message) + "\n";
  }
  const bool valid = faults.empty();
  if (valid) lines = printable(file) + ": valid\n";
  context.print(Object{{"file", file}, {"valid", valid}, {"faults", std::move(rows)}}, lines);
  return valid ? base::kExitDone : base::kExitIntegrity;
}

Result<int> hash(const Context& context, const std::string& file) {
  SG_TRY(const std::string text, read_text(file));
  SG_TRY(const graph::Document document, is_json(file) ? graph::load_json(text) : graph::load_yaml(text));
  const std::string hex = graph::graph_hash(document).hex();
  context.print(Object{{"graph_id", document.id.str()}, {"graph_hash", hex}},
                hex + "  " + printable(document.id.str()) + "\n");
  return base::kExitDone;
}

void add_file_command(CLI::App& group, Context& context, const std::string& name, const std::string& description,
                      Result<int> (*act)(const Context&, const std::string&)) {
  auto file = std::make_shared<std::string>();
  CLI::App* const command = group.add_subcommand(name, description);
  command->add_option("file", *file, "Graph document, YAML or .json")->required()->type_name("FILE");
  command->callback([&context, file, act] { context.action = [&context, file, act] { return act(context, *file); }; });
}

std::string components_text(const Value& health) {
  const Value* const components = health.object() != nullptr ? health.object()->find("components") : nullptr;
  std::string text;
  if (components == nullptr || components->object() == nullptr) return text;
  for (const auto& [name, component] : *components->object())
    text +=
        "component: " + printable(name) + ": " + field(component, "status") + " (" + field(component, "detail") + ")\n";
  return text;
}

std::string packs_text(const Value& packs) {
  const Value* const items = packs.object() != nullptr ? packs.object()->find("items") : nullptr;
  std::string text;
  if (items == nullptr || items->array() == nullptr) return text;
  for (const Value& pack : *items->array()) {
    text += "pack: " + field(pack, "id") + " " + field(pack, "version") + " (" + field(pack, "kind") + ", epoch " +
            field(pack, "epoch") + ")\n";
  }
  return text;
}

// An unhealthy appliance may answer nothing but its health; that is told whatever becomes of the rest.
Result<int> status(const Context& context) {
  SG_TRY(const auto daemon, context.connect());
  SG_TRY(const Value health, daemon->get_health());
  const bool fine = field(health, "status") == "ok";
  Result<Value> packs = daemon->get("/v1/packs");
  if (!packs && fine) return std::unexpected(std::move(packs).error());
  std::string text = "status: " + field(health, "status") + "\n";
  if (!fine) text += components_text(health);
  text += packs ? packs_text(*packs) : "packs: " + printable(packs.error().message) + "\n";
  context.print(Object{{"health", health}, {"packs", packs ? *packs : Value()}}, text);
  return fine ? base::kExitDone : base::kExitUnavailable;
}

}  // namespace

void add_graph_commands(CLI::App& app, Context& context) {
  CLI::App* const group = app.add_subcommand("graph", "Check graph documents; see what the appliance can run");
  group->require_subcommand(1);
  group->fallthrough();
  add_file_command(*group, context, "validate", "Check a document; each fault with its pointer (offline)", validate);
  add_file_command(*group, context, "hash", "The graph hash of a document (offline)", hash);
  CLI::App* const list = group->add_subcommand("list", "Graphs that may be started");
  list->callback([&context] {
    context.action = [&context]() -> Result<int> {
      SG_TRY(const auto daemon, context.connect());
      SG_TRY(const Value graphs, daemon->get("/v1/graphs"));
      std::string text;
      if (graphs.array() != nullptr) {
        for (const Value& graph : *graphs.array())
          text += field(graph, "graph_hash").substr(0, 16) + "  " + field(graph, "graph_id") + "\n";
      }
      context.print(graphs, text);
      return base::kExitDone;
    };
  });
}

void add_status_command(CLI::App& app, Context& context) {
  app.add_subcommand("status", "Health of the appliance and its active packs")->callback([&context] {
    context.action = [&context] { return status(context); };
  });
}

}  // namespace stargraph::cli
