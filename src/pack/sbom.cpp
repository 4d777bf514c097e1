#include "stargraph/pack/sbom.hpp"

#include <map>

#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::pack {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kBomFormat = "CycloneDX";
constexpr std::string_view kBomVersion = "1.6";
constexpr std::size_t kMaxSbomBytes = std::size_t{4} << 20;  // 4,096 files with the longest paths fit

std::unexpected<base::Error> mismatch(const std::string& why) { return fail(Code::kSbomMismatch, "sbom: " + why); }

const std::string* text_of(const json::Object& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value == nullptr ? nullptr : value->string();
}

bool says(const json::Object& object, std::string_view name, std::string_view expected) {
  const std::string* text = text_of(object, name);
  return text != nullptr && *text == expected;
}

const json::Object* object_of(const json::Object& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value == nullptr ? nullptr : value->object();
}

const json::Array* array_of(const json::Object& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value == nullptr ? nullptr : value->array();
}

// The one SHA-384 of a component; any other digest beside it would be one that nobody checks.
const std::string* sha384_of(const json::Object& component) {
  const json::Array* hashes = array_of(component, "hashes");
  if (hashes == nullptr || hashes->size() != 1) return nullptr;
  const json::Object* hash = hashes->front().object();
  if (hash == nullptr || !says(*hash, "alg", "SHA-384")) return nullptr;
  return text_of(*hash, "content");
}

Result<> check_components(const json::Array& components, const Header& header) {
  std::map<std::string_view, const FileEntry*> missing;
  for (const FileEntry& file : header.files) {
    if (file.path != kSbomPath) missing.emplace(file.path, &file);
  }
  for (std::size_t i = 0; i < components.size(); ++i) {
    const std::string at = "/components" + json::pointer_step(i);
    const json::Object* component = components[i].object();
    if (component == nullptr) return mismatch(at + ": expected object");
    if (!says(*component, "type", "file")) continue;
    const std::string* name = text_of(*component, "name");
    const auto found = name == nullptr ? missing.end() : missing.find(*name);
    if (found == missing.end()) return mismatch(at + ": names a file that is not in the pack, or one twice");
    const std::string* digest = sha384_of(*component);
    if (digest == nullptr || *digest != found->second->digest.hex())
      return mismatch(at + ": another digest than the header's");
    missing.erase(found);
  }
  if (!missing.empty()) return mismatch("a file of the pack is not listed");
  return {};
}

}  // namespace

std::string make_sbom(const Header& header) {
  json::Array components;
  for (const FileEntry& file : header.files) {
    if (file.path == kSbomPath) continue;
    json::Array hashes;
    hashes.emplace_back(json::Object{{"alg", "SHA-384"}, {"content", file.digest.hex()}});
    components.emplace_back(json::Object{
        {"bom-ref", "file:" + file.path}, {"hashes", std::move(hashes)}, {"name", file.path}, {"type", "file"}});
  }
  const json::Object about{{"bom-ref", "pack:" + header.id.str()},
                           {"name", header.id.str()},
                           {"type", "application"},
                           {"version", header.version}};
  return json::canonical(json::Object{{"bomFormat", kBomFormat},
                                      {"components", std::move(components)},
                                      {"metadata", json::Object{{"component", about}, {"timestamp", header.created}}},
                                      {"specVersion", kBomVersion},
                                      {"version", 1}});
}

Result<> check_sbom(base::BytesView sbom, const Header& header) {
  json::ParseLimits limits;
  limits.max_bytes = kMaxSbomBytes;
  const auto parsed = json::parse(sbom, limits);
  if (!parsed) return mismatch(parsed.error().message);
  const json::Object* bom = parsed->object();
  if (bom == nullptr || !says(*bom, "bomFormat", kBomFormat) || !says(*bom, "specVersion", kBomVersion)) {
    return mismatch("not CycloneDX 1.6");
  }
  const json::Object* metadata = object_of(*bom, "metadata");
  const json::Object* about = metadata == nullptr ? nullptr : object_of(*metadata, "component");
  if (about == nullptr || !says(*about, "name", header.id.str()) || !says(*about, "version", header.version)) {
    return mismatch("about another pack");
  }
  const json::Array* components = array_of(*bom, "components");
  if (components == nullptr) return mismatch("no components");
  return check_components(*components, header);
}

SbomSummary summarise_sbom(base::BytesView sbom) {
  SbomSummary summary;
  json::ParseLimits limits;
  limits.max_bytes = kMaxSbomBytes;
  const auto parsed = json::parse(sbom, limits);
  const json::Object* bom = parsed ? parsed->object() : nullptr;
  const json::Array* components = bom == nullptr ? nullptr : array_of(*bom, "components");
  if (components == nullptr) return summary;
  for (const json::Value& value : *components) {
    const json::Object* component = value.object();
    if (component == nullptr) continue;
    if (says(*component, "type", "file")) {
      ++summary.files;
      continue;
    }
    const auto text = [&](std::string_view name) {
      const std::string* found = text_of(*component, name);
      return found == nullptr ? std::string() : *found;
    };
    summary.others.push_back({text("type"), text("name"), text("version")});
  }
  return summary;
}

}  // namespace stargraph::pack
