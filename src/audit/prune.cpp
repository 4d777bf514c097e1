#include "stargraph/audit/prune.hpp"

#include <limits>

#include "stargraph/audit/segment.hpp"
#include "stargraph/json/reader.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::Result;

constexpr std::int64_t kMaxSegment = std::numeric_limits<std::int32_t>::max();

Result<Tombstone> read(const json::Object& data) {
  const json::Value value(data);
  json::Reader in(value, "audit: tombstone");
  Tombstone tombstone;
  const std::string checkpoint = in.text("checkpoint");
  const std::vector<std::string> digests = in.texts("digests", kMaxPruned);
  tombstone.first_seq = LogSeq(in.integer("first_seq", 1, json::kMaxInteger));
  tombstone.what.first_segment = static_cast<std::uint32_t>(in.integer("first_segment", 1, kMaxSegment));
  tombstone.last_seq = LogSeq(in.integer("last_seq", tombstone.first_seq.value(), json::kMaxInteger));
  const std::int64_t last_segment = in.integer("last_segment", 1, kMaxSegment);
  SG_TRY(in.finish());
  SG_TRY(tombstone.checkpoint, crypto::Digest::from_hex(checkpoint));
  for (const std::string& text : digests) {
    SG_TRY(const crypto::Digest digest, crypto::Digest::from_hex(text));
    tombstone.what.digests.push_back(digest);
  }
  if (digests.empty() || last_segment != std::int64_t{tombstone.what.last_segment()}) {
    return base::fail(Code::kMalformed, "audit: tombstone: not a digest for each segment");
  }
  return tombstone;
}

}  // namespace

json::Object encode_tombstone(const Tombstone& tombstone) {
  json::Array digests;
  for (const crypto::Digest& digest : tombstone.what.digests) digests.emplace_back(digest.hex());
  json::Object data;
  data.set("checkpoint", tombstone.checkpoint.hex());
  data.set("digests", std::move(digests));
  data.set("first_segment", std::int64_t{tombstone.what.first_segment});
  data.set("first_seq", tombstone.first_seq.value());
  data.set("last_segment", std::int64_t{tombstone.what.last_segment()});
  data.set("last_seq", tombstone.last_seq.value());
  return data;
}

Result<Tombstone> decode_tombstone(const json::Object& data) {
  Result<Tombstone> tombstone = read(data);
  if (!tombstone) {
    return base::fail(Code::kAuditMalformed, "audit: tombstone: " + std::string(tombstone.error().name()));
  }
  return tombstone;
}

}  // namespace stargraph::audit
