// Bosun directories written and turned into packs; checking them is bosun.cpp.
#include <algorithm>

#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/pack/bosun.hpp"
#include "stargraph/pack/layout.hpp"
#include "stargraph/yaml/parse.hpp"

namespace stargraph::pack {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kManifestSource = "manifest.yaml";
constexpr std::size_t kMaxManifestBytes = 65'536;

const SourceFile* find(const std::vector<SourceFile>& files, std::string_view path) {
  const auto found = std::ranges::find(files, path, &SourceFile::path);
  return found == files.end() ? nullptr : &*found;
}

// "1" and "1.0" are versions there; everything else must be SemVer, which decode_manifest checks.
std::string semantic(std::string version) {
  const bool digits_and_dots = std::ranges::all_of(version, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  if (!digits_and_dots) return version;
  for (auto dots = std::ranges::count(version, '.'); dots < 2; ++dots) version += ".0";
  return version;
}

}  // namespace

Result<RulesManifest> decode_bosun_manifest(std::string_view yaml) {
  yaml::ParseLimits limits;
  limits.max_bytes = kMaxManifestBytes;
  auto document = yaml::parse(yaml, limits);
  if (!document) return std::unexpected(in_context("manifest.yaml", std::move(document).error()));
  json::Reader in(document->value, "manifest.yaml");
  json::Object ours{{"kind", kind_name(PackKind::kRules)}};
  ours.set("id", in.text("id", 1, 128));
  ours.set("version", semantic(in.text("version", 1, 128)));
  ours.set("requires", in.value("requires"));
  if (const json::Value* provides = in.optional_value("provides")) ours.set("provides", *provides);
  const auto flavor = in.optional_text("flavor", 0, 256);
  if (flavor) ours.set("description", "Bosun pack, flavor " + *flavor);
  if (auto ok = in.finish(); !ok) return fail(Code::kManifestInvalid, std::move(ok).error().message);
  SG_TRY(Manifest manifest, decode_manifest(ours));
  return std::get<RulesManifest>(std::move(manifest));
}

Result<Converted> wrap_bosun(const BosunCheck& check) {
  if (check.fault && check.fault->reason != BosunReason::kHashNotApproved) {
    return std::unexpected(to_error(*check.fault));
  }
  const SourceFile* manifest = find(check.files, kManifestSource);
  if (manifest == nullptr) return fail(Code::kFileMissing, "bosun: manifest.yaml: missing");
  Converted converted;
  SG_TRY(converted.manifest, decode_bosun_manifest(base::as_text(manifest->bytes)));
  for (const SourceFile& file : check.files) {
    const bool rules = file.path == kRulesPath;
    converted.files.push_back({rules ? file.path : std::string(kSourcePrefix) + file.path, file.bytes});
  }
  return converted;
}

Result<std::vector<SourceFile>> sign_bosun(const std::vector<SourceFile>& files, const crypto::PrivateKey& key,
                                           const std::string& kid, std::int64_t issued_at) {
  if (!is_bosun_key_id(kid)) return fail(Code::kUsage, "sign-bosun: --kid: letters, digits, dot, dash, underscore");
  for (const std::string_view path : {kManifestSource, kRulesPath}) {
    if (find(files, path) == nullptr) return fail(Code::kFileMissing, "sign-bosun: " + std::string(path) + ": missing");
  }
  SG_TRY(decode_bosun_manifest(base::as_text(find(files, kManifestSource)->bytes)));
  const BosunClaims claims{"SHA-256", issued_at, kid, base::to_hex(tree_hash_sha256(files))};
  SG_TRY(const std::string token, make_token(claims, key));
  return std::vector<SourceFile>{{std::string(kTokenPath), base::to_bytes(token)},
                                 {kid + ".pub.pem", base::to_bytes(key.public_key().pem())}};
}

}  // namespace stargraph::pack
