// The admin's side: import with its ceremony, and what the trust store holds of packs.
#include "commands.hpp"
#include "report.hpp"
#include "site.hpp"

namespace stargraph::packcli {
namespace {

using base::Result;

struct Options {
  std::string file;
  std::vector<std::string> fingerprints;
  std::string scope;
  int threshold = 0;
  std::vector<std::string> approvals;
  bool dry_run = false;
  bool activate = false;
  std::string id;
};

std::optional<std::string> ask_fingerprint(int attempt) {
  if (!has_terminal()) return std::nullopt;
  const std::string question =
      "This pack brings a key that is not known here.\n"
      "Type the fingerprint that its holder gave you by another way (96 hex digits or 48 words)\n"
      "[" +
      std::to_string(attempt) + " of " + std::to_string(trust::kMaxFingerprintTries) + "]: ";
  auto typed = ask_terminal(question);
  if (!typed || typed->empty()) return std::nullopt;
  return *std::move(typed);
}

json::Object describe_import(const trust::ImportReport& report, bool dry_run) {
  json::Object document = describe(report.pack);
  document.set("activated", report.activated);
  document.set("already_there", report.already_there);
  document.set("countersigned", report.countersigned);
  document.set("dry_run", dry_run);
  const trust::Pin& pin = report.decision.governing;
  json::Object governing{{"new", report.decision.pin.has_value()}, {"scope", pin.scope}, {"threshold", pin.threshold}};
  if (!pin.keys.empty()) governing.set("key", short_key_id(pin.keys.front()));
  document.set("pin", std::move(governing));
  if (report.compared_with) {
    document.set("compared_with", describe(*report.compared_with));
    document.set("difference", trust::encode_difference(report.difference));
  }
  if (report.revoked) document.set("revoked", trust::encode_revocations(*report.revoked));
  if (report.rotation) document.set("rotation", trust::encode_rotation(*report.rotation));
  return document;
}

// What an import does besides storing the pack.
std::string effects_of(const trust::ImportReport& report, bool dry_run) {
  std::string text;
  const std::string would = dry_run ? "would be " : "";
  if (report.decision.pin) {
    text += std::string(dry_run ? "would pin " : "pinned ") + report.decision.pin->scope + " to";
    for (const base::KeyId& key : report.decision.pin->keys) text += " key " + short_key_id(key) + "...";
    text += ", " + std::to_string(report.decision.pin->threshold) + " must sign\n";
  }
  if (report.revoked && !report.already_there) {
    text += would + "revoked, by list " + std::to_string(report.revoked->number) + ": " +
            std::to_string(report.revoked->keys.size()) + " keys, " + std::to_string(report.revoked->digests.size()) +
            " digests, " + std::to_string(report.revoked->ranges.size()) + " ranges\n";
  }
  if (report.rotation && !report.already_there) {
    text += report.rotation->scope + ": " + would + "rotated from key " + short_key_id(report.rotation->old_key) +
            "... to " + short_key_id(report.rotation->new_key.key_id()) + "...\n";
  }
  if (report.compared_with) {
    text += "Beside " + report.compared_with->version + ", which " + (report.activated && !dry_run ? "was" : "is") +
            " in force or was last:\n" + text_of(report.difference);
  }
  return text;
}

bool is_staged(const trust::ImportReport& report) {
  const bool taken = report.revoked || report.rotation || report.activated || report.already_there;
  return !taken;
}

void report_import(const Context& context, const trust::ImportReport& report, bool dry_run, const Affected& affected) {
  std::string text = name_of(report.pack) + ": ";
  text += report.already_there
              ? (report.countersigned ? "was imported before; has more signatures now" : "was imported before")
              : (dry_run ? "would be imported" : "imported");
  text += report.activated ? (dry_run ? ", would be active\n" : ", active\n") : "\n";
  text += effects_of(report, dry_run);
  if (is_staged(report) && !dry_run) {
    text += std::string("Staged. `systemctl reload stargraphd` makes it active") +
            (report.difference.asks_for_more() ? ", once an approver has signed for what it asks for more" : "") +
            ".\n";
  }
  json::Object document = describe_import(report, dry_run);
  if (dry_run) document.set("affected", describe(affected));
  context.print(document, text + text_of(affected));
}

// A pack's first reader is the checker. What it could not take apart is not looked at here at all; what it found
// in the contents counts after it is known whether the signers are trusted, which is the order of the checks.
Result<> import(const Context& context, const Options& options) {
  SG_TRY(const base::Bytes bytes, read_pack(options.file));
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  SG_TRY(const Verdict verdict, site->checker().check(bytes));
  if (verdict.stage == Stage::kContainer) {
    if (!options.dry_run) site->importer().refuse(bytes, verdict.claimed, *verdict.refused);
    return std::unexpected(*verdict.refused);
  }
  trust::ImportRequest request;
  request.file = bytes;
  request.activate = options.activate;
  request.dry_run = options.dry_run;
  request.offer.fingerprints = read_fingerprints(options.fingerprints);
  if (!options.scope.empty()) request.offer.scope = options.scope;
  if (options.threshold != 0) request.offer.threshold = options.threshold;
  SG_TRY(request.approvals, read_tokens(options.approvals));
  const auto found = [&](const pack::Contents&, base::BytesView) -> Result<trust::Findings> {
    return site->findings(verdict);
  };
  const auto done = site->importer().import(request, found, ask_fingerprint);
  if (!done) show_requests(context, site->importer().requests());
  SG_TRY(const trust::ImportReport report, done);
  Affected affected;
  if (options.dry_run) {
    SG_TRY(affected, affected_by(*site, report));
  }
  report_import(context, report, options.dry_run, affected);
  return {};
}

using Show = Result<> (*)(const Context&, const Options&, const trust::TrustState&);

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

Result<> show_revocations(const Context& context, const Options& /*options*/, const trust::TrustState& state) {
  const trust::Revocations& revoked = state.revocations();
  std::string text = "list " + std::to_string(revoked.number) + "\n";
  for (const base::KeyId& key : revoked.keys) text += "key     " + key.str() + "\n";
  for (const crypto::Digest& digest : revoked.digests) text += "digest  " + digest.hex() + "\n";
  for (const trust::EpochRange& range : revoked.ranges) {
    text += "epochs  " + range.id.str() + " " + std::to_string(range.first.value()) + " to " +
            std::to_string(range.last.value()) + "\n";
  }
  context.print(trust::encode_revocations(revoked), revoked.size() == 0 ? "nothing was revoked\n" : text);
  return {};
}

json::Object describe_stored(const trust::TrustState& state, const trust::ImportedPack& pack) {
  json::Object document = describe(pack.ref);
  document.set("active", pack.active);
  json::Array signers;
  for (const base::KeyId& signer : pack.signers) signers.emplace_back(signer.str());
  document.set("signers", std::move(signers));
  const auto revoked = state.is_revoked(pack.ref, pack.signers);
  if (revoked) document.set("revoked", base::reason(*revoked).name);
  return document;
}

std::string line_of(const trust::TrustState& state, const trust::ImportedPack& pack) {
  const auto revoked = state.is_revoked(pack.ref, pack.signers);
  return std::string(pack.active ? "* " : "  ") + name_of(pack.ref) + "  " +
         std::string(pack::kind_name(pack.ref.kind)) + "  " + pack.ref.digest.hex().substr(0, 16) + "..." +
         (revoked ? "  REVOKED (" + std::string(base::reason(*revoked).name) + ")" : "") + "\n";
}

Result<> show_packs(const Context& context, const Options& options, const trust::TrustState& state) {
  json::Array packs;
  std::string text;
  for (const trust::ImportedPack& pack : state.packs()) {
    if (!options.id.empty() && pack.ref.id.str() != options.id) continue;
    packs.emplace_back(describe_stored(state, pack));
    text += line_of(state, pack);
    if (options.id.empty()) continue;
    for (const base::KeyId& signer : pack.signers) {
      const trust::KnownKey* const key = state.key(signer);
      text += "    signed by " + short_key_id(signer) + "..." +
              (key == nullptr || key->confirmed.holder.empty() ? "" : " of " + key->confirmed.holder) + "\n";
    }
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
                   "Fingerprint of a signer, or of a rotation's new key, from another way than the pack: hex or words "
                   "in quotes")
      ->type_name("HEX|WORDS");
  command->add_option("--scope", options->scope, "Pin the key for \"part.*\" instead of the pack's id alone")
      ->type_name("GLOB");
  command->add_option("--threshold", options->threshold, "Pin all signers whose fingerprints are given; N must sign")
      ->type_name("N")
      ->check(CLI::Range(1, static_cast<int>(pack::kMaxSignatures)));
  command->add_option("--approval", options->approvals, "An approver's token")->type_name("TOKEN");
  command->add_flag("--dry-run", options->dry_run, "Every check, no act: shows what would change");
  command->add_flag("--activate", options->activate, "Make it active at once (the first version of an id always is)");
  command->callback(
      [&context, options] { context.action = [&context, options] { return import(context, *options); }; });

  add_show(app, context, options, "floors", "The highest epoch ever active, by id", show_floors, false);
  add_show(app, context, options, "revocations", "What was revoked, by all lists together", show_revocations, false);
  add_show(app, context, options, "list", "Imported packs; * marks active ones", show_packs, false);
  add_show(app, context, options, "show", "Versions of one pack, with their signers", show_packs, true);
  add_key_commands(app, context);
  add_reload_commands(app, context);
}

}  // namespace stargraph::packcli
