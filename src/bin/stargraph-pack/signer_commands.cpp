// The publisher's side: keygen, fingerprint, build, sign. Needs no appliance and no configuration.
#include <cstdlib>

#include "commands.hpp"
#include "foreign.hpp"
#include "stargraph/crypto/fingerprint.hpp"
#include "stargraph/pack/build.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

struct Options {
  std::string directory;
  std::string name;
  std::string algorithm = "ed25519";
  std::string file;
  std::string key;
  std::string out;
  std::string created;
  std::int64_t epoch = 0;
  int passphrase_fd = -1;
  bool fips = false;
};

json::Object describe_key(const crypto::PublicKey& key) {
  return json::Object{{"alg", crypto::algorithm_name(key.algorithm())},
                      {"fingerprint", crypto::fingerprint_hex(key.fingerprint())},
                      {"key_id", key.key_id().str()},
                      {"words", crypto::fingerprint_words(key.fingerprint())}};
}

std::string fingerprint_text(const crypto::PublicKey& key) {
  return crypto::fingerprint_hex(key.fingerprint()) + "\n" + crypto::fingerprint_words(key.fingerprint()) + "\n";
}

Result<> refuse_existing(const base::Path& path) {
  if (base::real_env().info(path)) return fail(Code::kConflict, path.string() + ": exists; a key is never overwritten");
  return {};
}

bool is_file_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && pack::check_path(name).has_value();
}

Result<crypto::Secret> new_passphrase(int fd) {
  if (fd < 0) return crypto::Secret();
  SG_TRY(crypto::Secret passphrase, read_passphrase(fd));
  if (passphrase.empty()) return fail(Code::kUsage, "passphrase: empty");
  return passphrase;
}

Result<> keygen(const Context& context, const Options& options) {
  SG_TRY(start_crypto(options.fips));
  if (!is_file_name(options.name))
    return fail(Code::kUsage, "keygen: --name: letters, digits, dot, dash and underscore");
  SG_TRY(const crypto::Algorithm algorithm, crypto::algorithm_from_name(options.algorithm));
  base::Env& env = base::real_env();
  const base::Path directory = options.out;
  const base::Path private_file = directory / (options.name + ".key.pem");
  const base::Path public_file = directory / (options.name + ".pub.pem");
  SG_TRY(env.make_directory(directory, 0700));
  SG_TRY(refuse_existing(private_file));
  SG_TRY(refuse_existing(public_file));
  SG_TRY(const crypto::Secret passphrase, new_passphrase(options.passphrase_fd));
  SG_TRY(const crypto::PrivateKey key, crypto::PrivateKey::generate(algorithm));
  SG_TRY(const crypto::Secret pem, key.to_pem(passphrase));
  SG_TRY(env.write_file(private_file, pem.view(), 0600));
  SG_TRY(env.write_file(public_file, base::as_bytes(key.public_key().pem()), 0644));
  json::Object document = describe_key(key.public_key());
  document.set("encrypted", !passphrase.empty());
  document.set("private_key", private_file.string());
  document.set("public_key", public_file.string());
  context.print(document, private_file.string() + (passphrase.empty() ? " (not encrypted)" : "") + "\n" +
                              public_file.string() + "\nFingerprint, to be brought by another way than the packs:\n" +
                              fingerprint_text(key.public_key()));
  return {};
}

Result<> fingerprint(const Context& context, const Options& options) {
  SG_TRY(start_crypto(false));
  SG_TRY(const crypto::PublicKey key, read_public_key(options.file));
  context.print(describe_key(key), fingerprint_text(key));
  return {};
}

// The new file is read back as anybody would read it, with what only this program can check.
Result<> report_pack(const Context& context, const base::Bytes& bytes, const std::string& file,
                     const json::Object& origin = {}, const std::string& note = "") {
  SG_TRY(const pack::Container container, pack::parse(bytes));
  const pack::Header& header = container.header;
  json::Object document{{"digest", container.digest.hex()},
                        {"epoch", header.epoch.value()},
                        {"file", file},
                        {"files", static_cast<std::int64_t>(header.files.size())},
                        {"id", header.id.str()},
                        {"kind", pack::kind_name(header.kind)},
                        {"signatures", static_cast<std::int64_t>(container.signatures.size())},
                        {"version", header.version}};
  if (!origin.empty()) document.set("origin", origin);
  context.print(document, note + file + ": " + header.id.str() + " " + header.version + " epoch " +
                              std::to_string(header.epoch.value()) + ", " +
                              std::to_string(container.signatures.size()) + " signature(s)\ndigest " +
                              container.digest.hex() + "\n");
  return {};
}

