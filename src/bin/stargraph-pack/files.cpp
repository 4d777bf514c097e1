// Packs and keys from files, and the checks that need more than the pack module.
#include <unistd.h>

#include <algorithm>
#include <set>

#include "commands.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/graph/parse.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/pack/layout.hpp"
#include "stargraph/policy/bundle.hpp"
#include "stargraph/rules/program.hpp"
#include "stargraph/trust/revocation.hpp"
#include "stargraph/trust/rotation.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxKeyFile = 16'384;
constexpr std::size_t kMaxPassphrase = 1024;
constexpr std::string_view kEncryptedPem = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

Result<crypto::Secret> passphrase_for(base::BytesView pem, int fd) {
  if (fd >= 0) return read_passphrase(fd);
  if (!base::as_text(pem).starts_with(kEncryptedPem)) return crypto::Secret();
  if (!has_terminal()) return fail(Code::kUsage, "key: encrypted; give its passphrase with --passphrase-fd");
  return ask_passphrase("Passphrase of the signing key: ");
}

rules::Program program_of(const pack::RulesManifest& manifest, const pack::File& source) {
  rules::Stage stage;
  stage.name = manifest.id.str();
  stage.digest = crypto::sha384(source.bytes).hex();
  stage.source = base::to_text(source.bytes);
  stage.provides = manifest.provides;
  stage.requires_facts = manifest.required_facts;
  stage.limits.max_facts = static_cast<std::uint32_t>(manifest.limits.max_facts);
  stage.limits.max_firings = static_cast<std::uint32_t>(manifest.limits.max_firings);
  stage.limits.max_ms = static_cast<std::uint32_t>(manifest.limits.max_ms);
  stage.limits.max_bytes = static_cast<std::uint64_t>(manifest.limits.max_bytes);
  rules::Program program;
  program.digest = stage.digest;
  program.stages.push_back(std::move(stage));
  return program;
}

Result<> check_rules(rules::Jail* jail, const pack::RulesManifest& manifest, const pack::File& source) {
  if (jail == nullptr) return fail(Code::kJailLost, "rules.clp: the jail that rules are tried in could not be started");
  auto ok = rules::check_program(*jail, program_of(manifest, source));
  if (!ok) return std::unexpected(in_context("rules.clp", std::move(ok).error()));
  return {};
}

Result<> check_graph(const pack::ExecutionManifest& manifest, const pack::File& file, std::set<base::GraphId>& ids) {
  const std::string path(file.path);
  auto document = graph::load_json(base::as_text(file.bytes));
  if (!document) return std::unexpected(in_context(path, std::move(document).error()));
  if (!ids.insert(document->id).second)
    return fail(Code::kGraphInvalid, path + ": /id: another graph of the pack has it");
  for (const graph::Node& node : document->nodes) {
    const bool declared = std::ranges::find(manifest.workers, node.kind) != manifest.workers.end();
    if (!declared && !graph::is_local_kind(node.kind)) {
      return fail(Code::kManifestMismatch,
                  path + ": node " + node.id.str() +
                      ": its kind is served by a worker, and the manifest's workers do not name it");
    }
  }
  return {};
}

// Each governance kind is read by the module that acts on it.
Result<> check_governance(pack::PackKind kind, const std::vector<pack::File>& files) {
  const std::string path(pack::governance_path(kind));
  const auto file = std::ranges::find(files, path, &pack::File::path);
  if (file == files.end()) return fail(Code::kFileMissing, path + ": missing");
  const auto decode = [kind](const json::Value& value) -> Result<> {
    if (kind == pack::PackKind::kPolicy) SG_TRY(policy::decode_bundle(value));
    if (kind == pack::PackKind::kRevocation) SG_TRY(trust::decode_revocation_list(value));
    if (kind == pack::PackKind::kRotation) SG_TRY(trust::decode_rotation(value));
    return {};
  };
  auto value = json::parse(file->bytes);
  auto ok = value ? decode(*value) : Result<>(std::unexpected(std::move(value).error()));
  if (!ok) return std::unexpected(in_context(path, std::move(ok).error()));
  return {};
}

}  // namespace

Result<> start_crypto(bool fips_required) {
  SG_TRY(crypto::initialise(fips_required ? crypto::FipsMode::kRequired : crypto::FipsMode::kOff));
  return {};
}

Result<base::Bytes> read_pack(const std::string& path) { return base::real_env().read_file(path, pack::kMaxPackBytes); }

Result<crypto::PublicKey> read_public_key(const std::string& path) {
  SG_TRY(const base::Bytes pem, base::real_env().read_file(path, kMaxKeyFile));
  auto key = crypto::PublicKey::from_pem(base::as_text(pem));
  if (!key) return std::unexpected(in_context(path, std::move(key).error()));
  return key;
}

Result<crypto::Secret> read_passphrase(int fd) {
  crypto::Secret buffer(kMaxPassphrase);
  std::size_t size = 0;
  while (size < buffer.size()) {
    std::byte* const at = buffer.writable().data() + size;
    if (::read(fd, at, 1) != 1 || *at == std::byte{'\n'}) return crypto::Secret::copy(buffer.view().first(size));
    ++size;
  }
  return fail(Code::kUsage, "passphrase: longer than 1,023 bytes");
}

Result<crypto::PrivateKey> read_private_key(const std::string& path, int passphrase_fd) {
  SG_TRY(const crypto::Secret pem, crypto::read_secret_file(base::real_env(), path, kMaxKeyFile));
  SG_TRY(const crypto::Secret passphrase, passphrase_for(pem.view(), passphrase_fd));
  auto key = crypto::PrivateKey::from_pem(pem, passphrase);
  if (!key) return std::unexpected(in_context(path, std::move(key).error()));
  return key;
}

Result<> check_meaning(rules::Jail* jail, const pack::Manifest& manifest, const std::vector<pack::File>& files) {
  if (std::holds_alternative<pack::GovernanceManifest>(manifest)) {
    return check_governance(pack::kind_of(manifest), files);
  }
  std::set<base::GraphId> ids;
  for (const pack::File& file : files) {
    const auto* rules = std::get_if<pack::RulesManifest>(&manifest);
    const auto* execution = std::get_if<pack::ExecutionManifest>(&manifest);
    if (rules != nullptr && file.path == pack::kRulesPath) SG_TRY(check_rules(jail, *rules, file));
    if (execution != nullptr && pack::is_graph(file.path)) SG_TRY(check_graph(*execution, file, ids));
  }
  return {};
}

std::string short_key_id(const base::KeyId& id) { return id.str().substr(0, 12); }

}  // namespace stargraph::packcli
