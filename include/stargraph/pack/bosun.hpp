// Bosun directories: upstream's signed rules packs, checked as they are, wrapped into a pack, and written
// (docs/formats/bosun.md).
//
//   manifest.yaml  rules.clp  manifest.jwt  <kid>.pub.pem  (and anything else, under the tree hash)
//
// Stronger than upstream: the signature is checked before anybody asks whether its key is trusted; a symbolic link
// anywhere refuses the directory; the key id may stand in a file name; the payload says which hash to compute. A
// BLAKE3 tree hash is refused (hash-not-approved) and the signature is reported all the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/env.hpp"
#include "stargraph/pack/bosun_token.hpp"
#include "stargraph/pack/manifest.hpp"
#include "stargraph/pack/tree_hash.hpp"

namespace stargraph::pack {

inline constexpr std::string_view kTokenPath = "manifest.jwt";

// Who may have signed. With both, both must agree; with neither, trust is not decided here.
struct BosunTrust {
  std::vector<crypto::PublicKey> keys;  // the signer must be one of them
  // A directory of upstream's first-use records, <kid>.json {key_id, fingerprint, first_seen}. Read, never written:
  // the signer's record must be there and must name its key.
  std::optional<base::Path> records;
};

// What is known of a directory, as far as the checks came.
struct BosunCheck {
  std::vector<SourceFile> files;
  std::string kid;                       // empty before the header was accepted
  std::optional<crypto::PublicKey> key;  // what the signature is checked with
  std::optional<BosunClaims> claims;     // set: the signature is valid
  bool trust_decided = false;
  std::optional<BosunFault> fault;  // the first reason to refuse; none: signature and tree hash hold
};

// Whether `files` is such a directory: manifest.jwt stands at its root.
[[nodiscard]] bool is_bosun(const std::vector<SourceFile>& files);

// The order is: header, key (the sidecar, else one of trust.keys), signature, claims, hash approved, tree hash,
// trust. What cannot be looked at as such a directory at all is an error: kSignatureMissing without manifest.jwt,
// kPathInvalid for links and names that no pack may hold, kTooLarge, kIo.
[[nodiscard]] base::Result<BosunCheck> check_bosun(base::Env& env, const base::Path& directory,
                                                   const BosunTrust& trust);

// manifest.yaml of such a directory: id, version ("1.0" counts as "1.0.0"), requires, provides, flavor.
// kManifestInvalid, and the errors of the YAML parser.
[[nodiscard]] base::Result<RulesManifest> decode_bosun_manifest(std::string_view yaml);

// The same directory as a rules pack: manifest mapped, rules as they are, every other file under source/. The
// directory's own signature is refused when it is wrong, and counts for nothing when it is right: who signs the pack
// answers for it. A BLAKE3 tree hash does not stop it, since nothing rests on it. kFileMissing, kManifestInvalid,
// and the code of a fault.
struct Converted {
  Manifest manifest;
  std::vector<SourceFile> files;  // for compile_files() of build.hpp
};
[[nodiscard]] base::Result<Converted> wrap_bosun(const BosunCheck& check);

// What sign-bosun writes beside the sources: manifest.jwt and <kid>.pub.pem. kUsage for a kid that is none,
// kAlgorithmRefused unless the key is Ed25519, kFileMissing without manifest.yaml and rules.clp.
[[nodiscard]] base::Result<std::vector<SourceFile>> sign_bosun(const std::vector<SourceFile>& files,
                                                               const crypto::PrivateKey& key, const std::string& kid,
                                                               std::int64_t issued_at);

// Upstream's fingerprint: hex SHA-256 of the DER SubjectPublicKeyInfo. Its key ids end in the first 8 digits.
[[nodiscard]] std::string bosun_fingerprint(const crypto::PublicKey& key);

}  // namespace stargraph::pack
