// stargraph: the operator's command line. Talks to a stargraphd over mutual TLS; `graph validate` and
// `graph hash` work on files alone.
#include <cstdio>

#include "bin/program.hpp"
#include "commands.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::cli {

using base::printable;
using base::Result;

Result<std::unique_ptr<client::Client>> Context::connect() const {
  if (!endpoint.url.empty()) return client::Client::make(endpoint);
  const base::Path file = config.empty() ? client::default_endpoint_file() : base::Path(config);
  SG_TRY(const client::Endpoint from_file, client::load_endpoint(base::real_env(), file));
  return client::Client::make(from_file);
}

void Context::print(const json::Value& document, const std::string& text) const {
  const std::string out = json ? json::pretty(document) + "\n" : text;
  std::fwrite(out.data(), 1, out.size(), stdout);
}

std::string field(const json::Value& object, std::string_view name) {
  const json::Value* const value = object.object() != nullptr ? object.object()->find(name) : nullptr;
  if (value == nullptr || value->is_null()) return "";
  return printable(value->string() != nullptr ? *value->string() : json::canonical(*value));
}

namespace {

int run(int argc, char** argv) {
  CLI::App app{"Operates a stargraphd appliance"};
  app.set_version_flag("--version", STARGRAPH_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  Context context;
  app.add_option("--config", context.config, "Client configuration (url, certificate, key, ca)")->type_name("FILE");
  app.add_option("--url", context.endpoint.url, "https://HOST:PORT of the appliance");
  app.add_option("--cert", context.endpoint.certificate, "Client certificate, PEM")->type_name("FILE");
  app.add_option("--key", context.endpoint.key, "Client key, PEM, mode 0600")->type_name("FILE");
  app.add_option("--ca", context.endpoint.ca, "CA that signed the appliance's certificate, PEM")->type_name("FILE");
  app.add_flag("--json", context.json, "One JSON document on stdout");
  add_run_commands(app, context);
  add_graph_commands(app, context);
  add_audit_commands(app, context);
  add_status_command(app, context);
  add_doctor_command(app, context);
  app.footer(
      "Examples:\n  stargraph run start soc.triage --params alert.json --wait\n  stargraph run respond RUN --interrupt "
      "ID --set decision=approve\n"
      "  stargraph graph validate triage.yaml\n"
      "Exit codes: 0 done, 1 failed, 2 usage, 3 trust, 4 integrity, 5 denied, 6 unavailable, 7 configuration");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? base::kExitDone : base::kExitUsage;
  }
  const Result<int> done = context.action();
  if (done) return *done;
  if (context.json) context.print(json::Object{{"code", done.error().name()}, {"detail", done.error().message}}, "");
  std::fprintf(stderr, "stargraph: %s (%s)\n", printable(done.error().message).c_str(),
               std::string(done.error().name()).c_str());
  return done.error().exit_code();
}

}  // namespace
}  // namespace stargraph::cli

int main(int argc, char** argv) { return stargraph::run_program("stargraph", stargraph::cli::run, argc, argv); }
