#include "stargraph/pack/header.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "stargraph/base/time.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/pack/semver.hpp"

namespace stargraph::pack {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxPathBytes = 255;
constexpr std::array<std::string_view, 5> kKinds{"rules", "execution", "policy", "revocation", "rotation"};

bool is_path_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '/' || c == '-';
}

Result<FileEntry> decode_file(const json::Value& value, const std::string& pointer) {
  json::Reader in(value, "pack header", pointer);
  FileEntry file;
  file.path = in.text("path", 1, kMaxPathBytes);
  file.size = static_cast<std::uint64_t>(in.integer("size", 0, static_cast<std::int64_t>(kMaxPayloadBytes)));
  const std::string hex = in.text("sha384", 96, 96);
  SG_TRY(in.finish());
  SG_TRY(check_path(file.path));
  SG_TRY(file.digest, crypto::Digest::from_hex(hex));
  return file;
}

// Sorted bytewise means that no path can stand twice, and that there is one header for a set of files.
Result<> check_files(const std::vector<FileEntry>& files) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (i > 0 && files[i - 1].path >= files[i].path) {
      return fail(Code::kPathInvalid, "pack header: files: not sorted by path, or a path twice");
    }
    total += files[i].size;  // at most kMaxFiles * kMaxPayloadBytes: no overflow
  }
  if (total > kMaxPayloadBytes) return fail(Code::kTooLarge, "pack header: files: more than 64 MiB together");
  return {};
}

Result<std::vector<FileEntry>> decode_files(const json::Array& array) {
  std::vector<FileEntry> files;
  files.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    SG_TRY(FileEntry file, decode_file(array[i], "/files" + json::pointer_step(i)));
    files.push_back(std::move(file));
  }
  SG_TRY(check_files(files));
  return files;
}

Result<SignatureEntry> decode_signature(const json::Value& value, std::size_t index) {
  json::Reader in(value, "pack signatures", json::pointer_step(index));
  SignatureEntry entry;
  const std::string algorithm = in.text("alg", 1, 64);
  entry.key_id = base::KeyId(in.text("key_id", 96, 96));
  const std::string signature = in.text("sig", 1, 1024);
  const std::string spki = in.text("spki", 1, 1024);
  SG_TRY(in.finish());
  SG_TRY(entry.algorithm, crypto::algorithm_from_name(algorithm));
  SG_TRY(entry.signature, base::from_base64(signature));
  SG_TRY(entry.spki, base::from_base64(spki));
  return entry;
}

Result<> check_signature_order(const std::vector<SignatureEntry>& entries) {
  for (std::size_t i = 1; i < entries.size(); ++i) {
    if (entries[i - 1].key_id == entries[i].key_id) {
      return fail(Code::kSignatureDuplicate, "pack signatures: two signatures of one key");
    }
    if (entries[i - 1].key_id > entries[i].key_id) {
      return fail(Code::kMalformed, "pack signatures: not in the order of their key ids");
    }
  }
  return {};
}

}  // namespace

std::string_view kind_name(PackKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::optional<PackKind> kind_from_name(std::string_view name) {
  const auto* found = std::ranges::find(kKinds, name);
  if (found == kKinds.end()) return std::nullopt;
  return static_cast<PackKind>(found - kKinds.begin());
}

bool is_pack_id(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return plain(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '_' || c == '-' || c == '.'; });
}

Result<> check_path(std::string_view path) {
  const auto refuse = [](const char* why) { return fail(Code::kPathInvalid, std::string("pack: path: ") + why); };
  if (path.empty() || path.size() > kMaxPathBytes) return refuse("empty or longer than 255 bytes");
  if (!std::ranges::all_of(path, is_path_character)) return refuse("a character outside [A-Za-z0-9._/-]");
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return refuse("an empty, \".\" or \"..\" part");
    at = end + 1;
  }
  return {};
}

