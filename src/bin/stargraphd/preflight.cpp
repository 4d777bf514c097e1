#include "bin/stargraphd/preflight.hpp"

#include <unistd.h>

#include <algorithm>

#include "bin/active/active.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/policy/principal.hpp"
#include "stargraph/store/database.hpp"

namespace stargraph::daemon {
namespace {

using base::Code;
using base::fail;
using base::Path;
using base::Result;

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;
constexpr std::uint64_t kMaxKeyFileBytes = 1 << 14;
constexpr std::size_t kStateKeyBytes = 32;

Result<> check_profile(const config::Config& config) {
  if (config.profile != config::Profile::kCleared) return {};
  if (!config.side_effects) {
    return fail(Code::kSideEffectsNotChosen,
                "configuration: side_effects: profile cleared has no default; choose allow or deny");
  }
  // A role that stands here and grants nothing would be read as one that does.
  const bool has_roles = !config.roles.empty() || std::ranges::any_of(config.principals, [](const auto& principal) {
    return !principal.roles.empty();
  });
  if (has_roles) {
    return fail(Code::kConfigInvalid,
                "configuration: /roles: in profile cleared roles and grants come from the active policy pack alone; "
                "the configuration maps certificates to names");
  }
  return {};
}

Result<> check_state_directory(base::Env& env, const Path& directory) {
  const auto info = env.info(directory);
  if (!info || !info->directory)
    return fail(Code::kConfigMissing, "state: " + directory.string() + ": not a directory");
  if (info->uid != ::geteuid())
    return fail(Code::kWrongOwner, "state: " + directory.string() + ": belongs to another user");
  if ((info->mode & 0077U) != 0) return fail(Code::kModeTooWide, "state: " + directory.string() + ": wider than 0700");
  return store::check_local_file_system(directory);
}

// A public key is no secret, but who may change it may forge the log.
Result<crypto::PublicKey> read_audit_key(base::Env& env, const Path& file) {
  const auto info = env.info(file);
  if (!info || !info->regular) return fail(Code::kConfigMissing, "audit: " + file.string() + ": not there");
  if ((info->mode & 0022U) != 0) return fail(Code::kModeTooWide, "audit: " + file.string() + ": others may change it");
  if (info->uid != 0 && info->uid != ::geteuid())
    return fail(Code::kWrongOwner, "audit: " + file.string() + ": belongs to another user");
  SG_TRY(const base::Bytes pem, env.read_file(file, kMaxKeyFileBytes));
  return crypto::PublicKey::from_pem(base::as_text(pem));
}

Result<crypto::Secret> read_state_key(base::Env& env, const config::SecretSource& source) {
  SG_TRY(const Path file, source.locate());
  SG_TRY(crypto::Secret key, crypto::read_secret_file(env, file, kStateKeyBytes));
  if (key.size() != kStateKeyBytes) return fail(Code::kConfigInvalid, "state: " + file.string() + ": not 32 bytes");
  return key;
}

}  // namespace

Result<Preflight> prepare(base::Env& env, const Path& file) {
  SG_TRY(config::Config config, config::load(env, file));
  SG_TRY(const base::Bytes text, env.read_file(file, kMaxConfigBytes));
  SG_TRY(check_profile(config));
  SG_TRY(policy::Gate::make(config));
  SG_TRY(crypto::initialise(config.fips_required ? crypto::FipsMode::kRequired : crypto::FipsMode::kOff));
  SG_TRY(check_state_directory(env, config.state.directory));
  SG_TRY(crypto::Secret key, read_state_key(env, config.state.key));
  SG_TRY(crypto::PublicKey audit_key, read_audit_key(env, config.audit.public_key));
  SG_TRY(std::vector<std::string> graphs, active::read_graphs(env, config.graphs_dir));
  const crypto::Digest digest = crypto::sha384(text);
  return Preflight{std::move(config), digest, std::move(key), std::move(audit_key), std::move(graphs)};
}

}  // namespace stargraph::daemon
