// Checking a pack, stage by stage in the order of docs/formats/pack.md: container.hpp's parse() first,
// then each signature, then (not here) whether the signers are trusted, then the contents. Nothing of
// the payload is looked at before the signatures hold.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "stargraph/crypto/signature.hpp"
#include "stargraph/pack/container.hpp"
#include "stargraph/pack/manifest.hpp"

namespace stargraph::pack {

// Every listed signature: `spki` is a safe key (kKeyUnsafe), `key_id` names it (kKeyIdMismatch), the
// algorithm is that key's (kAlgorithmRefused), and it signs the header bytes (kSignatureInvalid). Gives
// the signers in the order of their key ids. Says nothing about trust.
[[nodiscard]] base::Result<std::vector<crypto::PublicKey>> check_signatures(const Container& container);

struct File {
  std::string_view path;
  base::BytesView bytes;
};

// What is in a pack whose contents were checked. Views into the container's bytes and header.
struct Contents {
  Manifest manifest;
  std::vector<File> files;  // in the header's order
  // Null when there is no such file.
  [[nodiscard]] const File* find(std::string_view path) const;
};

// File sizes (kSizeMismatch, kTrailingBytes), digests (kDigestMismatch), the files this kind has
// (kFileMissing, kFileUnexpected), manifest form (kManifestInvalid), header and manifest agree
// (kManifestMismatch), SBOM (kSbomMismatch), compatibility (kIncompatible). `container` must outlive
// the result.
[[nodiscard]] base::Result<Contents> check_contents(const Container& container);

// The whole check against given keys instead of a trust store: every signer is one of `keys`
// (kSignerNotPinned) and every one of `keys` signed (kSignatureMissing).
[[nodiscard]] base::Result<Contents> verify(const Container& container, std::span<const crypto::PublicKey> keys);

}  // namespace stargraph::pack