Result<Header> decode_header(base::BytesView bytes) {
  json::ParseLimits limits;
  limits.max_bytes = kMaxHeaderBytes;
  SG_TRY(const json::Value value, json::parse(bytes, limits));
  json::Reader in(value, "pack header");
  Header header;
  if (in.text("format", 1, 64) != kHeaderFormat)
    in.refuse("format", Code::kUnsupportedVersion, "not stargraph.pack.v1");
  const auto kind = kind_from_name(in.text("kind", 1, 64));
  if (!kind) in.refuse("kind", Code::kUnsupportedFeature, "not a kind of pack");
  header.kind = kind.value_or(PackKind::kRules);
  header.id = base::PackId(in.text("id", 1, 128));
  if (!is_pack_id(header.id.str())) in.refuse("id", Code::kMalformed, "not a pack id");
  header.version = in.text("version", 1, 128);
  if (!SemVer::parse(header.version)) in.refuse("version", Code::kMalformed, "not a SemVer 2.0.0 version");
  header.epoch = base::Epoch(in.integer("epoch", 1, json::kMaxInteger));
  header.created = in.text("created", 1, 64);
  if (!base::parse_rfc3339(header.created)) in.refuse("created", Code::kMalformed, "not an RFC 3339 time");
  header.spec_version = in.text("spec_version", 1, 128);
  header.critical_features = in.texts("critical_features", 64);
  const json::Array& files = in.array("files", kMaxFiles);
  SG_TRY(in.finish());
  SG_TRY(header.files, decode_files(files));
  return header;
}

std::string encode_header(const Header& header) {
  json::Array files;
  for (const FileEntry& file : header.files) {
    files.emplace_back(json::Object{
        {"path", file.path}, {"sha384", file.digest.hex()}, {"size", static_cast<std::int64_t>(file.size)}});
  }
  json::Array features(header.critical_features.begin(), header.critical_features.end());
  return json::canonical(json::Object{{"created", header.created},
                                      {"critical_features", std::move(features)},
                                      {"epoch", header.epoch.value()},
                                      {"files", std::move(files)},
                                      {"format", kHeaderFormat},
                                      {"id", header.id.str()},
                                      {"kind", kind_name(header.kind)},
                                      {"spec_version", header.spec_version},
                                      {"version", header.version}});
}

Result<std::vector<SignatureEntry>> decode_signatures(base::BytesView bytes) {
  json::ParseLimits limits;
  limits.max_bytes = kMaxSignatureBytes;
  SG_TRY(const json::Value value, json::parse(bytes, limits));
  const json::Array* array = value.array();
  if (array == nullptr) return fail(Code::kMalformed, "pack signatures: expected array");
  if (array->empty()) return fail(Code::kSignatureMissing, "pack signatures: none; an unsigned pack is refused");
  if (array->size() > kMaxSignatures) return fail(Code::kTooLarge, "pack signatures: more than 16");
  std::vector<SignatureEntry> entries;
  for (std::size_t i = 0; i < array->size(); ++i) {
    SG_TRY(SignatureEntry entry, decode_signature((*array)[i], i));
    entries.push_back(std::move(entry));
  }
  SG_TRY(check_signature_order(entries));
  if (encode_signatures(entries) != base::as_text(bytes)) {
    return fail(Code::kMalformed, "pack signatures: not in canonical form");
  }
  return entries;
}

std::string encode_signatures(std::vector<SignatureEntry> entries) {
  std::ranges::sort(entries, {}, &SignatureEntry::key_id);
  json::Array array;
  for (const SignatureEntry& entry : entries) {
    array.emplace_back(json::Object{{"alg", crypto::algorithm_name(entry.algorithm)},
                                    {"key_id", entry.key_id.str()},
                                    {"sig", base::to_base64(entry.signature)},
                                    {"spki", base::to_base64(entry.spki)}});
  }
  return json::canonical(std::move(array));
}

}  // namespace stargraph::pack
