#include "foreign.hpp"

#include <algorithm>
#include <filesystem>

#include "stargraph/pack/bosun.hpp"
#include "stargraph/pack/reach_pack.hpp"
#include "stargraph/trust/ceremony.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kBosunManifest = "manifest.yaml";

// "valid" from the moment the claims could be read; before that the fault says what is wrong.
json::Object describe(const pack::BosunCheck& check) {
  json::Object document{{"format", "bosun"}, {"signature", check.claims ? "valid" : "not valid"}};
  if (!check.kid.empty()) document.set("key_id", check.kid);
  if (check.claims) {
    document.set("hash", check.claims->hash_algorithm);
    document.set("issued_at", check.claims->issued_at);
    document.set("tree_hash", check.claims->tree_hash);
  }
  document.set("reason", check.fault ? json::Value(pack::bosun_reason_name(check.fault->reason)) : json::Value());
  return document;
}

std::string text_of(const pack::BosunCheck& check) {
  std::string text = "Bosun directory\n";
  if (!check.kid.empty()) text += "key " + check.kid + "\n";
  text += std::string("signature ") + (check.claims ? "valid" : "not valid") + "\n";
  if (!check.claims) return text;
  const bool hash_holds = !check.fault || (check.fault->reason != pack::BosunReason::kHashNotApproved &&
                                           check.fault->reason != pack::BosunReason::kTreeHashMismatch);
  return text + "tree hash " + check.claims->hash_algorithm + " " + check.claims->tree_hash +
         (hash_holds ? ": holds\n" : ": does not count\n");
}

Result<Built> compile_bosun(const std::string& path, const pack::BuildOptions& options) {
  SG_TRY(const pack::BosunCheck check, pack::check_bosun(base::real_env(), path, {}));
  SG_TRY(pack::Converted converted, pack::wrap_bosun(check));
  SG_TRY(pack::Unsigned compiled,
         pack::compile_files(std::move(converted.manifest), std::move(converted.files), options));
  return Built{std::move(compiled), describe(check),
               text_of(check) + "The directory's own signature counts for nothing in the pack: yours does.\n"};
}

Result<Built> compile_reach(const std::string& path, const pack::BuildOptions& options) {
  SG_TRY(const base::Bytes bytes, base::real_env().read_file(path, pack::kMaxReachBytes));
  SG_TRY(const pack::ReachPack reach, pack::decode_reach(bytes));
  SG_TRY(pack::Converted converted, pack::convert_reach(reach, bytes));
  SG_TRY(pack::Unsigned compiled,
         pack::compile_files(std::move(converted.manifest), std::move(converted.files), options));
  json::Array warnings(reach.warnings.begin(), reach.warnings.end());
  std::string note = "Reach pack " + reach.id + " " + reach.version + "\ncontent hash " + reach.signature_hash +
                     ": holds\nThat hash is a checksum: it shows damage, and says nothing about who made the pack.\n";
  for (const std::string& warning : reach.warnings) note += "warning: " + warning + "\n";
  return Built{std::move(compiled),
               json::Object{{"authenticity", "none"},
                            {"content_hash", reach.signature_hash},
                            {"format", "reach"},
                            {"warnings", std::move(warnings)}},
               std::move(note)};
}

// Whether the trust store would let this key sign a rules pack of that id.
Result<> ask_trust_store(const trust::TrustState& state, const pack::BosunCheck& check) {
  const auto manifest = std::ranges::find(check.files, kBosunManifest, &pack::SourceFile::path);
  if (manifest == check.files.end()) return fail(Code::kFileMissing, "bosun: manifest.yaml: missing");
  SG_TRY(const pack::RulesManifest rules, pack::decode_bosun_manifest(base::as_text(manifest->bytes)));
  pack::Header header;
  header.kind = pack::PackKind::kRules;
  header.id = rules.id;
  header.version = rules.version;
  const std::vector<crypto::PublicKey> signers{*check.key};
  SG_TRY(trust::decide_signers(state, header, signers, {}));
  return {};
}

struct SignOptions {
  std::string directory;
  std::string key;
  std::string kid;
  std::string created;
  int passphrase_fd = -1;
};

