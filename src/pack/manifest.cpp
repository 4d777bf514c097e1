#include "stargraph/pack/manifest.hpp"

#include <algorithm>

#include "stargraph/json/reader.hpp"
#include "stargraph/pack/semver.hpp"

namespace stargraph::pack {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kFactsPrefix = "stargraph_facts:";
constexpr std::size_t kMaxNames = 1024;
constexpr std::size_t kMaxNameBytes = 256;

// Names that stand in fact lists, grants and audit entries: visible ASCII, no quotes or brackets.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:/*@-").find(c) != std::string_view::npos;
  });
}

std::vector<std::string> names(json::Reader& in, std::string_view member) {
  std::vector<std::string> found = in.optional_texts(member, kMaxNames);
  std::vector<std::string> sorted = found;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end()) in.refuse(member, Code::kManifestInvalid, "a name twice");
  if (!std::ranges::all_of(found, is_name)) in.refuse(member, Code::kManifestInvalid, "not a name");
  return found;
}

std::int64_t limit(json::Reader& in, std::string_view member, std::int64_t fallback, std::int64_t most) {
  return in.optional_integer(member, 1, most).value_or(fallback);
}

// The members that every manifest has; `kind` was read before.
template <class ManifestType>
void read_identity(json::Reader& in, ManifestType& manifest) {
  static_cast<void>(in.text("kind"));
  manifest.id = base::PackId(in.text("id", 1, 128));
  if (!is_pack_id(manifest.id.str())) in.refuse("id", Code::kManifestInvalid, "not a pack id");
  manifest.version = in.text("version", 1, 128);
  if (!SemVer::parse(manifest.version)) {
    in.refuse("version", Code::kManifestInvalid, "not a SemVer 2.0.0 version (\"1.0.0\", quoted)");
  }
  manifest.description = in.optional_text("description", 0, 4096).value_or("");
}

Result<> read_limits(const json::Value* value, EvaluationLimits& limits) {
  if (value == nullptr) return {};
  const EvaluationLimits usual;
  json::Reader in(*value, "manifest", "/limits");
  limits.max_facts = limit(in, "max_facts", usual.max_facts, usual.max_facts);
  limits.max_firings = limit(in, "max_firings", usual.max_firings, usual.max_firings);
  limits.max_ms = limit(in, "max_ms", usual.max_ms, usual.max_ms);
  limits.max_bytes = limit(in, "max_bytes", usual.max_bytes, kMaxEvaluationBytes);
  return in.finish();
}

Result<Manifest> decode_rules(const json::Value& value) {
  RulesManifest manifest;
  json::Reader in(value, "manifest");
  read_identity(in, manifest);
  manifest.capabilities = names(in, "capabilities");
  const json::Value& needs = in.value("requires");
  for (std::string& name : names(in, "provides")) {
    manifest.provides.push_back(name.starts_with(kFactsPrefix) ? name.substr(kFactsPrefix.size()) : std::move(name));
  }
  const json::Value* limits = in.optional_value("limits");
  SG_TRY(in.finish());
  json::Reader requires_in(needs, "manifest", "/requires");
  manifest.facts_version = requires_in.text("stargraph_facts_version", 1, 32);
  manifest.api_version = requires_in.text("api_version", 1, 32);
  manifest.required_facts = names(requires_in, "facts");
  SG_TRY(requires_in.finish());
  SG_TRY(read_limits(limits, manifest.limits));
  return Manifest(std::move(manifest));
}

Result<std::vector<ModelRequirement>> read_models(const json::Value* value) {
  std::vector<ModelRequirement> found;
  if (value == nullptr) return found;
  const json::Object* object = value->object();
  if (object == nullptr || object->size() > kMaxNames) {
    return fail(Code::kManifestInvalid, "manifest: /model_requirements: expected object");
  }
  for (const auto& [name, text] : *object) {
    if (!is_name(name) || text.string() == nullptr || text.string()->size() > kMaxNameBytes) {
      return fail(Code::kManifestInvalid, "manifest: /model_requirements: expected names with short texts");
    }
    found.push_back({name, *text.string()});
  }
  std::ranges::sort(found, {}, &ModelRequirement::name);
  return found;
}

Result<Manifest> decode_execution(const json::Value& value) {
  ExecutionManifest manifest;
  json::Reader in(value, "manifest");
  read_identity(in, manifest);
  manifest.capabilities = names(in, "capabilities");
  const json::Value& needs = in.value("requires");
  manifest.declared_tools = names(in, "declared_tools");
  manifest.declared_permissions = names(in, "declared_permissions");
  const json::Value* models = in.optional_value("model_requirements");
  manifest.deterministic = in.optional_boolean("deterministic").value_or(false);
  manifest.workers = names(in, "workers");
  SG_TRY(in.finish());
  json::Reader requires_in(needs, "manifest", "/requires");
  manifest.api_version = requires_in.text("api_version", 1, 32);
  SG_TRY(requires_in.finish());
  SG_TRY(manifest.model_requirements, read_models(models));
  return Manifest(std::move(manifest));
}