std::vector<pack::File> files_of(const pack::Unsigned& compiled) {
  std::vector<pack::File> files;
  files.reserve(compiled.files.size());
  for (const pack::SourceFile& file : compiled.files) files.push_back({file.path, file.bytes});
  return files;
}

Result<> build(const Context& context, const Options& options) {
  SG_TRY(start_crypto(options.fips));
  SG_TRY(const base::Timestamp created, creation_time(options.created));
  SG_TRY(const Built built, compile_from(options.directory, {base::Epoch(options.epoch), created}));
  SG_TRY(check_meaning(context.jail.get(), built.compiled.manifest, files_of(built.compiled)));
  SG_TRY(const crypto::PrivateKey key, read_private_key(options.key, options.passphrase_fd));
  SG_TRY(const base::Bytes bytes, pack::sign(built.compiled, key));
  SG_TRY(base::real_env().write_file(options.out, bytes, 0644));
  return report_pack(context, bytes, options.out, built.origin, built.note);
}

Result<> sign(const Context& context, const Options& options) {
  SG_TRY(start_crypto(options.fips));
  SG_TRY(const base::Bytes bytes, read_pack(options.file));
  SG_TRY(const pack::Container container, pack::parse(bytes));
  SG_TRY(const crypto::PrivateKey key, read_private_key(options.key, options.passphrase_fd));
  SG_TRY(const base::Bytes with_one_more, pack::add_signature(container, key));
  const std::string out = options.out.empty() ? options.file : options.out;
  SG_TRY(base::real_env().write_file(out, with_one_more, 0644));
  return report_pack(context, with_one_more, out);
}

void add_fips_option(CLI::App& command, Options& options) {
  command.add_flag("--fips", options.fips, "All cryptography from OpenSSL's FIPS module, or nothing is done");
}

void add_key_options(CLI::App& command, Options& options) {
  add_fips_option(command, options);
  command.add_option("--key", options.key, "Private key, PEM, mode 0600")->type_name("FILE")->required();
  command.add_option("--passphrase-fd", options.passphrase_fd, "Descriptor to read the key's passphrase from")
      ->type_name("N");
}

}  // namespace

Result<base::Timestamp> creation_time(const std::string& created) {
  if (!created.empty()) {
    auto time = base::parse_rfc3339(created);
    if (!time) return fail(Code::kUsage, "--created: not an RFC 3339 time");
    return time;
  }
  if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH"); epoch != nullptr)
    return pack::parse_source_date_epoch(epoch);
  return base::real_env().now();
}

void add_signer_commands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();

  CLI::App* command = app.add_subcommand("keygen", "Make a signing key and print its fingerprint");
  command->add_option("--out", options->out, "Directory for NAME.key.pem (0600) and NAME.pub.pem")
      ->type_name("DIR")
      ->required();
  command->add_option("--name", options->name, "Name of the two files")->required();
  command->add_option("--alg", options->algorithm, "ed25519 or ecdsa-p384-sha384")->capture_default_str();
  command
      ->add_option("--passphrase-fd", options->passphrase_fd, "Encrypt the key with the line read from this descriptor")
      ->type_name("N");
  add_fips_option(*command, *options);
  command->callback(
      [&context, options] { context.action = [&context, options] { return keygen(context, *options); }; });

  command =
      app.add_subcommand("fingerprint", "Print the fingerprint of a public key: the signer's side of the ceremony");
  command->add_option("PUB", options->file, "Public key, PEM")->required();
  command->callback(
      [&context, options] { context.action = [&context, options] { return fingerprint(context, *options); }; });

  command = app.add_subcommand("build", "Compile, check and sign a pack from a source directory");
  command->add_option("DIR", options->directory, "Sources, a Bosun directory, or a Reach document")->required();
  add_key_options(*command, *options);
  command->add_option("--epoch", options->epoch, "Rises with every release of this id; never lowered or reused")
      ->required();
  command->add_option("--out", options->out, "The pack to write")->type_name("FILE.sgpack")->required();
  command->add_option("--created", options->created, "RFC 3339 time in the header (else SOURCE_DATE_EPOCH, else now)");
  command->callback([&context, options] { context.action = [&context, options] { return build(context, *options); }; });

  command = app.add_subcommand("sign", "Add one more signature to a pack");
  command->add_option("FILE", options->file, "The pack")->required();
  add_key_options(*command, *options);
  command->add_option("--out", options->out, "Write here instead of replacing FILE")->type_name("FILE");
  command->callback([&context, options] { context.action = [&context, options] { return sign(context, *options); }; });
}

}  // namespace stargraph::packcli