// publisher.key.pem -> publisher-<first 8 digits of the key's SHA-256>, as upstream names its keys.
std::string default_kid(const std::string& key_file, const crypto::PublicKey& key) {
  const std::string name = std::filesystem::path(key_file).filename().string();
  return name.substr(0, name.find('.')) + "-" + pack::bosun_fingerprint(key).substr(0, 8);
}

Result<> sign_bosun(const Context& context, const SignOptions& options) {
  SG_TRY(start_crypto(false));
  base::Env& env = base::real_env();
  SG_TRY(const base::Timestamp created, creation_time(options.created));
  SG_TRY(const std::vector<pack::SourceFile> files, pack::read_sources(env, options.directory));
  SG_TRY(const crypto::PrivateKey key, read_private_key(options.key, options.passphrase_fd));
  const std::string kid = options.kid.empty() ? default_kid(options.key, key.public_key()) : options.kid;
  const std::int64_t seconds = base::to_micros(created) / 1'000'000;
  SG_TRY(const std::vector<pack::SourceFile> signature, pack::sign_bosun(files, key, kid, seconds));
  const base::Path directory = options.directory;
  for (const pack::SourceFile& file : signature) SG_TRY(env.write_file(directory / file.path, file.bytes, 0644));
  // Read back as anybody would read it.
  SG_TRY(const pack::BosunCheck check, pack::check_bosun(env, directory, {{key.public_key()}, {}}));
  if (check.fault) return std::unexpected(pack::to_error(*check.fault));
  context.print(describe(check), text_of(check));
  return {};
}

}  // namespace

Result<Built> compile_from(const std::string& path, const pack::BuildOptions& options) {
  base::Env& env = base::real_env();
  SG_TRY(const base::FileInfo info, env.info(path));
  if (info.regular) return compile_reach(path, options);
  if (env.info(base::Path(path) / pack::kTokenPath)) return compile_bosun(path, options);
  SG_TRY(std::vector<pack::SourceFile> sources, pack::read_sources(env, path));
  SG_TRY(pack::Unsigned compiled, pack::compile(std::move(sources), options));
  return Built{std::move(compiled), json::Object{{"format", "stargraph"}}, ""};
}

Result<> verify_bosun(const Context& context, const std::string& directory, std::vector<crypto::PublicKey> keys,
                      const std::string& records) {
  pack::BosunTrust trust{std::move(keys), {}};
  if (!records.empty()) trust.records = records;
  const bool by_store = trust.keys.empty() && !trust.records;
  // Before the first digest, since the configuration may ask for FIPS. A box without a trust store still learns what
  // is wrong with the directory itself.
  auto state = by_store ? read_trust_state(context, Files::kToRead) : Result<trust::TrustState>();
  if (!by_store || !state) SG_TRY(start_crypto(false));
  SG_TRY(const pack::BosunCheck check, pack::check_bosun(base::real_env(), directory, trust));
  Result<> decided;
  if (check.fault) {
    decided = std::unexpected(pack::to_error(*check.fault));
  } else if (by_store) {
    decided = state ? ask_trust_store(*state, check) : std::unexpected(state.error());
  }
  json::Object document = describe(check);
  if (!decided) {
    context.explain(document, text_of(check));
    return decided;
  }
  const char* by = by_store ? "trust store" : trust.records ? "first-use records" : "given keys";
  document.set("verified_by", by);
  context.print(document, text_of(check) + "verified by " + by + "\n");
  return {};
}

void add_foreign_commands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<SignOptions>();
  CLI::App* command = app.add_subcommand("sign-bosun", "Sign a Bosun directory in that format, with SHA-256");
  command->add_option("DIR", options->directory, "manifest.yaml, rules.clp and what belongs to them")->required();
  command->add_option("--key", options->key, "Private key, PEM, mode 0600, Ed25519")->type_name("FILE")->required();
  command->add_option("--passphrase-fd", options->passphrase_fd, "Descriptor to read the key's passphrase from")
      ->type_name("N");
  command->add_option("--kid", options->kid, "Key id in the token and name of the public key beside it");
  command->add_option("--created", options->created, "RFC 3339 time in the token (else SOURCE_DATE_EPOCH, else now)");
  command->callback(
      [&context, options] { context.action = [&context, options] { return sign_bosun(context, *options); }; });
}

}  // namespace stargraph::packcli
