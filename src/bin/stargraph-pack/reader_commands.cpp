// Looking at a pack: inspect (no decision) and verify (against given keys, or the trust store).
#include "commands.hpp"
#include "foreign.hpp"
#include "report.hpp"
#include "site.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/pack/layout.hpp"
#include "stargraph/pack/sbom.hpp"
#include "stargraph/trust/ceremony.hpp"
#include "walls.hpp"

namespace stargraph::packcli {
namespace {

using base::Result;

struct Options {
  std::string file;
  std::vector<std::string> keys;
  std::string records;
};

json::Array array_of(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

json::Object describe(const pack::Header& header, const pack::Manifest& manifest, const crypto::Digest& digest) {
  json::Array files;
  for (const pack::FileEntry& file : header.files) {
    files.emplace_back(json::Object{
        {"path", file.path}, {"sha384", file.digest.hex()}, {"size", static_cast<std::int64_t>(file.size)}});
  }
  return json::Object{{"capabilities", array_of(pack::capabilities_of(manifest))},
                      {"created", header.created},
                      {"digest", digest.hex()},
                      {"epoch", header.epoch.value()},
                      {"files", std::move(files)},
                      {"id", header.id.str()},
                      {"kind", pack::kind_name(header.kind)},
                      {"manifest", pack::encode_manifest(manifest)},
                      {"spec_version", header.spec_version},
                      {"version", header.version}};
}

std::string lines(const std::string& title, const std::vector<std::string>& items) {
  std::string text = title + ":";
  for (const std::string& item : items) text += " " + item;
  return text + (items.empty() ? " none\n" : "\n");
}

std::string text_of(const pack::Manifest& manifest) {
  std::string text = lines("capabilities", pack::capabilities_of(manifest));
  if (const auto* rules = std::get_if<pack::RulesManifest>(&manifest)) {
    const pack::EvaluationLimits& limits = rules->limits;
    text += lines("provides", rules->provides) + lines("needs facts", rules->required_facts) +
            "limits: " + std::to_string(limits.max_facts) + " facts, " + std::to_string(limits.max_firings) +
            " firings, " + std::to_string(limits.max_ms) + " ms, " + std::to_string(limits.max_bytes) + " bytes\n";
  }
  if (const auto* execution = std::get_if<pack::ExecutionManifest>(&manifest)) {
    std::vector<std::string> models;
    models.reserve(execution->model_requirements.size());
    for (const pack::ModelRequirement& model : execution->model_requirements) {
      models.push_back(model.name + "=" + model.value);
    }
    text += lines("workers", execution->workers) + lines("tools", execution->declared_tools) +
            lines("permissions", execution->declared_permissions) + lines("models", models) +
            (execution->deterministic ? "deterministic\n" : "not deterministic\n");
  }
  return text;
}

json::Object describe(const pack::SbomSummary& sbom) {
  json::Array others;
  for (const pack::SbomSummary::Component& one : sbom.others) {
    others.emplace_back(json::Object{{"name", one.name}, {"type", one.type}, {"version", one.version}});
  }
  return json::Object{{"files", static_cast<std::int64_t>(sbom.files)}, {"others", std::move(others)}};
}

std::string text_of(const pack::SbomSummary& sbom) {
  std::string text = "SBOM: CycloneDX 1.6, " + std::to_string(sbom.files) + " files";
  for (const pack::SbomSummary::Component& one : sbom.others) {
    text += ", " + one.type + " " + one.name + (one.version.empty() ? "" : " " + one.version);
  }
  return text + "\n";
}

// What a governance pack says, as it will be acted on; nothing for the other kinds.
json::Value content_of(const pack::Contents& contents) {
  const pack::File* file = contents.find(pack::governance_path(pack::kind_of(contents.manifest)));
  const auto value = file == nullptr ? base::Result<json::Value>(json::Value()) : json::parse(file->bytes);
  return value ? *value : json::Value();
}

std::string as_text(const pack::Header& header, const pack::Contents& contents, const crypto::Digest& digest,
                    const std::vector<crypto::PublicKey>& signers) {
  std::string text = header.id.str() + " " + header.version + " (" + std::string(pack::kind_name(header.kind)) +
                     ", epoch " + std::to_string(header.epoch.value()) + ", made " + header.created + ")\ndigest " +
                     digest.hex() + "\n";
  for (const crypto::PublicKey& signer : signers) {
    text += "signed by key " + short_key_id(signer.key_id()) + "... (" +
            std::string(crypto::algorithm_name(signer.algorithm())) + ")\n";
  }
  text += text_of(contents.manifest);
  text += text_of(pack::summarise_sbom(contents.find(pack::kSbomPath)->bytes));
  for (const pack::FileEntry& file : header.files) {
    text += "  " + std::to_string(file.size) + "  " + file.digest.hex().substr(0, 16) + "...  " + file.path + "\n";
  }
  if (const json::Value content = content_of(contents); !content.is_null()) text += json::pretty(content) + "\n";
  return text;
}

// Has a process with nothing to lose read the pack before this one does, which has given up by then what it does not
// need. What the checker cannot take apart is read here neither.
Result<> take_apart(Checker& checker, base::BytesView bytes) {
  if (!confine_front()) return base::fail(base::Code::kIo, "stargraph-pack: the walls could not be put up");
  SG_TRY(const Verdict verdict, checker.check(bytes));
  const bool broken = verdict.stage == Stage::kContainer || verdict.stage == Stage::kContents;
  if (broken) return std::unexpected(*verdict.refused);
  return {};
}

// The trust store to compare with, when there is one that this user may read. Nothing is made: no database comes to be
// because somebody looked.
Result<std::unique_ptr<Site>> open_to_compare(const Context& context) {
  base::Env& env = base::real_env();
  SG_TRY(const config::Config config, config::load(env, context.config));
  SG_TRY(env.info(config.state.database()));
  return Site::open(context);
}

// What would change against the version in force, as an import's dry run has it; or why nobody could look.
struct Change {
  std::optional<trust::Comparison> compared;
  std::optional<base::Error> not_compared;
};

Change change_by(const Result<std::unique_ptr<Site>>& site, const pack::Header& header,
                 const pack::Manifest& manifest) {
  if (!site) return {{}, site.error()};
  const auto state = (*site)->state();
  if (!state) return {{}, state.error()};
  auto compared = trust::compare_with_last((*site)->keeper(), *state, header, manifest);
  if (!compared) return {{}, compared.error()};
  return {*std::move(compared), {}};
}

std::string text_of(const Change& change) {
  if (change.not_compared) {
    return "What would change here was not looked at: " + change.not_compared->message + " (" +
           std::string(change.not_compared->name()) + ")\n";
  }
  if (!change.compared->with) return "No version of it was in force here.\n";
  return "Beside " + name_of(*change.compared->with) + ", which is in force or was last:\n" +
         packcli::text_of(change.compared->difference);
}

void describe(const Change& change, json::Object& document) {
  if (change.not_compared) {
    document.set("not_compared", json::Object{{"code", change.not_compared->name()},
                                              {"detail", printable(change.not_compared->message)}});
  } else if (change.compared->with) {
    document.set("compared_with", packcli::describe(*change.compared->with));
    document.set("difference", trust::encode_difference(change.compared->difference));
  }
}

// Shows what is in the pack when it is whole. It never shows a fingerprint: who could compare one with
// what stands beside it would compare the attacker's word with the attacker's word.
Result<> inspect(const Context& context, const Options& options) {
  SG_TRY(const base::Bytes bytes, read_pack(options.file));
  SG_TRY(const std::unique_ptr<Checker> checker, Checker::start(false));
  const auto site = open_to_compare(context);
  if (!site) SG_TRY(start_crypto(false));
  SG_TRY(take_apart(*checker, bytes));
  SG_TRY(const pack::Container container, pack::parse(bytes));
  SG_TRY(const std::vector<crypto::PublicKey> signers, pack::check_signatures(container));
  SG_TRY(const pack::Contents contents, pack::check_contents(container));
  json::Object document = describe(container.header, contents.manifest, container.digest);
  json::Array short_ids;
  for (const crypto::PublicKey& signer : signers) {
    short_ids.emplace_back(
        json::Object{{"alg", crypto::algorithm_name(signer.algorithm())}, {"key", short_key_id(signer.key_id())}});
  }
  document.set("signers", std::move(short_ids));
  document.set("sbom", describe(pack::summarise_sbom(contents.find(pack::kSbomPath)->bytes)));
  if (json::Value content = content_of(contents); !content.is_null()) document.set("content", std::move(content));
  const Change change = change_by(site, container.header, contents.manifest);
  describe(change, document);
  document.set("trust", "not decided");
  context.print(document, as_text(container.header, contents, container.digest, signers) + text_of(change) +
                              "The signatures hold. Whether to trust the signers is what `import` asks.\n");
  return {};
}

// As an import would decide it, without a fingerprint and without an act.
Result<pack::Contents> verify_by_store(const trust::TrustState& state, const pack::Container& container) {
  SG_TRY(const std::vector<crypto::PublicKey> signers, pack::check_signatures(container));
  SG_TRY(trust::decide_signers(state, container.header, signers, {}));
  const pack::Header& header = container.header;
  const trust::PackRef pack{header.id, header.version, header.epoch, header.kind, container.digest};
  std::vector<base::KeyId> ids;
  ids.reserve(signers.size());
  for (const crypto::PublicKey& signer : signers) ids.push_back(signer.key_id());
  SG_TRY(trust::check_still_trusted(state, pack, ids));
  SG_TRY(pack::Contents contents, pack::check_contents(container));
  SG_TRY(trust::decide_epoch(state, pack));
  return contents;
}

Result<std::vector<crypto::PublicKey>> given_keys(const Options& options) {
  std::vector<crypto::PublicKey> keys;
  for (const std::string& path : options.keys) {
    SG_TRY(crypto::PublicKey key, read_public_key(path));
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<> verify_directory(const Context& context, const Options& options) {
  if (!options.keys.empty()) SG_TRY(start_crypto(false));
  SG_TRY(std::vector<crypto::PublicKey> keys, given_keys(options));
  return verify_bosun(context, options.file, std::move(keys), options.records);
}

Result<> verify(const Context& context, const Options& options) {
  if (const auto info = base::real_env().info(options.file); info && info->directory) {
    return verify_directory(context, options);
  }
  if (!options.records.empty()) {
    return base::fail(base::Code::kUsage, "verify: --records: only for a Bosun directory");
  }
  SG_TRY(const base::Bytes bytes, read_pack(options.file));
  SG_TRY(const std::unique_ptr<Checker> checker, Checker::start(false));
  const bool by_store = options.keys.empty();
  auto state = by_store ? read_trust_state(context, Files::kAllRead) : Result<trust::TrustState>();
  if (!by_store || !state) SG_TRY(start_crypto(false));
  SG_TRY(const std::vector<crypto::PublicKey> keys, given_keys(options));
  SG_TRY(take_apart(*checker, bytes));
  SG_TRY(state);
  SG_TRY(const pack::Container container, pack::parse(bytes));
  SG_TRY(const pack::Contents contents, by_store ? verify_by_store(*state, container) : pack::verify(container, keys));
  SG_TRY(check_meaning(context.jail.get(), contents.manifest, contents.files));
  json::Object document = describe(container.header, contents.manifest, container.digest);
  document.set("verified_by", by_store ? "trust store" : "given keys");
  context.print(document, container.header.id.str() + " " + container.header.version + " epoch " +
                              std::to_string(container.header.epoch.value()) + ": verified\ndigest " +
                              container.digest.hex() + "\n");
  return {};
}

}  // namespace

Result<trust::TrustState> read_trust_state(const Context& context, Files files) {
  auto opened = files == Files::kAllRead ? Site::open(context) : Site::open_before_files(context);
  SG_TRY(const std::unique_ptr<Site> site, std::move(opened));
  return site->state();
}

void add_reader_commands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("inspect", "Show what is in a pack; decides nothing");
  command->add_option("FILE", options->file, "The pack")->required();
  command->callback(
      [&context, options] { context.action = [&context, options] { return inspect(context, *options); }; });

  command = app.add_subcommand("verify", "Check a pack against given keys, or against the trust store; never imports");
  command->add_option("FILE", options->file, "The pack, or a Bosun directory")->required();
  command->add_option("--records", options->records, "Upstream's first-use records, for a Bosun directory")
      ->type_name("DIR");
  command->add_option("--pubkey", options->keys, "A key that must have signed; each signer must be given")
      ->type_name("PUB");
  command->callback(
      [&context, options] { context.action = [&context, options] { return verify(context, *options); }; });
}

}  // namespace stargraph::packcli
