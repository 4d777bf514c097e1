#include "stargraph/policy/bundle.hpp"

#include <algorithm>
#include <set>

#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"

namespace stargraph::policy {
namespace {

using base::Code;
using base::fail;
using base::Result;
using json::Reader;
using json::Value;

constexpr std::string_view kContext = "policy";
constexpr std::size_t kMaxLabelBytes = 256;
constexpr std::size_t kMaxNames = 1024;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxRoles = 1024;
constexpr std::size_t kMaxAssignments = 10'000;
constexpr std::size_t kMaxRolesOfOne = 64;
constexpr std::int64_t kMaxDependencies = 65'536;

// Roles and principals: what config::parse takes for names, and no character that a pattern could be made of.
bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '@';
  };
  return !text.empty() && text.size() <= 64 && text.front() != '.' && text.front() != '-' &&
         std::ranges::all_of(text, fits);
}

bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7e && c != '"' && c != '\\'; });
}

bool has_twice(std::vector<std::string> names) {
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

// An empty list and an absent one say the same, so a list must be there: nothing in a policy is meant silently.
std::vector<std::string> names(Reader& in, std::string_view member) {
  std::vector<std::string> found = in.texts(member, kMaxNames);
  if (!std::ranges::all_of(found, is_plain)) in.refuse(member, Code::kPolicyInvalid, "not a name");
  if (has_twice(found)) in.refuse(member, Code::kPolicyInvalid, "a name twice");
  return found;
}

base::Timestamp time(Reader& in, std::string_view member) {
  const auto parsed = base::parse_rfc3339(in.text(member, 1, 64));
  if (!parsed) in.refuse(member, Code::kPolicyInvalid, "not a time of RFC 3339");
  return parsed.value_or(base::Timestamp{});
}

Result<std::map<std::string, std::vector<std::string>>> read_models(const Value& value, const std::string& pointer) {
  std::map<std::string, std::vector<std::string>> models;
  if (value.object() == nullptr || value.object()->size() > kMaxNames)
    return fail(Code::kPolicyInvalid, "policy: " + pointer + ": expected object");
  Reader in(value, std::string(kContext), pointer);
  for (const auto& [name, values] : *value.object()) {
    if (!is_plain(name)) in.refuse(name, Code::kPolicyInvalid, "not a name");
    models[name] = names(in, name);
  }
  SG_TRY(in.finish());
  return models;
}

Result<OrgPolicy> read_org(const Value& value) {
  Reader in(value, std::string(kContext), "/org_policy");
  OrgPolicy org;
  org.version = in.text("version", 1, kMaxLabelBytes);
  org.allowed_permissions = names(in, "allowed_permissions");
  const Value& models = in.value("allowed_models");
  if (in.boolean("allow_legacy_unsigned")) {
    in.refuse("allow_legacy_unsigned", Code::kPolicyInvalid, "nothing unsigned is ever run here; only false is true");
  }
  org.require_deterministic = in.boolean("require_deterministic");
  SG_TRY(in.finish());
  SG_TRY(org.allowed_models, read_models(models, in.pointer_of("allowed_models")));
  return org;
}

// A key of governance that this box cannot act on may stand only with the value that asks for nothing.
void only(Reader& in, std::string_view member, bool value, std::string_view why) {
  const auto given = in.optional_boolean(member);
  if (given && *given != value) in.refuse(member, Code::kPolicyInvalid, why);
}

Result<Governance> read_governance(const Value& value) {
  Reader in(value, std::string(kContext), "/governance");
  Governance governance;
  governance.version = in.integer("version", 1, 1);
  governance.require_deterministic = in.boolean("require_deterministic");
  governance.max_external_dependencies = in.integer("max_external_dependencies", 0, kMaxDependencies);
  only(in, "require_signed", true, "packs are signed or refused; only true is true");
  only(in, "require_plugin_pinned", true, "packs are pinned or refused; only true is true");
  only(in, "forbid_chaos_on_main", false, "there are neither branches nor a chaos mode here");
  if (in.optional_integer("min_reproducibility_rate", 0, 100).value_or(0) != 0) {
    in.refuse("min_reproducibility_rate", Code::kPolicyInvalid, "nothing here measures it");
  }
  SG_TRY(in.finish());
  return governance;
}

Result<std::vector<Grant>> read_grants(const Value& value, const std::string& pointer) {
  if (value.array() == nullptr || value.array()->size() > kMaxNames)
    return fail(Code::kPolicyInvalid, "policy: " + pointer + ": expected list");
  std::vector<Grant> grants;
  for (std::size_t i = 0; i < value.array()->size(); ++i) {
    const std::string* const text = (*value.array())[i].string();
    const std::string here = pointer + json::pointer_step(i);
    if (text == nullptr || !is_plain(*text))
      return fail(Code::kPolicyInvalid, "policy: " + here + ": expected a capability");
    auto grant = parse_grant(*text);
    if (!grant) return fail(Code::kPolicyInvalid, "policy: " + here + ": " + grant.error().message);
    if (std::ranges::find(grants, *grant) != grants.end())
      return fail(Code::kPolicyInvalid, "policy: " + here + ": stands twice");
    grants.push_back(*std::move(grant));
  }
  return grants;
}

// The members of an object whose names are names of roles or principals.
Result<const json::Object*> named(const Value& value, const std::string& pointer, std::size_t most) {
  if (value.object() == nullptr || value.object()->size() > most)
    return fail(Code::kPolicyInvalid, "policy: " + pointer + ": expected object");
  for (const auto& [name, member] : *value.object()) {
    if (!is_name(name)) {
      // The name itself may be anything, so it is not shown; its place is.
      return fail(Code::kPolicyInvalid, "policy: " + pointer + ": a member is not named [a-z0-9_.@-]");
    }
  }
  return value.object();
}

Result<std::map<std::string, std::vector<Grant>>> read_roles(const Value& value) {
  std::map<std::string, std::vector<Grant>> roles;
  SG_TRY(const json::Object* members, named(value, "/roles", kMaxRoles));
  for (const auto& [name, grants] : *members) {
    SG_TRY(roles[name], read_grants(grants, "/roles" + json::pointer_step(name)));
  }
  return roles;
}

Result<std::map<std::string, std::vector<std::string>>> read_assignments(
    const Value& value, const std::map<std::string, std::vector<Grant>>& roles) {
  std::map<std::string, std::vector<std::string>> assignments;
  SG_TRY(const json::Object* members, named(value, "/assignments", kMaxAssignments));
  Reader in(value, std::string(kContext), "/assignments");
  for (const auto& [name, ignored] : *members) {
    std::vector<std::string> given = in.texts(name, kMaxRolesOfOne);
    if (has_twice(given)) in.refuse(name, Code::kPolicyInvalid, "a role twice");
    if (!std::ranges::all_of(given, [&](const std::string& role) { return roles.contains(role); }))
      in.refuse(name, Code::kPolicyInvalid, "a role that /roles does not define");
    assignments[name] = std::move(given);
  }
  SG_TRY(in.finish());
  return assignments;
}

std::optional<crypto::Digest> read_supersedes(Reader& in) {
  const Value& value = in.value("supersedes");
  if (in.failed() || value.is_null()) return std::nullopt;
  const auto digest = crypto::Digest::from_hex(value.string() == nullptr ? "" : *value.string());
  if (digest) return *digest;
  in.refuse("supersedes", Code::kPolicyInvalid, "expected null or the digest of a pack, 96 hex digits");
  return std::nullopt;
}

Result<Bundle> read_bundle(const Value& value) {
  Reader in(value, std::string(kContext));
  Bundle bundle;
  if (in.text("format", 1, 64) != kPolicyFormat) in.refuse("format", Code::kPolicyInvalid, "not stargraph.policy.v1");
  bundle.label = in.text("label", 1, kMaxLabelBytes);
  const std::string mode = in.text("mode", 1, 16);
  if (mode != "enforce" && mode != "warn") in.refuse("mode", Code::kPolicyInvalid, "expected enforce or warn");
  bundle.mode = mode == "warn" ? Mode::kWarn : Mode::kEnforce;
  bundle.not_before = time(in, "not_before");
  bundle.not_after = time(in, "not_after");
  if (bundle.not_after <= bundle.not_before) in.refuse("not_after", Code::kPolicyInvalid, "is not after not_before");
  bundle.supersedes = read_supersedes(in);
  const Value& org = in.value("org_policy");
  const Value& governance = in.value("governance");
  const Value& roles = in.value("roles");
  const Value& assignments = in.value("assignments");
  SG_TRY(in.finish());
  SG_TRY(bundle.org, read_org(org));
  SG_TRY(bundle.governance, read_governance(governance));
  SG_TRY(bundle.roles, read_roles(roles));
  SG_TRY(bundle.assignments, read_assignments(assignments, bundle.roles));
  return bundle;
}

json::Array array_of(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

std::string grant_text(const Grant& grant) {
  std::string text(capability_name(grant.capability));
  return grant.scope ? text + ":" + *grant.scope : text;
}

}  // namespace

std::string_view mode_name(Mode mode) { return mode == Mode::kEnforce ? "enforce" : "warn"; }

Result<Bundle> decode_bundle(const Value& value) {
  auto bundle = read_bundle(value);
  if (bundle) return bundle;
  // One code for every defect of form: what exactly is wrong stands in the message.
  return fail(Code::kPolicyInvalid, std::move(bundle.error().message));
}

Result<Bundle> parse_bundle(std::string_view text) {
  auto value = json::parse(text, {.max_bytes = kMaxPolicyBytes});
  if (!value) return fail(Code::kPolicyInvalid, "policy: " + value.error().message);
  return decode_bundle(*value);
}

Value encode_bundle(const Bundle& bundle) {
  json::Object models;
  for (const auto& [name, values] : bundle.org.allowed_models) models.set(name, array_of(values));
  json::Object roles;
  for (const auto& [name, grants] : bundle.roles) {
    json::Array texts;
    for (const Grant& grant : grants) texts.emplace_back(grant_text(grant));
    roles.set(name, std::move(texts));
  }
  json::Object assignments;
  for (const auto& [name, given] : bundle.assignments) assignments.set(name, array_of(given));
  return json::Object{
      {"assignments", std::move(assignments)},
      {"format", kPolicyFormat},
      {"governance", json::Object{{"forbid_chaos_on_main", false},
                                  {"max_external_dependencies", bundle.governance.max_external_dependencies},
                                  {"min_reproducibility_rate", 0},
                                  {"require_deterministic", bundle.governance.require_deterministic},
                                  {"require_plugin_pinned", true},
                                  {"require_signed", true},
                                  {"version", bundle.governance.version}}},
      {"label", bundle.label},
      {"mode", mode_name(bundle.mode)},
      {"not_after", base::format_rfc3339(bundle.not_after)},
      {"not_before", base::format_rfc3339(bundle.not_before)},
      {"org_policy", json::Object{{"allow_legacy_unsigned", false},
                                  {"allowed_models", std::move(models)},
                                  {"allowed_permissions", array_of(bundle.org.allowed_permissions)},
                                  {"require_deterministic", bundle.org.require_deterministic},
                                  {"version", bundle.org.version}}},
      {"roles", std::move(roles)},
      {"supersedes", bundle.supersedes ? Value(bundle.supersedes->hex()) : Value()}};
}

Result<> check_time(const Bundle& bundle, base::Timestamp now) {
  if (now < bundle.not_before) {
    return fail(Code::kPolicyNotYet, "policy: counts from " + base::format_rfc3339(bundle.not_before) + " on");
  }
  if (now >= bundle.not_after) {
    return fail(Code::kPolicyExpired, "policy: counted until " + base::format_rfc3339(bundle.not_after));
  }
  return {};
}

}  // namespace stargraph::policy
