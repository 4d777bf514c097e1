// The admin's side: import with its ceremony, activate, retire, and what the trust store holds.
#include "commands.hpp"
#include "site.hpp"
#include "stargraph/crypto/fingerprint.hpp"

namespace stargraph::packcli {
namespace {

using base::Result;

struct Options {
  std::string file;
  std::vector<std::string> fingerprints;
  std::string scope;
  bool dry_run = false;
  bool activate = false;
  std::string id;
  std::string version;
};

std::optional<std::string> ask_fingerprint(int attempt) {
  if (!has_terminal()) return std::nullopt;
  const std::string question =
      "This pack is signed by a key that is not known here.\n"
      "Type the fingerprint that the publisher gave you by another way (96 hex digits or 48 words)\n"
      "[" +
      std::to_string(attempt) + " of " + std::to_string(trust::kMaxFingerprintTries) + "]: ";
  auto typed = ask_terminal(question);
  if (!typed || typed->empty()) return std::nullopt;
  return *std::move(typed);
}

json::Object describe(const trust::PackRef& pack) {
  return json::Object{{"digest", pack.digest.hex()},
                      {"epoch", pack.epoch.value()},
                      {"id", pack.id.str()},
                      {"kind", pack::kind_name(pack.kind)},
                      {"version", pack.version}};
}

std::string name_of(const trust::PackRef& pack) {
  return pack.id.str() + " " + pack.version + " epoch " + std::to_string(pack.epoch.value());
}

void report(const Context& context, const trust::ImportReport& report, bool dry_run) {
  json::Object document = describe(report.pack);
  document.set("activated", report.activated);
  document.set("already_there", report.already_there);
  document.set("dry_run", dry_run);
  document.set("pin", json::Object{{"key", short_key_id(report.decision.governing.keys.front())},
                                   {"new", report.decision.pin.has_value()},
                                   {"scope", report.decision.governing.scope}});
  std::string text = name_of(report.pack) + ": ";
  text += report.already_there ? "was imported before" : (dry_run ? "would be imported" : "imported");
  text += report.activated ? (dry_run ? ", would be active\n" : ", active\n") : "\n";
  if (report.decision.pin) {
    text += std::string(dry_run ? "would pin " : "pinned ") + report.decision.governing.scope + " to key " +
            short_key_id(report.decision.governing.keys.front()) + "...\n";
  }
  if (!report.activated && !report.already_there && !dry_run) {
    text += "Staged. `stargraph-pack activate " + report.pack.id.str() + "` makes it active.\n";
  }
  context.print(document, text);
}

trust::Importer::ContentCheck content_check(const Context& context) {
  return [&context](const pack::Contents& contents) -> Result<trust::Findings> {
    SG_TRY(check_meaning(context.jail.get(), contents.manifest, contents.files));
    return trust::Findings{};
  };
}

Result<> import(const Context& context, const Options& options) {
  // As the person who gave the command; parsing comes after Site has given up what it can.
  SG_TRY(const base::Bytes bytes, read_pack(options.file));
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  trust::ImportRequest request;
  request.file = bytes;
  request.activate = options.activate;
  request.dry_run = options.dry_run;
  for (const std::string& typed : options.fingerprints) {
    // What cannot be read as a fingerprint is none: refused as such, and on record, like a wrong one.
    request.offer.fingerprints.push_back(trust::read_fingerprint(typed).value_or(crypto::Digest()));
  }
  if (!options.scope.empty()) request.offer.scope = options.scope;
  SG_TRY(const trust::ImportReport done, site->importer().import(request, content_check(context), ask_fingerprint));
  report(context, done, options.dry_run);
  return {};
}

Result<> activate(const Context& context, const Options& options) {
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  const base::PackId id(options.id);
  trust::ActivateRequest request;
  request.id = id;
  request.version = options.version;
  SG_TRY(const auto step, site->importer().activate(request, content_check(context)));
  const bool changed = step.has_value();
  SG_TRY(const trust::TrustState state, site->state());
  const trust::PackRef& active = state.active(id)->ref;
  json::Object document = describe(active);
  document.set("changed", changed);
  context.print(document, name_of(active) + (changed ? ": active; the daemon takes it up when it starts\n"
                                                     : ": was active already\n"));
  return {};
}

Result<> retire(const Context& context, const Options& options) {
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  SG_TRY(site->importer().retire(base::PackId(options.id)));
  context.print(json::Object{{"id", options.id}, {"retired", true}}, options.id + ": no version is active any more\n");
  return {};
}

using Show = Result<> (*)(const Context&, const Options&, const trust::TrustState&);

Result<> show_pins(const Context& context, const Options& /*options*/, const trust::TrustState& state) {
  json::Array pins;
  std::string text;
  for (const trust::Pin& pin : state.pins()) {
    pins.emplace_back(json::Object{{"key_id", pin.keys.front().str()}, {"scope", pin.scope}});
    text += pin.scope + "  " + short_key_id(pin.keys.front()) + "...\n";
  }
  context.print(json::Object{{"pins", std::move(pins)}}, text.empty() ? "no pins\n" : text);
  return {};
}

Result<> show_keys(const Context& context, const Options& /*options*/, const trust::TrustState& state) {
  json::Array keys;
  std::string text;
  for (const auto& [id, key] : state.keys()) {
    keys.emplace_back(json::Object{{"alg", crypto::algorithm_name(key.key().algorithm())},
                                   {"fingerprint", crypto::fingerprint_hex(key.key().fingerprint())},
                                   {"key_id", id.str()},
                                   {"role", trust::role_name(key.role())}});
    text += short_key_id(id) + "...  " + std::string(trust::role_name(key.role())) + "  " +
            std::string(crypto::algorithm_name(key.key().algorithm())) + "\n  " +
            crypto::fingerprint_hex(key.key().fingerprint()) + "\n";
  }
  context.print(json::Object{{"keys", std::move(keys)}}, text.empty() ? "no keys\n" : text);
  return {};
}

Result<> show_floors(const Context& context, const Options& /*options*/, const trust::TrustState& state) {
  json::Object floors;
  std::string text;
  for (const auto& [id, epoch] : state.floors()) {
    floors.set(id.str(), epoch.value());
    text += id.str() + "  " + std::to_string(epoch.value()) + "\n";
  }
  context.print(json::Object{{"floors", std::move(floors)}}, text.empty() ? "no floors\n" : text);
  return {};
}

json::Object describe(const trust::ImportedPack& pack) {
  json::Object document = describe(pack.ref);
  document.set("active", pack.active);
  json::Array signers;
  for (const base::KeyId& signer : pack.signers) signers.emplace_back(signer.str());
  document.set("signers", std::move(signers));
  return document;
}

std::string line_of(const trust::ImportedPack& pack) {
  return std::string(pack.active ? "* " : "  ") + name_of(pack.ref) + "  " +
         std::string(pack::kind_name(pack.ref.kind)) + "  " + pack.ref.digest.hex().substr(0, 16) + "...\n";
}

Result<> show_packs(const Context& context, const Options& options, const trust::TrustState& state) {
  json::Array packs;
  std::string text;
  for (const trust::ImportedPack& pack : state.packs()) {
    if (!options.id.empty() && pack.ref.id.str() != options.id) continue;
    packs.emplace_back(describe(pack));
    text += line_of(pack);
  }
  if (!options.id.empty() && packs.empty())
    return base::fail(base::Code::kPackUnknown, "show: no such pack was imported");
  context.print(json::Object{{"packs", std::move(packs)}}, text.empty() ? "no packs\n" : text);
  return {};
}

// Each reads the store, which checks every receipt, and prints a part of it.
Result<> show(const Context& context, const Options& options, Show part) {
  SG_TRY(const std::unique_ptr<Site> site, Site::open(context));
  SG_TRY(const trust::TrustState state, site->state());
  return part(context, options, state);
}

void add_show(CLI::App& parent, Context& context, const std::shared_ptr<Options>& options, const char* name,
              const char* about, Show part, bool takes_id) {
  CLI::App* command = parent.add_subcommand(name, about);
  if (takes_id) command->add_option("ID", options->id, "Pack id")->required();
  command->callback([&context, options, part] {
    context.action = [&context, options, part] { return show(context, *options, part); };
  });
}

}  // namespace

void add_trust_commands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("import", "Check a pack, hold the trust ceremony, store it");
  command->add_option("FILE", options->file, "The pack")->required();
  command
      ->add_option("--fingerprint", options->fingerprints,
                   "Fingerprint of a signer, from another way than the pack: hex or words in quotes")
      ->type_name("HEX|WORDS");
  command->add_option("--scope", options->scope, "Pin the key for \"part.*\" instead of the pack's id alone")
      ->type_name("GLOB");
  command->add_flag("--dry-run", options->dry_run, "Every check, no act");
  command->add_flag("--activate", options->activate, "Make it active at once (the first version of an id always is)");
  command->callback(
      [&context, options] { context.action = [&context, options] { return import(context, *options); }; });

  command = app.add_subcommand("activate", "Make an imported version active: the newest, or the one named");
  command->add_option("ID", options->id, "Pack id")->required();
  command->add_option("VERSION", options->version, "Version");
  command->callback(
      [&context, options] { context.action = [&context, options] { return activate(context, *options); }; });

  command = app.add_subcommand("retire", "Let no version of a pack be active");
  command->add_option("ID", options->id, "Pack id")->required();
  command->callback(
      [&context, options] { context.action = [&context, options] { return retire(context, *options); }; });

  add_show(app, context, options, "pins", "Which key may sign which ids", show_pins, false);
  add_show(app, context, options, "floors", "The highest epoch ever active, by id", show_floors, false);
  add_show(app, context, options, "list", "Imported packs; * marks active ones", show_packs, false);
  add_show(app, context, options, "show", "Versions of one pack", show_packs, true);
  CLI::App* keys = app.add_subcommand("key", "Known keys");
  keys->require_subcommand(1);
  add_show(*keys, context, options, "list", "Known keys with role and fingerprint", show_keys, false);
}

}  // namespace stargraph::packcli
