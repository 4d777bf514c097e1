#include "stargraph/audit/proof.hpp"

#include "audit/digests.hpp"
#include "audit/node_collector.hpp"
#include "stargraph/audit/tree.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kFormat = "stargraph.audit.proof.v1";
// Two lines as texts, each at most doubled by escapes, and a path.
constexpr json::ParseLimits kParse{.max_bytes = 4 * kMaxLineBytes + 16'384, .max_depth = 4};

Result<Proof> read(std::string_view text) {
  SG_TRY(const json::Value value, json::parse(text, kParse));
  json::Reader in(value, "audit: proof");
  if (in.text("format") != kFormat) in.refuse("format", Code::kUnsupportedVersion, "not a proof this program knows");
  const std::string kind = in.text("kind");
  const std::vector<std::string> path = in.texts("path", kMaxPath);
  Proof proof;
  if (kind == "inclusion") {
    InclusionProof inclusion;
    inclusion.checkpoint = in.text("checkpoint", 1, kMaxLineBytes - 1);
    inclusion.entry = in.text("entry", 1, kMaxLineBytes - 1);
    SG_TRY(inclusion.path, digests_from_hex(path));
    proof = std::move(inclusion);
  } else if (kind == "consistency") {
    ConsistencyProof consistency;
    consistency.from = in.text("from", 1, kMaxLineBytes - 1);
    consistency.to = in.text("to", 1, kMaxLineBytes - 1);
    SG_TRY(consistency.path, digests_from_hex(path));
    proof = std::move(consistency);
  } else {
    in.refuse("kind", Code::kMalformed, "neither inclusion nor consistency");
  }
  SG_TRY(in.finish());
  return proof;
}

Result<Proven> verify(const InclusionProof& proof, const crypto::PublicKey& key) {
  Proven proven;
  SG_TRY(proven.checkpoint, read_checkpoint(proof.checkpoint, key));
  SG_TRY(proven.entry, decode_entry(proof.entry));
  // Its hash does not cover a checkpoint's signature.
  if (proven.entry->event.name == EventName::kAuditCheckpoint) {
    SG_TRY(verify_line_signature(proof.entry, *proven.entry, key));
  }
  const Checkpoint& state = proven.checkpoint.state;
  const auto index = static_cast<std::uint64_t>(proven.entry->seq.value() - 1);
  if (index >= state.size) {
    return fail(Code::kAuditTruncated, "audit: proof: the checkpoint is older than the entry");
  }
  const crypto::Digest leaf = crypto::merkle_leaf(proven.entry->entry_hash.bytes());
  if (!crypto::verify_inclusion(leaf, index, state.size, proof.path, state.root)) {
    return fail(Code::kAuditRootMismatch, "audit: proof: the path does not lead to the checkpoint's root");
  }
  return proven;
}

Result<Proven> verify(const ConsistencyProof& proof, const crypto::PublicKey& key) {
  Proven proven;
  SG_TRY(proven.older, read_checkpoint(proof.from, key));
  SG_TRY(proven.checkpoint, read_checkpoint(proof.to, key));
  const Checkpoint& from = proven.older->state;
  const Checkpoint& to = proven.checkpoint.state;
  if (to.size < from.size) return fail(Code::kAuditTruncated, "audit: proof: the second checkpoint is the older one");
  // A log has an entry before its first checkpoint; a signed one that says otherwise proves nothing.
  if (from.size == 0 || !crypto::verify_consistency(from.size, from.root, to.size, to.root, proof.path)) {
    return fail(Code::kAuditRootMismatch, "audit: proof: the second log does not begin with the first");
  }
  return proven;
}

// The checkpoint with this seq, or the last one, out of a log that holds.
class CheckpointFinder {
 public:
  CheckpointFinder(std::optional<LogSeq> seq, std::string_view what) : seq_(seq), what_(what) {}
  void see(const Entry& entry, std::string_view line) {
    if (entry.event.name != EventName::kAuditCheckpoint || (seq_ && entry.seq != *seq_)) return;
    line_ = line;
  }
  [[nodiscard]] Result<SignedCheckpoint> found(const crypto::PublicKey& key) const {
    if (line_.empty()) return fail(Code::kNotFound, "audit: proof: " + what_ + ": no checkpoint of the log");
    return read_checkpoint(line_, key);
  }

 private:
  std::optional<LogSeq> seq_;
  std::string what_;
  std::string line_;
};

bool has_tree(const std::vector<base::Path>& paths) {
  if (paths.size() != 1) return false;
  const Result<base::FileInfo> info = base::real_env().info(paths.front() / kTreeFile);
  return info && info->regular;
}

Result<> collect(const std::vector<base::Path>& paths, const crypto::PublicKey& key, NodeCollector& nodes) {
  VerifyOptions options;
  options.begin = [&nodes](const Chain& chain) { nodes.begin(chain); };
  options.each = [&nodes](const Entry& entry, std::string_view, const Chain&) -> Result<> {
    nodes.add(entry);
    return {};
  };
  SG_TRY(const Report report, verify_log(paths, key, options));
  return check_good(report);
}

}  // namespace

