// stargraph-pack: makes, checks and imports packs, offline. No network code is linked.
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdio>

#include "bin/program.hpp"
#include "commands.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::packcli {

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    out += base::printable(text.substr(0, end)) + "\n";
    text.remove_prefix(end + 1);
  }
  return out + base::printable(text);
}

void Context::print(const json::Value& document, const std::string& text) const {
  const std::string out = json ? json::pretty(document) + "\n" : printable(text);
  std::fwrite(out.data(), 1, out.size(), stdout);
}

void Context::explain(const json::Object& document, const std::string& text) const {
  explanation = document;
  if (!json) print({}, text);
}

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  stargraph-pack keygen --out keys --name publisher\n"
    "  stargraph-pack fingerprint keys/publisher.pub.pem\n"
    "  stargraph-pack build soc-policy/ --key keys/publisher.key.pem --epoch 1 --out soc-policy.sgpack\n"
    "  stargraph-pack inspect soc-policy.sgpack\n"
    "  stargraph-pack import soc-policy.sgpack\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 trust, 4 integrity, 5 denied, 6 unavailable, 7 configuration";

int fail_with(const Context& context, const base::Error& error) {
  if (context.json) {
    json::Object document = context.explanation;
    document.set("code", error.name());
    document.set("detail", error.message);
    context.print(document, "");
  }
  std::fprintf(stderr, "stargraph-pack: %s (%s)\n", printable(error.message).c_str(),
               std::string(error.name()).c_str());
  return error.exit_code();
}

// Passphrases and keys of publisher and database pass through this process: it leaves no core file, and
// another process of the same user cannot look into it.
base::Result<> keep_memory_private() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) == 0 && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) return {};
  return base::fail(base::Code::kIo, "stargraph-pack: core files cannot be turned off");
}

int run(int argc, char** argv) {
  Context context;
  if (const auto done = keep_memory_private(); !done) return fail_with(context, done.error());
  // Before anything is read: what runs rules must have nothing to lose.
  auto jail = rules::Jail::start();
  if (jail) context.jail = *std::move(jail);

  CLI::App app{"Makes, checks and imports signed packs, offline"};
  app.set_version_flag("--version", STARGRAPH_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--config", context.config, "Configuration file")->type_name("FILE")->capture_default_str();
  app.add_flag("--json", context.json, "One JSON document on stdout");
  add_signer_commands(app, context);
  add_reader_commands(app, context);
  add_foreign_commands(app, context);
  add_trust_commands(app, context);
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? base::kExitDone : base::kExitUsage;
  }
  const base::Result<> done = context.action();
  return done ? base::kExitDone : fail_with(context, done.error());
}

}  // namespace
}  // namespace stargraph::packcli

int main(int argc, char** argv) {
  return stargraph::run_program("stargraph-pack", stargraph::packcli::run, argc, argv);
}
