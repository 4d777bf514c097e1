#include "bin/stargraph-auditd/settings.hpp"

#include <pwd.h>
#include <unistd.h>

#include "stargraph/config/config.hpp"

namespace stargraph::auditd {
namespace {

using base::Code;
using base::fail;
using base::Result;

// The daemon's user on an installed box; where there is none, whoever started us.
std::uint32_t daemon_uid() {
  const passwd* user = ::getpwnam("stargraph");
  return user == nullptr ? ::geteuid() : user->pw_uid;
}

Result<> take_config(base::Env& env, const base::Path& file, const Flags& flags, Settings& settings) {
  SG_TRY(const config::Config config, config::load(env, file));
  settings.log_directory = config.audit.log_directory;
  settings.state_directory = config.audit.state_directory;
  settings.entries_uid = config.audit.entries_uid.value_or(settings.entries_uid);
  settings.trust_uid = config.audit.trust_uid;
  settings.fips_required = config.fips_required;
  if (flags.key_file.empty()) {
    SG_TRY(settings.key_file, config.audit.key.locate());
  }
  return {};
}

}  // namespace

Result<Settings> settle(base::Env& env, const Flags& flags) {
  Settings settings;
  settings.entries_uid = daemon_uid();
  if (!flags.config.empty()) SG_TRY(take_config(env, flags.config, flags, settings));
  if (!flags.log_directory.empty()) settings.log_directory = flags.log_directory;
  if (!flags.state_directory.empty()) settings.state_directory = flags.state_directory;
  if (!flags.key_file.empty()) settings.key_file = flags.key_file;
  if (flags.entries_uid) settings.entries_uid = *flags.entries_uid;
  if (flags.trust_uid) settings.trust_uid = *flags.trust_uid;
  settings.entries_label = flags.entries_label;
  settings.trust_label = flags.trust_label;
  if (settings.log_directory.empty() || settings.state_directory.empty() || settings.key_file.empty()) {
    return fail(Code::kConfigMissing, "auditd: --config, or --log-directory, --state-directory and --key-file");
  }
  return settings;
}

}  // namespace stargraph::auditd