Result<SignedCheckpoint> read_checkpoint(std::string_view line, const crypto::PublicKey& key) {
  SignedCheckpoint found;
  found.line = line;
  SG_TRY(found.entry, decode_entry(line));
  if (found.entry.event.name != EventName::kAuditCheckpoint) {
    return fail(Code::kAuditMalformed, "audit: checkpoint: another entry stands in its place");
  }
  SG_TRY(verify_line_signature(line, found.entry, key));
  SG_TRY(found.state, decode_checkpoint(found.entry.event.data));
  if (found.state.size + 1 != static_cast<std::uint64_t>(found.entry.seq.value())) {
    return fail(Code::kAuditMalformed, "audit: checkpoint: not about the entries before it");
  }
  return found;
}

std::string encode_proof(const Proof& proof) {
  json::Object out;
  out.set("format", kFormat);
  if (const auto* inclusion = std::get_if<InclusionProof>(&proof); inclusion != nullptr) {
    out.set("checkpoint", inclusion->checkpoint);
    out.set("entry", inclusion->entry);
    out.set("kind", "inclusion");
    out.set("path", hex_of(inclusion->path));
  } else {
    const auto& consistency = std::get<ConsistencyProof>(proof);
    out.set("from", consistency.from);
    out.set("kind", "consistency");
    out.set("path", hex_of(consistency.path));
    out.set("to", consistency.to);
  }
  return json::canonical(std::move(out));
}

Result<Proof> decode_proof(std::string_view text) {
  Result<Proof> proof = read(text);
  if (!proof) return fail(Code::kAuditMalformed, "audit: proof: " + std::string(proof.error().name()));
  if (encode_proof(*proof) != text) return fail(Code::kAuditMalformed, "audit: proof: not in canonical form");
  return proof;
}

Result<Proven> verify_proof(const Proof& proof, const crypto::PublicKey& key) {
  return std::visit([&key](const auto& kind) { return verify(kind, key); }, proof);
}

Result<InclusionProof> make_inclusion_proof(const std::vector<base::Path>& paths, const crypto::PublicKey& key,
                                            LogSeq seq, std::optional<LogSeq> of) {
  if (has_tree(paths)) {
    ProofCost cost;
    Result<InclusionProof> quick = inclusion_from_tree(paths.front(), key, seq, of, cost);
    if (quick) return quick;
  }
  InclusionProof proof;
  CheckpointFinder finder(of, "--of");
  SG_TRY(verify_log_whole(paths, key, [&](const Entry& entry, std::string_view line, const Chain&) -> Result<> {
    finder.see(entry, line);
    if (entry.seq == seq) proof.entry = line;
    return {};
  }));
  SG_TRY(const SignedCheckpoint checkpoint, finder.found(key));
  if (proof.entry.empty()) return fail(Code::kNotFound, "audit: proof: no such entry in the log");
  const auto index = static_cast<std::uint64_t>(seq.value() - 1);
  if (index >= checkpoint.state.size) {
    return fail(Code::kNotFound, "audit: proof: the checkpoint does not cover the entry");
  }
  NodeCollector nodes;
  nodes.want_inclusion(index, checkpoint.state.size);
  SG_TRY(collect(paths, key, nodes));
  SG_TRY(proof.path, crypto::inclusion_path(index, checkpoint.state.size, nodes.reader()));
  proof.checkpoint = checkpoint.line;
  SG_TRY(verify_proof(proof, key));  // what is given out was checked
  return proof;
}

Result<ConsistencyProof> make_consistency_proof(const std::vector<base::Path>& paths, const crypto::PublicKey& key,
                                                LogSeq from, std::optional<LogSeq> to) {
  if (has_tree(paths)) {
    ProofCost cost;
    Result<ConsistencyProof> quick = consistency_from_tree(paths.front(), key, from, to, cost);
    if (quick) return quick;
  }
  CheckpointFinder older(from, "--from");
  CheckpointFinder newer(to, "--to");
  SG_TRY(verify_log_whole(paths, key, [&](const Entry& entry, std::string_view line, const Chain&) -> Result<> {
    older.see(entry, line);
    newer.see(entry, line);
    return {};
  }));
  SG_TRY(const SignedCheckpoint first, older.found(key));
  SG_TRY(const SignedCheckpoint second, newer.found(key));
  if (second.state.size < first.state.size) {
    return fail(Code::kUsage, "audit: proof: --to is older than --from");
  }
  NodeCollector nodes;
  nodes.want_consistency(first.state.size, second.state.size);
  SG_TRY(collect(paths, key, nodes));
  ConsistencyProof proof{.from = first.line, .to = second.line, .path = {}};
  SG_TRY(proof.path, crypto::consistency_path(first.state.size, second.state.size, nodes.reader()));
  SG_TRY(verify_proof(proof, key));
  return proof;
}

}  // namespace stargraph::audit
