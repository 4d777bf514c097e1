// The two JSON blocks of a pack: the header, whose bytes are what is signed, and the signature block
// (docs/formats/pack.md). Reading is strict; writing is RFC 8785.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/strong.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::pack {

inline constexpr std::string_view kHeaderFormat = "stargraph.pack.v1";     // the header's "format"
inline constexpr std::string_view kSignatureDomain = "stargraph.pack.v1";  // D of the signatures
inline constexpr std::string_view kDigestDomain = "stargraph.pack.digest.v1";
inline constexpr std::string_view kSpecVersion = "1.0.0";  // what we write and the newest we read
inline constexpr std::string_view kFactsVersion = "1.0";   // fact vocabulary of rules packs
inline constexpr std::string_view kApiVersion = "1";       // what packs may rely on in the host

inline constexpr std::size_t kMaxHeaderBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxSignatureBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMaxSignatures = 16;
inline constexpr std::size_t kMaxFiles = 4096;
inline constexpr std::uint64_t kMaxPayloadBytes = std::uint64_t{64} << 20;

enum class PackKind : std::uint8_t { kRules, kExecution, kPolicy, kRevocation, kRotation };
[[nodiscard]] std::string_view kind_name(PackKind kind);
[[nodiscard]] std::optional<PackKind> kind_from_name(std::string_view name);

struct FileEntry {
  std::string path;  // [A-Za-z0-9._/-], relative, no empty, "." or ".." part
  std::uint64_t size = 0;
  crypto::Digest digest;
  bool operator==(const FileEntry&) const = default;
};

struct Header {
  PackKind kind = PackKind::kRules;
  base::PackId id;
  std::string version;  // SemVer 2
  base::Epoch epoch;
  std::string created;  // RFC 3339
  std::string spec_version;
  std::vector<std::string> critical_features;
  std::vector<FileEntry> files;  // sorted bytewise by path, no path twice
};

struct SignatureEntry {
  base::KeyId key_id;
  crypto::Algorithm algorithm = crypto::Algorithm::kEd25519;
  base::Bytes spki;
  base::Bytes signature;
};

// Form only: kMalformed, kUnknownField, kDuplicateKey..., kPathInvalid, kTooLarge.
[[nodiscard]] base::Result<Header> decode_header(base::BytesView bytes);
[[nodiscard]] std::string encode_header(const Header& header);

// 1 to 16 entries in the order of their key ids; the bytes must be exactly what encode_signatures
// writes, so that the block, which no signature covers, has one form only. kSignatureMissing,
// kSignatureDuplicate, kAlgorithmRefused, kMalformed.
[[nodiscard]] base::Result<std::vector<SignatureEntry>> decode_signatures(base::BytesView bytes);
[[nodiscard]] std::string encode_signatures(std::vector<SignatureEntry> entries);  // sorts

// kPathInvalid unless `path` may stand in a header.
[[nodiscard]] base::Result<> check_path(std::string_view path);
// ^[a-z0-9][a-z0-9_.-]{0,127}$
[[nodiscard]] bool is_pack_id(std::string_view text);

}  // namespace stargraph::pack
