#include "stargraph/pack/verify.hpp"

#include <algorithm>

#include "stargraph/json/parse.hpp"
#include "stargraph/pack/layout.hpp"
#include "stargraph/pack/sbom.hpp"

namespace stargraph::pack {
namespace {

using base::Code;
using base::fail;
using base::Result;

Result<crypto::PublicKey> check_signature(const SignatureEntry& entry, base::BytesView header) {
  SG_TRY(crypto::PublicKey key, crypto::PublicKey::from_der(entry.spki));
  if (key.key_id() != entry.key_id) return fail(Code::kKeyIdMismatch, "key_id is not the digest of spki");
  SG_TRY(key.verify(entry.algorithm, kSignatureDomain, header, entry.signature));
  return key;
}

// Cuts the payload into files; afterwards every byte of the pack is accounted for.
Result<std::vector<File>> check_files(const Container& container) {
  std::vector<File> files;
  files.reserve(container.header.files.size());
  base::BytesView rest = container.payload;
  for (const FileEntry& entry : container.header.files) {
    if (entry.size > rest.size()) return fail(Code::kSizeMismatch, "pack: payload: ends before the last file");
    files.push_back({entry.path, rest.first(entry.size)});
    rest = rest.subspan(entry.size);
  }
  if (!rest.empty()) return fail(Code::kTrailingBytes, "pack: payload: bytes after the last file");
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (crypto::sha384(files[i].bytes) != container.header.files[i].digest) {
      return fail(Code::kDigestMismatch,
                  "pack: " + container.header.files[i].path + ": not the bytes that were signed");
    }
  }
  return files;
}

Result<> check_layout(const Header& header, const std::vector<File>& files) {
  for (const File& file : files) {
    if (!is_part_of(header.kind, file.path)) {
      return fail(Code::kFileUnexpected, "pack: " + std::string(file.path) + ": not a file of this kind of pack");
    }
  }
  for (const std::string_view path : required_files(header.kind)) {
    if (std::ranges::find(files, path, &File::path) == files.end()) {
      return fail(Code::kFileMissing, "pack: " + std::string(path) + ": missing");
    }
  }
  if (header.kind == PackKind::kExecution && std::ranges::none_of(files, is_graph, &File::path)) {
    return fail(Code::kFileMissing, "pack: graphs/: an execution pack holds at least one graph");
  }
  return {};
}

Result<> check_agreement(const Header& header, const Manifest& manifest) {
  if (kind_of(manifest) != header.kind || id_of(manifest) != header.id || version_of(manifest) != header.version) {
    return fail(Code::kManifestMismatch, "pack: manifest.json: kind, id or version is not the header's");
  }
  return {};
}

}  // namespace

const File* Contents::find(std::string_view path) const {
  const auto found = std::ranges::lower_bound(files, path, {}, &File::path);
  return found != files.end() && found->path == path ? &*found : nullptr;
}

Result<std::vector<crypto::PublicKey>> check_signatures(const Container& container) {
  std::vector<crypto::PublicKey> signers;
  for (std::size_t i = 0; i < container.signatures.size(); ++i) {
    auto signer = check_signature(container.signatures[i], container.header_bytes);
    if (!signer)
      return std::unexpected(in_context("pack signatures: /" + std::to_string(i), std::move(signer).error()));
    signers.push_back(*std::move(signer));
  }
  return signers;
}

Result<Contents> check_contents(const Container& container) {
  const Header& header = container.header;
  Contents contents;
  SG_TRY(contents.files, check_files(container));
  SG_TRY(check_layout(header, contents.files));
  auto value = json::parse(contents.find(kManifestPath)->bytes);
  if (!value) return fail(Code::kManifestInvalid, "manifest.json: " + value.error().message);
  SG_TRY(contents.manifest, decode_manifest(*value));
  SG_TRY(check_agreement(header, contents.manifest));
  SG_TRY(check_sbom(contents.find(kSbomPath)->bytes, header));
  SG_TRY(check_compatible(contents.manifest));
  return contents;
}

Result<Contents> verify(const Container& container, std::span<const crypto::PublicKey> keys) {
  SG_TRY(const std::vector<crypto::PublicKey> signers, check_signatures(container));
  for (const crypto::PublicKey& signer : signers) {
    if (std::ranges::find(keys, signer) == keys.end()) {
      return fail(Code::kSignerNotPinned, "pack signatures: a signer that is none of the given keys");
    }
  }
  for (const crypto::PublicKey& key : keys) {
    if (std::ranges::find(signers, key) == signers.end()) {
      return fail(Code::kSignatureMissing, "pack signatures: a given key did not sign");
    }
  }
  return check_contents(container);
}

}  // namespace stargraph::pack
