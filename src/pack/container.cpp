#include "stargraph/pack/container.hpp"

#include <algorithm>
#include <array>

#include "stargraph/base/check.hpp"
#include "stargraph/pack/semver.hpp"

namespace stargraph::pack {
namespace {

using base::BytesView;
using base::Code;
using base::fail;
using base::Result;

constexpr std::array<std::byte, 7> kMagic{std::byte{'S'}, std::byte{'G'}, std::byte{'P'}, std::byte{'A'},
                                          std::byte{'C'}, std::byte{'K'}, std::byte{0}};
constexpr std::byte kFormatVersion{1};

// Takes a "u32 size, bytes" block off the front of `rest`.
Result<BytesView> take_block(BytesView& rest, std::size_t max, const char* name) {
  const std::string context = std::string("pack: ") + name;
  if (rest.size() < 4) return fail(Code::kTruncated, context + ": the file ends in its size");
  const std::size_t size = base::read_u32_be(rest.first(4));
  if (size > max) return fail(Code::kTooLarge, context + ": larger than " + std::to_string(max) + " bytes");
  if (rest.size() - 4 < size) return fail(Code::kTruncated, context + ": the file ends before it");
  const BytesView block = rest.subspan(4, size);
  rest = rest.subspan(4 + size);
  return block;
}

Result<> check_features(const Header& header) {
  const auto ours = SemVer::parse(kSpecVersion);
  const auto theirs = SemVer::parse(header.spec_version);
  SG_CHECK(ours.has_value());
  if (!theirs) return fail(Code::kMalformed, "pack header: /spec_version: not a SemVer 2.0.0 version");
  // A patch changes nothing for a reader. A pre-release of a specification is not that specification.
  if (theirs->major != ours->major || theirs->minor > ours->minor || !theirs->prerelease.empty()) {
    return fail(Code::kIncompatible, "pack header: /spec_version: not one that this program knows");
  }
  // A pack names here what a reader must not ignore; this version knows no such feature.
  if (!header.critical_features.empty()) {
    return fail(Code::kUnsupportedFeature, "pack header: /critical_features: a feature this program does not know");
  }
  return {};
}

// What follows magic and format version.
Result<BytesView> after_magic(BytesView bytes) {
  if (bytes.size() > kMaxPackBytes) return fail(Code::kTooLarge, "pack: larger than any pack may be");
  if (bytes.size() < kMagic.size() + 1) return fail(Code::kTruncated, "pack: shorter than its magic");
  if (!std::ranges::equal(bytes.first(kMagic.size()), kMagic))
    return fail(Code::kNotAPack, "pack: magic is not SGPACK");
  if (bytes[kMagic.size()] != kFormatVersion) {
    return fail(Code::kUnsupportedVersion, "pack: a format version this program does not know");
  }
  return bytes.subspan(kMagic.size() + 1);
}

}  // namespace

Result<crypto::Digest> digest_of(BytesView bytes) {
  SG_TRY(BytesView rest, after_magic(bytes));
  SG_TRY(const BytesView header, take_block(rest, kMaxHeaderBytes, "header"));
  return crypto::domain_digest(kDigestDomain, header);
}

Result<Container> parse(BytesView bytes) {
  SG_TRY(BytesView rest, after_magic(bytes));
  Container container;
  SG_TRY(container.header_bytes, take_block(rest, kMaxHeaderBytes, "header"));
  SG_TRY(const BytesView signatures, take_block(rest, kMaxSignatureBytes, "signatures"));
  container.payload = rest;
  SG_TRY(container.header, decode_header(container.header_bytes));
  SG_TRY(container.signatures, decode_signatures(signatures));
  SG_TRY(check_features(container.header));
  container.digest = crypto::domain_digest(kDigestDomain, container.header_bytes);
  return container;
}

base::Bytes assemble(BytesView header, std::string_view signatures, BytesView payload) {
  SG_CHECK(header.size() <= kMaxHeaderBytes && signatures.size() <= kMaxSignatureBytes &&
           payload.size() <= kMaxPayloadBytes);
  base::Bytes out(kMagic.begin(), kMagic.end());
  out.reserve(8 + 4 + header.size() + 4 + signatures.size() + payload.size());
  out.push_back(kFormatVersion);
  base::append_u32_be(out, static_cast<std::uint32_t>(header.size()));
  out.insert(out.end(), header.begin(), header.end());
  base::append_u32_be(out, static_cast<std::uint32_t>(signatures.size()));
  const BytesView signature_bytes = base::as_bytes(signatures);
  out.insert(out.end(), signature_bytes.begin(), signature_bytes.end());
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

}  // namespace stargraph::pack
