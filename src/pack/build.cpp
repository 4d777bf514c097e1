#include "stargraph/pack/build.hpp"

#include <algorithm>
#include <charconv>

#include "stargraph/base/check.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/pack/layout.hpp"
#include "stargraph/pack/sbom.hpp"
#include "stargraph/pack/verify.hpp"
#include "stargraph/yaml/parse.hpp"

namespace stargraph::pack {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kManifestSource = "manifest.yaml";
constexpr std::string_view kReadme = "README.md";
constexpr int kMaxDirectoryDepth = 8;

// What may still be read: a directory is held to the limits of the pack it is to become.
struct Budget {
  std::size_t files = kMaxFiles;
  std::uint64_t bytes = kMaxPayloadBytes;
};

Result<> read_directory(base::Env& env, const base::Path& directory, const std::string& prefix, int depth,
                        Budget& budget, std::vector<SourceFile>& out) {
  if (depth > kMaxDirectoryDepth) return fail(Code::kPathInvalid, "sources: " + prefix + ": nested too deep");
  SG_TRY(const std::vector<std::string> names, env.list(directory));
  for (const std::string& name : names) {
    const std::string path = prefix + name;
    if (auto ok = check_path(path); !ok) return std::unexpected(in_context("sources: " + path, std::move(ok).error()));
    SG_TRY(const base::FileInfo info, env.info(directory / name));
    if (info.directory) {
      SG_TRY(read_directory(env, directory / name, path + "/", depth + 1, budget, out));
      continue;
    }
    if (!info.regular)
      return fail(Code::kPathInvalid, "sources: " + path + ": not a regular file; links are not followed");
    if (budget.files-- == 0) return fail(Code::kTooLarge, "sources: more files than a pack may hold");
    SG_TRY(base::Bytes bytes, env.read_file(directory / name, budget.bytes));
    budget.bytes -= bytes.size();
    out.push_back({path, std::move(bytes)});
  }
  return {};
}

bool is_yaml(std::string_view path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

std::string without_suffix(std::string_view path) { return std::string(path.substr(0, path.rfind('.'))); }

// YAML or JSON as people write it -> a JSON value.
Result<json::Value> parse_source(const SourceFile& file) {
  if (is_yaml(file.path)) {
    auto document = yaml::parse(base::as_text(file.bytes));
    if (!document) return std::unexpected(in_context(file.path, std::move(document).error()));
    return std::move(document->value);
  }
  auto value = json::parse(file.bytes);
  if (!value) return std::unexpected(in_context(file.path, std::move(value).error()));
  return value;
}

const SourceFile* find_source(const std::vector<SourceFile>& sources, std::string_view path) {
  const auto found = std::ranges::find(sources, path, &SourceFile::path);
  return found == sources.end() ? nullptr : &*found;
}

Result<Manifest> compile_manifest(const std::vector<SourceFile>& sources) {
  const SourceFile* source = find_source(sources, kManifestSource);
  if (source == nullptr) return fail(Code::kFileMissing, "build: manifest.yaml: missing");
  SG_TRY(const json::Value value, parse_source(*source));
  auto manifest = decode_manifest(value);
  if (!manifest) return std::unexpected(in_context("manifest.yaml", std::move(manifest).error()));
  return manifest;
}

bool is_graph_source(std::string_view path) {
  return (is_yaml(path) || path.ends_with(".json")) && is_graph(without_suffix(path) + ".json");
}

// policy.yaml becomes policy.json, and so on.
bool is_governance_source(PackKind kind, std::string_view path) {
  return !governance_path(kind).empty() && path == without_suffix(governance_path(kind)) + ".yaml";
}

// What one source file puts into the pack.
Result<> compile_source(PackKind kind, SourceFile source, std::vector<SourceFile>& out) {
  const std::string kept = std::string(kSourcePrefix) + source.path;
  if (source.path == kManifestSource || source.path == kReadme) {
    out.push_back({kept, std::move(source.bytes)});
    return {};
  }
  if (kind == PackKind::kRules && source.path == kRulesPath) {
    out.push_back(std::move(source));
    return {};
  }
  const bool graph = kind == PackKind::kExecution && is_graph_source(source.path);
  if (graph || is_governance_source(kind, source.path)) {
    SG_TRY(const json::Value value, parse_source(source));
    out.push_back({without_suffix(source.path) + ".json", base::to_bytes(json::canonical(value))});
    out.push_back({kept, std::move(source.bytes)});
    return {};
  }
  return fail(Code::kFileUnexpected, "build: " + source.path + ": not a file of this kind of pack");
}

FileEntry entry_of(const SourceFile& file) { return {file.path, file.bytes.size(), crypto::sha384(file.bytes)}; }

Header describe(const Manifest& manifest, const std::vector<SourceFile>& files, const BuildOptions& options) {
  Header header;
  header.kind = kind_of(manifest);
  header.id = id_of(manifest);
  header.version = version_of(manifest);
  header.epoch = options.epoch;
  header.created = base::format_rfc3339(options.created);
  header.spec_version = kSpecVersion;
  std::ranges::transform(files, std::back_inserter(header.files), entry_of);
  return header;
}

SignatureEntry signature_entry(const crypto::PrivateKey& key, base::Bytes signature) {
  const crypto::PublicKey& pub = key.public_key();
  return {pub.key_id(), pub.algorithm(), {pub.der().begin(), pub.der().end()}, std::move(signature)};
}

// Our own reader is the last check of what we wrote.
Result<base::Bytes> checked(base::Bytes bytes) {
  SG_TRY(const Container container, parse(bytes));
  SG_TRY(check_signatures(container));
  SG_TRY(check_contents(container));
  return bytes;
}

}  // namespace

Result<std::vector<SourceFile>> read_sources(base::Env& env, const base::Path& directory) {
  SG_TRY(const base::FileInfo info, env.info(directory));
  if (!info.directory) return fail(Code::kPathInvalid, "sources: not a directory");
  std::vector<SourceFile> files;
  Budget budget;
  SG_TRY(read_directory(env, directory, "", 1, budget, files));
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

Result<Unsigned> compile(std::vector<SourceFile> sources, const BuildOptions& options) {
  SG_TRY(Manifest manifest, compile_manifest(sources));
  const PackKind kind = kind_of(manifest);
  std::vector<SourceFile> files;
  for (SourceFile& source : sources) SG_TRY(compile_source(kind, std::move(source), files));
  return compile_files(std::move(manifest), std::move(files), options);
}

Result<Unsigned> compile_files(Manifest manifest, std::vector<SourceFile> files, const BuildOptions& options) {
  if (options.epoch.value() < 1) return fail(Code::kUsage, "build: epoch: must be 1 or more");
  files.push_back({std::string(kManifestPath), base::to_bytes(json::canonical(encode_manifest(manifest)))});
  // The SBOM is made from the header without it; its place is then the one its name has.
  std::ranges::sort(files, {}, &SourceFile::path);
  files.push_back({std::string(kSbomPath), base::to_bytes(make_sbom(describe(manifest, files, options)))});
  std::ranges::sort(files, {}, &SourceFile::path);
  if (std::ranges::adjacent_find(files, {}, &SourceFile::path) != files.end()) {
    return fail(Code::kPathInvalid, "build: two sources become the same file of the pack");
  }
  Header header = describe(manifest, files, options);
  std::string header_bytes = encode_header(header);
  if (header_bytes.size() > kMaxHeaderBytes) return fail(Code::kTooLarge, "build: the header would be over 1 MiB");
  SG_TRY(decode_header(base::as_bytes(header_bytes)));  // number, sizes and paths of files
  return Unsigned{std::move(header), std::move(header_bytes), std::move(manifest), std::move(files)};
}

Result<base::Bytes> sign(const Unsigned& compiled, const crypto::PrivateKey& key) {
  const base::BytesView header = base::as_bytes(compiled.header_bytes);
  SG_TRY(base::Bytes signature, key.sign(kSignatureDomain, header));
  base::Bytes payload;
  for (const SourceFile& file : compiled.files) payload.insert(payload.end(), file.bytes.begin(), file.bytes.end());
  return checked(assemble(header, encode_signatures({signature_entry(key, std::move(signature))}), payload));
}

Result<base::Bytes> add_signature(const Container& container, const crypto::PrivateKey& key) {
  SG_TRY(const std::vector<crypto::PublicKey> signers, check_signatures(container));
  if (std::ranges::find(signers, key.public_key()) != signers.end()) {
    return fail(Code::kSignatureDuplicate, "sign: this key signed already");
  }
  if (signers.size() == kMaxSignatures) return fail(Code::kTooLarge, "sign: a pack holds at most 16 signatures");
  SG_TRY(base::Bytes signature, key.sign(kSignatureDomain, container.header_bytes));
  std::vector<SignatureEntry> entries = container.signatures;
  entries.push_back(signature_entry(key, std::move(signature)));
  return checked(assemble(container.header_bytes, encode_signatures(std::move(entries)), container.payload));
}

Result<base::Timestamp> parse_source_date_epoch(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  constexpr std::int64_t kEndOf9999 = 253'402'300'799;
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0 || seconds > kEndOf9999) {
    return fail(Code::kUsage, "SOURCE_DATE_EPOCH: expected seconds since 1970");
  }
  return base::from_micros(seconds * 1'000'000);
}

}  // namespace stargraph::pack
