// Making packs: a source directory becomes a header and a payload, which keys then sign.
//
// The result is a function of the sources, the epoch and `created` alone: two builds are identical to
// the byte (with Ed25519 keys the signatures too). A directory holds manifest.yaml and
//   rules:      rules.clp
//   execution:  graphs/<name>.yaml or .json
//   policy:     policy.yaml
//   revocation: revocations.yaml
//   rotation:   rotation.yaml
// and nothing else but README.md; a file that no kind knows is refused, so that no editor's backup is
// shipped by accident.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "stargraph/base/env.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/pack/container.hpp"
#include "stargraph/pack/manifest.hpp"
#include "stargraph/pack/tree_hash.hpp"

namespace stargraph::pack {

// All files under `directory`, sorted by path. Symbolic links, devices and names that a header may not
// hold are kPathInvalid; more than a pack may hold kTooLarge.
[[nodiscard]] base::Result<std::vector<SourceFile>> read_sources(base::Env& env, const base::Path& directory);

struct BuildOptions {
  base::Epoch epoch;
  base::Timestamp created{};
};

// Compiled and not yet signed.
struct Unsigned {
  Header header;
  std::string header_bytes;
  Manifest manifest;
  std::vector<SourceFile> files;  // the payload, in the header's order
};

// YAML becomes JSON (manifest.json, graphs/*.json, policy.json ...), sources go to source/..., the SBOM is made.
// kFileMissing, kFileUnexpected, kManifestInvalid, the errors of the YAML parser with path, line and
// column. Rules and graphs are carried as text; whether they load is for the caller to check.
[[nodiscard]] base::Result<Unsigned> compile(std::vector<SourceFile> sources, const BuildOptions& options);

// The last part of compile(), for sources that another format's reader made (bosun.hpp, reach_pack.hpp): `files`
// are those of the pack but for the manifest and the SBOM.
[[nodiscard]] base::Result<Unsigned> compile_files(Manifest manifest, std::vector<SourceFile> files,
                                                   const BuildOptions& options);

// The pack file with one signature.
[[nodiscard]] base::Result<base::Bytes> sign(const Unsigned& compiled, const crypto::PrivateKey& key);
// The same pack with one more signature. The container's own signatures are checked first.
// kSignatureDuplicate when `key` signed already, kTooLarge over 16.
[[nodiscard]] base::Result<base::Bytes> add_signature(const Container& container, const crypto::PrivateKey& key);

// --created, else SOURCE_DATE_EPOCH (seconds), else now: the caller passes what it has.
[[nodiscard]] base::Result<base::Timestamp> parse_source_date_epoch(std::string_view text);

}  // namespace stargraph::pack
