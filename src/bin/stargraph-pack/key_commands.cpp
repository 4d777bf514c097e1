// Keys and pins: key add, key list, pins, repin, threshold.
#include "commands.hpp"
#include "report.hpp"
#include "site.hpp"
#include "stargraph/crypto/fingerprint.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

struct Options {
  std::string file;
  std::string role;
  std::string holder;
  std::string review_by;
  std::vector<std::string> fingerprints;
  std::string scope;
  std::vector<std::string> keys;
  int threshold = 0;
  std::string reason;
  std::vector<std::string> approvals;
};

// The prompt says whose key it is said to be and nothing that stands in the file.
std::optional<std::string> ask_for_key(const std::string& holder, int attempt) {
  if (!has_terminal()) return std::nullopt;
  const std::string question = "Type the fingerprint that " + (holder.empty() ? "its holder" : printable(holder)) +
                               " gave you in person or by telephone (96 hex digits or 48 words)\n[" +
                               std::to_string(attempt) + " of " + std::to_string(trust::kMaxFingerprintTries) + "]: ";
  auto typed = ask_terminal(question);
  if (!typed || typed->empty()) return std::nullopt;
  return *std::move(typed);
}

Result<> add_key(const Context& context, const Options& options) {
  const auto role = trust::role_from_name(options.role);
  if (!role) return fail(Code::kUsage, "key add: --role: publisher, governor or approver");
  if (options.holder.size() > trust::kMaxHolderBytes || !base::is_utf8(options.holder)) {
    return fail(Code::kUsage, "key add: --holder: at most 128 bytes of text");
  }
  SG_TRY(const base::Bytes pem, base::real_env().read_file(options.file, pack::kMaxSignatureBytes));
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  SG_TRY(const crypto::PublicKey key, crypto::PublicKey::from_pem(base::as_text(pem)));
  trust::KeyRequest request{{key, *role, options.holder, {}, {}}, read_fingerprints(options.fingerprints), {}};
  if (!options.review_by.empty()) {
    SG_TRY(request.key.review_by, read_date(options.review_by));
  }
  SG_TRY(request.approvals, read_tokens(options.approvals));
  const auto ask = [&](int attempt) { return ask_for_key(options.holder, attempt); };
  const auto added = site->importer().add_key(request, ask);
  if (!added) show_requests(context, site->importer().requests());
  SG_TRY(added);
  context.print(json::Object{{"holder", options.holder}, {"key_id", key.key_id().str()}, {"role", options.role}},
                "key " + short_key_id(key.key_id()) + "...: confirmed as " + options.role +
                    (options.holder.empty() ? "" : " of " + options.holder) + "\n");
  return {};
}

json::Object describe_key(const trust::TrustState& state, const trust::KnownKey& key) {
  json::Object document{{"alg", crypto::algorithm_name(key.key().algorithm())},
                        {"confirmed_at", base::format_rfc3339(key.confirmed_at)},
                        {"confirmed_by", key.confirmed_by.str()},
                        {"fingerprint", crypto::fingerprint_hex(key.key().fingerprint())},
                        {"holder", key.confirmed.holder},
                        {"how", trust::confirmation_name(key.confirmed.how)},
                        {"key_id", key.key().key_id().str()},
                        {"revoked", state.is_revoked(key.key().key_id())},
                        {"role", trust::role_name(key.role())}};
  if (key.confirmed.review_by) document.set("review_by", base::format_rfc3339(*key.confirmed.review_by));
  return document;
}

std::string line_of(const trust::TrustState& state, const trust::KnownKey& key) {
  const base::KeyId& id = key.key().key_id();
  std::string text = short_key_id(id) + "...  " + std::string(trust::role_name(key.role())) + "  " +
                     std::string(crypto::algorithm_name(key.key().algorithm()));
  if (!key.confirmed.holder.empty()) text += "  " + key.confirmed.holder;
  if (state.is_revoked(id)) text += "  REVOKED";
  text += "\n  " + crypto::fingerprint_hex(key.key().fingerprint()) + "\n  confirmed by " + key.confirmed_by.str() +
          " on " + base::format_rfc3339(key.confirmed_at).substr(0, 10) + " (" +
          std::string(trust::confirmation_name(key.confirmed.how)) + ")";
  if (key.confirmed.review_by) {
    text += ", to be looked at again by " + base::format_rfc3339(*key.confirmed.review_by).substr(0, 10);
    if (*key.confirmed.review_by <= base::real_env().now()) text += " (OVERDUE)";
  }
  return text + "\n";
}

Result<> list_keys(const Context& context) {
  SG_TRY(const std::unique_ptr<Site> site, Site::open(context));
  SG_TRY(const trust::TrustState state, site->state());
  json::Array keys;
  std::string text;
  for (const auto& [id, key] : state.keys()) {
    keys.emplace_back(describe_key(state, key));
    text += line_of(state, key);
  }
  context.print(json::Object{{"keys", std::move(keys)}}, text.empty() ? "no keys\n" : text);
  return {};
}

json::Object describe_pin(const trust::Pin& pin) {
  json::Array keys;
  for (const base::KeyId& key : pin.keys) keys.emplace_back(key.str());
  return json::Object{{"keys", std::move(keys)}, {"scope", pin.scope}, {"threshold", pin.threshold}};
}

