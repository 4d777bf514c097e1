// stargraph-auditd: the audit writer. systemd gives it its two Unix sockets; without them it refuses to start.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "bin/program.hpp"
#include "bin/stargraph-auditd/settings.hpp"
#include "bin/stargraph-auditd/system.hpp"
#include "stargraph/audit/server.hpp"
#include "stargraph/audit/writer.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/crypto/secret.hpp"

namespace stargraph::auditd {
namespace {

using base::Result;

constexpr std::size_t kMaxKeyBytes = 16'384;
constexpr base::Duration kIdle = std::chrono::hours(1);

Result<crypto::PrivateKey> read_key(const base::Path& file) {
  SG_TRY(const crypto::Secret pem, crypto::read_secret_file(base::real_env(), file, kMaxKeyBytes));
  return crypto::PrivateKey::from_pem(pem, crypto::Secret());
}

// For audit.started: what else than user ids keeps others from the sockets.
json::Object said_of(const Settings& settings) {
  json::Object said;
  said.set("entries_label", settings.entries_label.empty() ? json::Value(nullptr) : settings.entries_label);
  said.set("selinux", selinux_state());
  said.set("trust_label", settings.trust_label.empty() ? json::Value(nullptr) : settings.trust_label);
  return said;
}

bool asked_to_stop(int signals) {
  char discard[128];
  return ::read(signals, discard, sizeof(discard)) > 0;
}

Result<> serve(const Flags& flags) {
  ::umask(0077);
  SG_TRY(const Settings settings, settle(base::real_env(), flags));
  SG_TRY(const auto listeners, inherited_listeners(settings));
  SG_TRY(check_labels(settings));
  SG_TRY(const base::Descriptor log_lock, lock_directory(settings.log_directory));
  SG_TRY(const base::Descriptor state_lock, lock_directory(settings.state_directory));
  SG_TRY(crypto::initialise(settings.fips_required ? crypto::FipsMode::kRequired : crypto::FipsMode::kOff));
  SG_TRY(crypto::PrivateKey key, read_key(settings.key_file));
  SG_TRY(const int signals, stop_signals());
  const Notifier notifier;
  SG_TRY(give_up_system_calls());
  audit::Writer::Options options;
  options.log_directory = settings.log_directory;
  options.state_directory = settings.state_directory;
  options.build_id = STARGRAPH_VERSION;
  options.read_whole = flags.read_whole;
  options.confinement = said_of(settings);
  if (settings.trust_uid != 0) options.trust_stand_in = settings.trust_uid;
  SG_TRY(const auto writer, audit::Writer::open(base::real_env(), std::move(key), options));
  audit::Server server(*writer, listeners);
  notifier.tell("READY=1");
  while (!asked_to_stop(signals)) SG_TRY(server.turn(kIdle, signals));
  notifier.tell("STOPPING=1");
  return writer->stop();
}

int program(int argc, char** argv) {
  CLI::App app("The audit writer: orders, chains and signs what the daemon and the importer record.");
  app.footer("Started by systemd:\n  systemctl start stargraph-entries.socket stargraph-trust.socket");
  Flags flags;
  app.set_version_flag("--version", std::string("stargraph-auditd ") + STARGRAPH_VERSION);
  app.add_option("--config", flags.config, "configuration file (group audit)");
  app.add_option("--log-directory", flags.log_directory, "where segments are, 0700");
  app.add_option("--state-directory", flags.state_directory, "where install.json and anchor.jsonl are, 0700");
  app.add_option("--key-file", flags.key_file, "the audit key, PKCS#8 PEM, 0600");
  app.add_option("--entries-uid", flags.entries_uid, "who may write entries (default: user stargraph, else ours)");
  app.add_option("--trust-uid", flags.trust_uid, "who may record acts of trust (default: root)");
  app.add_option("--entries-label", flags.entries_label, "SELinux context or type that the daemon must have");
  app.add_option("--trust-label", flags.trust_label, "SELinux context or type that the importer must have");
  app.add_flag("--read-whole", flags.read_whole,
               "verify the whole log at start, not only what came after the last one");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? base::kExitDone : base::kExitUsage;
  }
  const Result<> served = serve(flags);
  if (served) return base::kExitDone;
  std::fprintf(stderr, "stargraph-auditd: %s (%.*s)\n", served.error().message.c_str(),
               static_cast<int>(served.error().name().size()), served.error().name().data());
  return served.error().exit_code();
}

}  // namespace
}  // namespace stargraph::auditd

int main(int argc, char** argv) {
  return stargraph::run_program("stargraph-auditd", stargraph::auditd::program, argc, argv);
}
