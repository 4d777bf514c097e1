// A pack file taken apart, and put together: "SGPACK" 0x00 0x01, header, signatures, payload
// (docs/formats/pack.md). There is no archive format: the payload is the files one after another.
#pragma once

#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/pack/header.hpp"

namespace stargraph::pack {

inline constexpr std::size_t kMaxPackBytes = 8 + 4 + kMaxHeaderBytes + 4 + kMaxSignatureBytes + kMaxPayloadBytes;

// Views are into the bytes given to parse(), which must outlive the container.
struct Container {
  Header header;
  base::BytesView header_bytes;
  std::vector<SignatureEntry> signatures;
  base::BytesView payload;  // sizes and digests not checked yet: verify.hpp
  // D("stargraph.pack.digest.v1", header_bytes): the name of this content. The header holds the digest
  // of every file, so it names all of it; signatures added later do not change it.
  crypto::Digest digest;
};

// The first four checks, in this order: size (kTooLarge, kTruncated), magic (kNotAPack) and format
// version (kUnsupportedVersion), header and signature block strictly (header.hpp), and whether we know
// what the header asks for: spec_version (kIncompatible) and critical_features (kUnsupportedFeature).
[[nodiscard]] base::Result<Container> parse(base::BytesView bytes);

// The digest of what is framed as a header, without reading it: kTruncated, kTooLarge, kNotAPack, kUnsupportedVersion.
// Says which pack a file claims to be, for who has no business in looking further.
[[nodiscard]] base::Result<crypto::Digest> digest_of(base::BytesView bytes);

// The file. Every size is within its limit or SG_CHECK fails: callers come from build.hpp.
[[nodiscard]] base::Bytes assemble(base::BytesView header, std::string_view signatures, base::BytesView payload);

}  // namespace stargraph::pack
