#include "audit_check.hpp"

#include <utility>

#include "stargraph/audit/checkpoint.hpp"
#include "stargraph/json/reader.hpp"

namespace stargraph::cli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxPath = 128;  // digests of an RFC 6962 proof: twice the bits of a size
constexpr std::size_t kMaxLines = 1'000;
constexpr std::size_t kMaxEmptyPages = 65'536;  // an honest daemon looks at 4 MiB for each: 256 GiB of log

struct Path {
  std::int64_t first = 0;  // seq or from
  std::int64_t size = 0;   // size or to
  std::vector<crypto::Digest> digests;
};

Result<Path> read_path(const json::Value& reply, std::string_view first, std::string_view size) {
  json::Reader in(reply, "audit: proof");
  Path path;
  path.first = in.integer(first, 1, json::kMaxInteger);
  path.size = in.integer(size, 1, json::kMaxInteger);
  const std::vector<std::string> digests = in.texts("path", kMaxPath);
  SG_TRY(in.finish());
  for (const std::string& text : digests) {
    SG_TRY(const crypto::Digest digest, crypto::Digest::from_hex(text));
    path.digests.push_back(digest);
  }
  return path;
}

}  // namespace

Result<audit::SignedCheckpoint> check_checkpoint(std::string_view reply, const crypto::PublicKey& key) {
  if (reply.ends_with('\n')) reply.remove_suffix(1);
  return audit::read_checkpoint(reply, key);
}

Result<> TenantLines::take(const json::Value& reply) {
  json::Reader in(reply, "audit: entries");
  const std::string tenant = in.text("tenant");
  const std::vector<std::string> lines = in.texts("lines", kMaxLines);
  static_cast<void>(in.integer("after", 0, json::kMaxInteger));  // what the lines say counts
  const std::string before = std::exchange(cursor_, in.text("cursor", 0, 64));
  more_ = in.boolean("more");
  SG_TRY(in.finish());
  if (more_ && lines.empty() && (cursor_ == before || ++empty_pages_ > kMaxEmptyPages)) {
    return fail(Code::kMalformed, "audit: entries: the search does not come to an end");
  }
  for (const std::string& line : lines) {
    SG_TRY(take_line(line));
    if (last_entry_->event.tenant.str() != tenant) {
      return fail(Code::kAuditMalformed, "audit: entries: one is of another tenant");
    }
  }
  return {};
}

Result<> TenantLines::take_line(const std::string& line) {
  SG_TRY(audit::Entry entry, audit::decode_entry(line));
  if (entry.tenant_seq != next_) {
    return fail(Code::kAuditGap, "audit: entries: number " + std::to_string(next_.value()) +
                                     " is not shown: left out, or no longer on the appliance");
  }
  if (last_entry_ && (entry.tenant_previous_hash != last_entry_->entry_hash || entry.seq <= last_entry_->seq)) {
    return fail(Code::kAuditPreviousMismatch,
                "audit: entries: number " + std::to_string(next_.value()) + " does not follow the one before it");
  }
  lines_.push_back(line);
  seqs_.push_back(entry.seq);
  next_ = next_.next();
  last_entry_ = std::move(entry);
  return {};
}

std::optional<std::size_t> TenantLines::last_within(std::uint64_t size) const {
  for (std::size_t i = seqs_.size(); i > 0; --i) {
    if (static_cast<std::uint64_t>(seqs_[i - 1].value()) <= size) return i - 1;
  }
  return std::nullopt;
}

Result<std::size_t> TenantLines::signed_within(std::uint64_t size) const {
  const std::optional<std::size_t> last = last_within(size);
  const std::size_t covered = last ? *last + 1 : 0;
  // Number size + 1 is the checkpoint itself.
  if (covered < seqs_.size() &&
      static_cast<std::uint64_t>(seqs_.back().value()) > size + 1 + audit::kCheckpointEntries) {
    return fail(Code::kAuditTruncated,
                "audit: entries: the checkpoint is older than any that a log with these lines would have as its last");
  }
  return covered;
}

Result<audit::InclusionProof> check_inclusion(const std::string& line, const audit::SignedCheckpoint& checkpoint,
                                              const json::Value& reply, const crypto::PublicKey& key) {
  // seq and size of the reply say nothing that the two lines do not: what was asked for is what is proven, or nothing.
  SG_TRY(Path path, read_path(reply, "seq", "size"));
  audit::InclusionProof proof{.checkpoint = checkpoint.line, .entry = line, .path = std::move(path.digests)};
  SG_TRY(audit::verify_proof(proof, key));
  return proof;
}

Result<audit::ConsistencyProof> check_consistency(const audit::SignedCheckpoint& from,
                                                  const audit::SignedCheckpoint& to, const json::Value& reply,
                                                  const crypto::PublicKey& key) {
  SG_TRY(Path path, read_path(reply, "from", "to"));
  audit::ConsistencyProof proof{.from = from.line, .to = to.line, .path = std::move(path.digests)};
  SG_TRY(audit::verify_proof(proof, key));
  return proof;
}

}  // namespace stargraph::cli