Result<Manifest> decode_governance(PackKind kind, const json::Value& value) {
  GovernanceManifest manifest;
  manifest.kind = kind;
  json::Reader in(value, "manifest");
  read_identity(in, manifest);
  SG_TRY(in.finish());
  return Manifest(std::move(manifest));
}

Result<Manifest> decode_any(const json::Value& value) {
  const json::Object* object = value.object();
  if (object == nullptr) return fail(Code::kManifestInvalid, "manifest: expected object");
  const json::Value* kind = object->find("kind");
  const std::string* text = kind == nullptr ? nullptr : kind->string();
  const auto known = text == nullptr ? std::nullopt : kind_from_name(*text);
  if (!known) return fail(Code::kManifestInvalid, "manifest: /kind: expected a kind of pack");
  switch (*known) {
    case PackKind::kRules: return decode_rules(value);
    case PackKind::kExecution: return decode_execution(value);
    case PackKind::kPolicy:
    case PackKind::kRevocation:
    case PackKind::kRotation: break;
  }
  return decode_governance(*known, value);
}

json::Array array_of(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

json::Value encode(const RulesManifest& manifest) {
  return json::Object{{"capabilities", array_of(manifest.capabilities)},
                      {"description", manifest.description},
                      {"id", manifest.id.str()},
                      {"kind", kind_name(PackKind::kRules)},
                      {"limits", json::Object{{"max_bytes", manifest.limits.max_bytes},
                                              {"max_facts", manifest.limits.max_facts},
                                              {"max_firings", manifest.limits.max_firings},
                                              {"max_ms", manifest.limits.max_ms}}},
                      {"provides", array_of(manifest.provides)},
                      {"requires", json::Object{{"api_version", manifest.api_version},
                                                {"facts", array_of(manifest.required_facts)},
                                                {"stargraph_facts_version", manifest.facts_version}}},
                      {"version", manifest.version}};
}

json::Value encode(const ExecutionManifest& manifest) {
  json::Object models;
  for (const ModelRequirement& model : manifest.model_requirements) models.set(model.name, model.value);
  return json::Object{{"capabilities", array_of(manifest.capabilities)},
                      {"declared_permissions", array_of(manifest.declared_permissions)},
                      {"declared_tools", array_of(manifest.declared_tools)},
                      {"description", manifest.description},
                      {"deterministic", manifest.deterministic},
                      {"id", manifest.id.str()},
                      {"kind", kind_name(PackKind::kExecution)},
                      {"model_requirements", std::move(models)},
                      {"requires", json::Object{{"api_version", manifest.api_version}}},
                      {"version", manifest.version},
                      {"workers", array_of(manifest.workers)}};
}

json::Value encode(const GovernanceManifest& manifest) {
  return json::Object{{"description", manifest.description},
                      {"id", manifest.id.str()},
                      {"kind", kind_name(manifest.kind)},
                      {"version", manifest.version}};
}

}  // namespace

PackKind kind_of(const Manifest& manifest) {
  if (const auto* governance = std::get_if<GovernanceManifest>(&manifest)) return governance->kind;
  return std::holds_alternative<RulesManifest>(manifest) ? PackKind::kRules : PackKind::kExecution;
}
const base::PackId& id_of(const Manifest& manifest) {
  return std::visit([](const auto& m) -> const base::PackId& { return m.id; }, manifest);
}
const std::string& version_of(const Manifest& manifest) {
  return std::visit([](const auto& m) -> const std::string& { return m.version; }, manifest);
}
const std::vector<std::string>& capabilities_of(const Manifest& manifest) {
  static const std::vector<std::string> none;
  if (const auto* rules = std::get_if<RulesManifest>(&manifest)) return rules->capabilities;
  if (const auto* execution = std::get_if<ExecutionManifest>(&manifest)) return execution->capabilities;
  return none;
}

Result<Manifest> decode_manifest(const json::Value& value) {
  Result<Manifest> manifest = decode_any(value);
  if (manifest) return manifest;
  // One code for every defect of form: what exactly is wrong stands in the message.
  return fail(Code::kManifestInvalid, std::move(manifest.error().message));
}

json::Value encode_manifest(const Manifest& manifest) {
  return std::visit([](const auto& m) { return encode(m); }, manifest);
}

Result<> check_compatible(const Manifest& manifest) {
  const auto* rules = std::get_if<RulesManifest>(&manifest);
  const auto* execution = std::get_if<ExecutionManifest>(&manifest);
  if (rules != nullptr && rules->facts_version != kFactsVersion) {
    return fail(Code::kIncompatible, "manifest: /requires/stargraph_facts_version: this host has 1.0");
  }
  if ((rules != nullptr && rules->api_version != kApiVersion) ||
      (execution != nullptr && execution->api_version != kApiVersion)) {
    return fail(Code::kIncompatible, "manifest: /requires/api_version: this host has 1");
  }
  return {};
}

}  // namespace stargraph::pack
