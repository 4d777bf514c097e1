#include "stargraph/config/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "stargraph/json/reader.hpp"
#include "stargraph/yaml/parse.hpp"

namespace stargraph::config {
namespace {

using base::Code;
using base::fail;
using base::Path;
using base::Result;
using json::Reader;
using json::Value;

constexpr std::uint64_t kMaxFileBytes = 1 << 20;
constexpr std::string_view kContext = "configuration";

const Value& empty_mapping() {
  static const Value empty{json::Object{}};
  return empty;
}

// Reads one group (a mapping) of the document with `read`; an absent group is an empty mapping.
template <class Read>
Result<> group(Reader& in, std::string_view name, const Read& read) {
  const Value* const value = in.optional_value(name);
  const bool absent = value == nullptr || value->is_null();
  Reader inner(absent ? empty_mapping() : *value, std::string(kContext), in.pointer_of(name));
  read(inner);
  return inner.finish();
}

void read_path(Reader& in, std::string_view name, Path& path) {
  const auto text = in.optional_text(name, 1, 4096);
  if (!text) return;
  path = *text;
  if (!path.is_absolute()) in.refuse(name, Code::kConfigInvalid, "not an absolute path");
}

// Closed choice: the position of the text in `names`, or `otherwise` when the key is absent.
std::size_t read_choice(Reader& in, std::string_view name, std::initializer_list<std::string_view> names,
                        std::size_t otherwise) {
  const auto text = in.optional_text(name, 1, 64);
  if (!text) return otherwise;
  const auto* const found = std::find(names.begin(), names.end(), *text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  in.refuse(name, Code::kConfigInvalid, "not one of the known values");
  return otherwise;
}

SecretSource read_secret(Reader& in, const std::string& name) {
  SecretSource source;
  source.credential = in.optional_text(name + "_credential", 1, 255).value_or("");
  if (source.credential.find('/') != std::string::npos)
    in.refuse(name + "_credential", Code::kConfigInvalid, "not a credential name");
  read_path(in, name + "_file", source.file);
  return source;
}

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '@';
  };
  return !text.empty() && text.size() <= 64 && text.front() != '.' && text.front() != '-' &&
         std::ranges::all_of(text, fits);
}

std::string read_name(Reader& in, std::string_view member) {
  std::string name = in.text(member, 1, 64);
  if (!is_name(name)) in.refuse(member, Code::kConfigInvalid, "not a name of [a-z0-9_.@-]");
  return name;
}

void read_match(Reader& in, Match& match) {
  match.san_uri = in.optional_text("san_uri", 1, 2048).value_or("");
  match.fingerprint = in.optional_text("fingerprint", 96, 96).value_or("");
  match.issuer = in.optional_text("issuer", 1, 2048).value_or("");
  match.subject = in.optional_text("subject", 1, 2048).value_or("");
  const bool half = match.issuer.empty() != match.subject.empty();
  const bool forms[] = {!match.san_uri.empty(), !match.fingerprint.empty(), !match.issuer.empty()};
  if (half || std::ranges::count(forms, true) != 1) {
    in.refuse("san_uri", Code::kConfigInvalid,
              "a match needs exactly one of san_uri, fingerprint, or issuer with subject");
  }
}

Result<Principal> read_principal(const Value& value, const std::string& pointer) {
  Reader in(value, std::string(kContext), pointer);
  Principal principal;
  principal.name = base::ActorName(read_name(in, "name"));
  principal.tenant = base::TenantId(read_name(in, "tenant"));
  for (std::string& tenant : in.optional_texts("also_tenants", 256)) {
    if (!is_name(tenant)) in.refuse("also_tenants", Code::kConfigInvalid, "not a name of [a-z0-9_.@-]");
    principal.also_tenants.emplace_back(std::move(tenant));
  }
  principal.roles = in.optional_texts("roles", 64);
  SG_TRY(group(in, "match", [&](Reader& inner) { read_match(inner, principal.match); }));
  SG_TRY(in.finish());
  return principal;
}

Result<> read_principals(Reader& in, Config& config) {
  const json::Array& rows = in.optional_array("principals", 10'000);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string pointer = in.pointer_of("principals") + json::pointer_step(i);
    SG_TRY(Principal principal, read_principal(rows[i], pointer));
    const auto same = [&](const Principal& other) { return other.name == principal.name; };
    if (std::ranges::any_of(config.principals, same)) {
      return fail(Code::kConfigInvalid, "configuration: " + pointer + "/name: stands twice");
    }
    config.principals.push_back(std::move(principal));
  }
  return {};
}

Result<> read_roles(Reader& in, Config& config) {
  const Value* const value = in.optional_value("roles");
  if (value == nullptr || value->is_null()) return {};
  if (value->object() == nullptr) return fail(Code::kConfigInvalid, "configuration: /roles: expected a mapping");
  for (const auto& [name, capabilities] : *value->object()) {
    const std::string pointer = in.pointer_of("roles") + json::pointer_step(name);
    if (!is_name(name)) return fail(Code::kConfigInvalid, "configuration: " + pointer + ": not a name of [a-z0-9_.@-]");
    if (capabilities.array() == nullptr)
      return fail(Code::kConfigInvalid, "configuration: " + pointer + ": expected a list");
    for (const Value& capability : *capabilities.array()) {
      if (capability.string() == nullptr || capability.string()->empty() || capability.string()->size() > 256) {
        return fail(Code::kConfigInvalid, "configuration: " + pointer + ": expected capability names");
      }
      config.roles[name].push_back(*capability.string());
    }
  }
  return {};
}

void read_limits(Reader& in, Limits& limits) {
  for (const LimitRow& row : limit_table()) {
    limits.*row.member = in.optional_integer(row.name, row.least, row.most).value_or(limits.*row.member);
  }
}

void read_audit(Reader& in, Profile profile, Audit& audit) {
  const bool cleared = profile == Profile::kCleared;
  read_path(in, "entries_socket", audit.entries_socket);
  read_path(in, "trust_socket", audit.trust_socket);
  read_path(in, "public_key", audit.public_key);
  read_path(in, "log_directory", audit.log_directory);
  read_path(in, "state_directory", audit.state_directory);
  audit.key = read_secret(in, "key");
  const std::size_t usual = cleared ? 0 : 1;
  audit.on_failure =
      read_choice(in, "on_failure", {"stop", "refuse"}, usual) == 0 ? AuditFailure::kStop : AuditFailure::kRefuse;
  audit.reads =
      read_choice(in, "reads", {"strict", "relaxed"}, usual) == 0 ? AuditReads::kStrict : AuditReads::kRelaxed;
  if (cleared && audit.on_failure != AuditFailure::kStop)
    in.refuse("on_failure", Code::kConfigInvalid, "profile cleared knows only stop");
  if (const auto uid = in.optional_integer("entries_uid", 0, 4'294'967'294))
    audit.entries_uid = static_cast<std::uint32_t>(*uid);
  audit.trust_uid = static_cast<std::uint32_t>(in.optional_integer("trust_uid", 0, 4'294'967'294).value_or(0));
}

Result<> read_groups(Reader& in, Config& config) {
  SG_TRY(group(in, "tls", [&](Reader& tls) {
    read_path(tls, "certificate", config.tls.certificate);
    read_path(tls, "client_ca", config.tls.client_ca);
    read_path(tls, "crl", config.tls.crl);
    config.tls.key = read_secret(tls, "key");
  }));
  SG_TRY(group(in, "state", [&](Reader& state) {
    read_path(state, "directory", config.state.directory);
    config.state.key = read_secret(state, "key");
  }));
  SG_TRY(group(in, "audit", [&](Reader& audit) { read_audit(audit, config.profile, config.audit); }));
  SG_TRY(group(in, "limits", [&](Reader& limits) { read_limits(limits, config.limits); }));
  SG_TRY(read_roles(in, config));
  return read_principals(in, config);
}

Result<> check_profile(const Config& config) {
  for (const Principal& principal : config.principals) {
    for (const std::string& role : principal.roles) {
      if (!config.roles.contains(role))
        return fail(Code::kConfigInvalid, "configuration: /principals: a role that /roles does not define");
    }
  }
  if (config.profile == Profile::kCleared && !config.graphs_dir.empty()) {
    return fail(Code::kConfigInvalid,
                "configuration: /graphs_dir: profile cleared takes graphs only from execution packs");
  }
  return {};
}

Result<Config> read_document(const Value& value) {
  Reader in(value.is_null() ? empty_mapping() : value, std::string(kContext));
  Config config;
  config.profile =
      read_choice(in, "profile", {"cleared", "oss-default"}, 0) == 0 ? Profile::kCleared : Profile::kOssDefault;
  config.fips_required = read_choice(in, "fips", {"off", "required"}, 0) == 1;
  const std::size_t side_effects = read_choice(in, "side_effects", {"deny", "allow"}, 2);
  if (side_effects < 2) config.side_effects = side_effects == 1;
  if (!config.side_effects && config.profile == Profile::kOssDefault) config.side_effects = true;
  read_path(in, "graphs_dir", config.graphs_dir);
  SG_TRY(read_groups(in, config));
  SG_TRY(in.finish());
  SG_TRY(check_profile(config));
  return config;
}

// "configuration: /audit/reads: why" -> "configuration: line 12: /audit/reads: why", with the line of
// the pointer or of its nearest parent that the file has.
std::string with_line(std::string message, const yaml::Document& document) {
  const std::size_t start = message.find(": /");
  if (start == std::string::npos) return message;
  const std::size_t end = message.find(": ", start + 2);
  std::string pointer = message.substr(start + 2, end == std::string::npos ? end : end - start - 2);
  while (!pointer.empty()) {
    const auto found = document.lines.find(pointer);
    if (found != document.lines.end()) {
      message.insert(start + 2, "line " + std::to_string(found->second) + ": ");
      return message;
    }
    pointer.erase(pointer.rfind('/'));
  }
  return message;
}

}  // namespace

std::string_view profile_name(Profile profile) { return profile == Profile::kCleared ? "cleared" : "oss-default"; }

Result<Path> SecretSource::locate() const {
  const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  if (!credential.empty() && directory != nullptr) {
    Path path = Path(directory) / credential;
    if (std::error_code error; std::filesystem::exists(path, error)) return path;
  }
  if (!file.empty()) return file;
  return fail(Code::kConfigMissing, "configuration: secret: neither its credential nor its file is there");
}

Result<Config> parse(std::string_view text) {
  const auto document = yaml::parse(text);
  if (!document) return fail(Code::kConfigInvalid, "configuration: " + document.error().message);
  auto config = read_document(document->value);
  if (config) return config;
  // Whatever the reader calls it (unknown-field, malformed), for an administrator it is configuration.
  return fail(Code::kConfigInvalid, with_line(std::move(config.error().message), *document));
}

Result<Config> load(base::Env& env, const Path& path) {
  const auto info = env.info(path);
  if (!info) return fail(Code::kConfigMissing, "configuration: " + path.string() + ": not there");
  if (!info->regular) return fail(Code::kConfigMissing, "configuration: " + path.string() + ": not a regular file");
  if ((info->mode & 0137U) != 0)
    return fail(Code::kModeTooWide, "configuration: " + path.string() + ": wider than 0640");
  if (info->uid != 0 && info->uid != ::geteuid())
    return fail(Code::kWrongOwner, "configuration: " + path.string() + ": belongs to another user");
  SG_TRY(const base::Bytes bytes, env.read_file(path, kMaxFileBytes));
  return parse(base::as_text(bytes));
}

}  // namespace stargraph::config
