// stargraphd: the daemon. systemd gives it its one listener; it opens no socket and executes nothing.
//
// The order of start is a chain of reasons:
//   1. the rules jail is forked first, from a process that has no key, no thread and no open file;
//   2. configuration and keys are read, everything that forbids a start is checked;
//   3. the audit writer is connected to, once: afterwards nobody here can connect;
//   4. the database is opened;
//   5. the system-call filter closes;
//   6. only now come threads, runs and the network.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "bin/program.hpp"
#include "bin/stargraphd/daemon.hpp"
#include "stargraph/serve/confine.hpp"

namespace stargraph::daemon {
namespace {

using base::Result;

constexpr base::Duration kAuditConnect = std::chrono::seconds(5);

struct Flags {
  base::Path config = config::kDefaultPath;
  bool check_config = false;
  bool accept_clock = false;
};

Result<> check_config(const Flags& flags) {
  SG_TRY([[maybe_unused]] const auto preflight, prepare(base::real_env(), flags.config));
  std::puts("configuration: fine");
  return {};
}

Result<> run(const Flags& flags) {
  SG_TRY(give_up_privileges());
  SG_TRY(auto jail, rules::Jail::start());
  SG_TRY(const int listener, inherited_listener());
  SG_TRY(auto preflight, prepare(base::real_env(), flags.config));
  SG_TRY(auto audit_client, audit::Client::connect(preflight.config.audit.entries_socket, audit::Source::kDaemon,
                                                   preflight.audit_key, kAuditConnect));
  const auto migrations = all_migrations();
  SG_TRY(auto database, store::Database::open(preflight.config.state.database(), preflight.state_key, migrations));
  const Notifier notifier;
  SG_TRY(const int signals, signal_descriptor());
  SG_TRY(serve::confine());
  if (!serve::confinement_available()) log(Priority::kWarning, "this is a sanitizer build: no system-call filter");
  return serve({std::move(preflight), std::move(jail), std::move(audit_client), std::move(database), listener, signals,
                flags.accept_clock},
               notifier);
}

int program(int argc, char** argv) {
  CLI::App app("The daemon of a stargraph appliance: runs governed graphs, answers over mutual TLS.");
  app.footer(
      "Started by systemd, which gives it its socket:\n  systemctl start stargraphd.socket\nLook before you start "
      "it:\n  stargraphd --check-config");
  Flags flags;
  app.set_version_flag("--version", std::string("stargraphd ") + STARGRAPH_VERSION);
  app.add_option("--config", flags.config, "configuration file")->capture_default_str();
  app.add_flag("--check-config", flags.check_config, "check the configuration and all files it names, then end");
  app.add_flag("--accept-clock", flags.accept_clock,
               "start although the clock is behind what was seen before; audited");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? base::kExitDone : base::kExitUsage;
  }
  const Result<> done = flags.check_config ? check_config(flags) : run(flags);
  if (done) return base::kExitDone;
  log(Priority::kCritical, done.error().message + " (" + std::string(done.error().name()) + ")");
  return done.error().exit_code();
}

}  // namespace
}  // namespace stargraph::daemon

int main(int argc, char** argv) { return stargraph::run_program("stargraphd", stargraph::daemon::program, argc, argv); }
