// The command line of operators: each function adds one group of subcommands to the parser.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "stargraph/client/client.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::cli {

// What all subcommands share. Subcommands store what they would do in `action`; main runs it after
// parsing, so that nothing happens on a usage error.
struct Context {
  std::string config;
  client::Endpoint endpoint;
  bool json = false;
  std::function<base::Result<int>()> action;

  // Flags over the configuration file.
  [[nodiscard]] base::Result<std::unique_ptr<client::Client>> connect() const;
  // One JSON document on stdout with --json, else `text` (a line or several).
  void print(const json::Value& document, const std::string& text) const;
};

void add_run_commands(CLI::App& app, Context& context);
void add_graph_commands(CLI::App& app, Context& context);
void add_audit_commands(CLI::App& app, Context& context);
void add_status_command(CLI::App& app, Context& context);
void add_doctor_command(CLI::App& app, Context& context);

// A member as base::printable text (a graph or a worker may have sent it), "" when it is absent or null; strings
// without quotes.
[[nodiscard]] std::string field(const json::Value& object, std::string_view name);

}  // namespace stargraph::cli
