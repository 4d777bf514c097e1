// The command line of people who make packs and of admins who import them. Each function adds one group
// of subcommands; they store what they would do in Context::action, so that nothing happens on a usage
// error.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "stargraph/base/env.hpp"
#include "stargraph/config/config.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/json/value.hpp"
#include "stargraph/pack/verify.hpp"
#include "stargraph/rules/jail.hpp"

namespace stargraph::packcli {

struct Context {
  std::string config = config::kDefaultPath;
  bool json = false;
  // Forked first of all, before keys and files: rules are only ever loaded in there. Null when it could
  // not be made; then nothing that needs it works.
  std::unique_ptr<rules::Jail> jail;
  std::function<base::Result<>()> action;

  // One JSON document on stdout with --json, else `text`, with control characters made visible.
  void print(const json::Value& document, const std::string& text) const;
  // What is known of something that the error to come refuses: `text` at once, and with --json the members of
  // `document` in the error's own document, since there is only one.
  void explain(const json::Object& document, const std::string& text) const;
  mutable json::Object explanation;
};

void add_signer_commands(CLI::App& app, Context& context);   // keygen fingerprint build sign
void add_reader_commands(CLI::App& app, Context& context);   // inspect verify
void add_foreign_commands(CLI::App& app, Context& context);  // sign-bosun
void add_trust_commands(CLI::App& app, Context& context);    // import floors revocations list show, and these:
void add_key_commands(CLI::App& app, Context& context);      // key pins repin threshold
void add_reload_commands(CLI::App& app, Context& context);   // activate retire repair reload approve

// Before the first use of a key or digest, once. Commands that read a configuration do as it says.
[[nodiscard]] base::Result<> start_crypto(bool fips_required);

[[nodiscard]] base::Result<base::Bytes> read_pack(const std::string& path);
[[nodiscard]] base::Result<crypto::PublicKey> read_public_key(const std::string& path);
// The key file must be private (0600 and ours). With `passphrase_fd` >= 0 the passphrase is read from
// there, up to the end of line; an encrypted key without one is asked for on a terminal.
[[nodiscard]] base::Result<crypto::PrivateKey> read_private_key(const std::string& path, int passphrase_fd);

// `created` (RFC 3339), else SOURCE_DATE_EPOCH, else now.
[[nodiscard]] base::Result<base::Timestamp> creation_time(const std::string& created);

// One line from a descriptor.
[[nodiscard]] base::Result<crypto::Secret> read_passphrase(int fd);

// What the module pack cannot look at: whether rules load and run empty in the jail, whether graphs are
// valid. Used when a pack is built and again when it is imported.
[[nodiscard]] base::Result<> check_meaning(rules::Jail* jail, const pack::Manifest& manifest,
                                           const std::vector<pack::File>& files);

// Enough of a key id to tell signers of one pack apart, and too little to be taken for a fingerprint.
[[nodiscard]] std::string short_key_id(const base::KeyId& id);
// Whether a person is there to ask: stdin and stderr are a terminal.
[[nodiscard]] bool has_terminal();
// Opens the terminal now, for a process that will not be able to later. One thread.
void keep_terminal();
// A line typed on the terminal.
[[nodiscard]] base::Result<std::string> ask_terminal(const std::string& prompt);
// The same without echo, into guarded memory only.
[[nodiscard]] base::Result<crypto::Secret> ask_passphrase(const std::string& prompt);
// Control characters become "\xNN": a pack's texts are other people's.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace stargraph::packcli