std::string text_of(const trust::Pin& pin) {
  std::string text = pin.scope + "  " + std::to_string(pin.threshold) + " of";
  for (const base::KeyId& key : pin.keys) text += " " + short_key_id(key) + "...";
  return text + "\n";
}

Result<> list_pins(const Context& context) {
  SG_TRY(const std::unique_ptr<Site> site, Site::open(context));
  SG_TRY(const trust::TrustState state, site->state());
  json::Array pins;
  std::string text;
  for (const trust::Pin& pin : state.pins()) {
    pins.emplace_back(describe_pin(pin));
    text += text_of(pin);
  }
  const auto governors = state.keys_of(trust::Role::kGovernor).size();
  text += std::string(trust::kGovernorsScope) + "  " + std::to_string(state.governor_threshold()) + " of " +
          std::to_string(governors) + " governors\n";
  context.print(json::Object{{"governors", static_cast<std::int64_t>(governors)},
                             {"governor_threshold", state.governor_threshold()},
                             {"pins", std::move(pins)}},
                text);
  return {};
}

Result<> repin(const Context& context, const Options& options) {
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  SG_TRY(const trust::TrustState state, site->state());
  trust::RepinRequest request;
  request.scope = options.scope;
  request.reason = options.reason;
  if (options.threshold != 0) request.threshold = options.threshold;
  for (const std::string& text : options.keys) {
    SG_TRY(base::KeyId key, find_key(state, text));
    request.keys.push_back(std::move(key));
  }
  SG_TRY(request.approvals, read_tokens(options.approvals));
  const auto done = site->importer().repin(request);
  if (!done) show_requests(context, site->importer().requests());
  SG_TRY(const trust::Pin pin, done);
  context.print(describe_pin(pin), "pinned: " + text_of(pin));
  return {};
}

Result<> set_threshold(const Context& context, const Options& options) {
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  trust::ThresholdRequest request{options.scope, options.threshold, options.reason, {}};
  SG_TRY(request.approvals, read_tokens(options.approvals));
  const auto done = site->importer().set_threshold(request);
  if (!done) show_requests(context, site->importer().requests());
  SG_TRY(const bool changed, done);
  context.print(json::Object{{"changed", changed}, {"scope", options.scope}, {"threshold", options.threshold}},
                options.scope + ": " + std::to_string(options.threshold) + " must sign" +
                    (changed ? "\n" : "; it was so already\n"));
  return {};
}

void add_key_group(CLI::App& app, Context& context, const std::shared_ptr<Options>& options) {
  CLI::App* keys = app.add_subcommand("key", "Known keys");
  keys->require_subcommand(1);
  CLI::App* command = keys->add_subcommand("add", "Confirm a person's key for a role, or confirm it again");
  command->add_option("PUB", options->file, "Public key, PEM")->required();
  command->add_option("--role", options->role, "publisher, governor or approver; for ever")->required();
  command->add_option("--holder", options->holder, "Whose it is: a person's name")->type_name("NAME");
  command->add_option("--review-by", options->review_by, "When somebody should look at it again")->type_name("DATE");
  command
      ->add_option("--fingerprint", options->fingerprints,
                   "Its fingerprint, from another way than the file; asked for "
                   "on a terminal")
      ->type_name("HEX|WORDS");
  command->add_option("--approval", options->approvals, "An approver's token; needed for a second approver")
      ->type_name("TOKEN");
  command->callback(
      [&context, options] { context.action = [&context, options] { return add_key(context, *options); }; });
  command = keys->add_subcommand("list", "Known keys with role, holder, fingerprint, and who confirmed them");
  command->callback([&context] { context.action = [&context] { return list_keys(context); }; });
}

}  // namespace

void add_key_commands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  add_key_group(app, context, options);

  CLI::App* command = app.add_subcommand("pins", "Which keys may sign which ids, and how many of them must");
  command->callback([&context] { context.action = [&context] { return list_pins(context); }; });

  command = app.add_subcommand("repin", "Give a scope to other keys, which are known already");
  command->add_option("SCOPE", options->scope, "A pack id or \"part.*\", pinned or inside what is")->required();
  command->add_option("--key", options->keys, "Id of a known publisher key, or its first twelve digits or more")
      ->type_name("KEY_ID")
      ->required();
  command->add_option("--threshold", options->threshold, "How many of them must sign (else as before)")
      ->type_name("N")
      ->check(CLI::Range(1, static_cast<int>(pack::kMaxSignatures)));
  command->add_option("--reason", options->reason, "Why, for the log")->required();
  command->add_option("--approval", options->approvals, "An approver's token; needed when the threshold falls")
      ->type_name("TOKEN");
  command->callback([&context, options] { context.action = [&context, options] { return repin(context, *options); }; });

  command = app.add_subcommand("threshold", "Say how many pinned keys must sign in a scope");
  command->add_option("SCOPE", options->scope, "A pinned scope, or @governors")->required();
  command->add_option("N", options->threshold, "Raising it is free, lowering it needs an approver")->required();
  command->add_option("--reason", options->reason, "Why, for the log; needed to lower it");
  command->add_option("--approval", options->approvals, "An approver's token")->type_name("TOKEN");
  command->callback(
      [&context, options] { context.action = [&context, options] { return set_threshold(context, *options); }; });
}

}  // namespace stargraph::packcli
