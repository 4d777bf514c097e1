// Proof: that an entry stands in the log that a checkpoint signs, or that the log of one checkpoint begins with all of
// an earlier one's. One JSON line each (docs/formats/audit-export.md) that verifies with the audit public key alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stargraph/audit/checkpoint.hpp"
#include "stargraph/audit/verify.hpp"

namespace stargraph::audit {

// A checkpoint's line that `key` signed.
struct SignedCheckpoint {
  std::string line;
  Entry entry;
  Checkpoint state;
};
// kAuditMalformed (no checkpoint), kAuditHashMismatch, kAuditUnknownKey, kAuditBadSignature.
[[nodiscard]] base::Result<SignedCheckpoint> read_checkpoint(std::string_view line, const crypto::PublicKey& key);

// RFC 6962 2.1.1: `entry` is leaf seq - 1 of the tree in `checkpoint`.
struct InclusionProof {
  std::string checkpoint;  // lines without "\n"
  std::string entry;
  std::vector<crypto::Digest> path;
};
// RFC 6962 2.1.2: the tree in `from` is the beginning of the tree in `to`.
struct ConsistencyProof {
  std::string from;
  std::string to;
  std::vector<crypto::Digest> path;
};
using Proof = std::variant<InclusionProof, ConsistencyProof>;

// RFC 8785 JSON, no "\n"; decode refuses every text that encode would not have written (kAuditMalformed).
[[nodiscard]] std::string encode_proof(const Proof& proof);
[[nodiscard]] base::Result<Proof> decode_proof(std::string_view text);

// What a proof that holds says.
struct Proven {
  std::optional<Entry> entry;             // of an inclusion
  std::optional<SignedCheckpoint> older;  // of a consistency
  SignedCheckpoint checkpoint;            // the one that covers it
};
// read_checkpoint's codes, those of decode_entry, kAuditTruncated for an entry or checkpoint that `checkpoint` is too
// old to cover, kAuditRootMismatch for a path that does not lead to its root.
[[nodiscard]] base::Result<Proven> verify_proof(const Proof& proof, const crypto::PublicKey& key);

// What a proof took: bytes of segments, and nodes of the tree file.
struct ProofCost {
  std::uint64_t bytes = 0;
  std::uint64_t nodes = 0;
};

// Makes them. Where `paths` is one directory with a tree file, they come from there: the lines are looked up, O(log n)
// nodes are read, and what comes out was checked as verify_proof does, so it is true whatever else is wrong with the
// log. Where that does not succeed, the log is verified whole: its finding comes out as the error. Constant memory, two
// readings. `of` is the seq of a checkpoint, without it the last one counts; kNotFound for what is not in the log, or
// was archived.
[[nodiscard]] base::Result<InclusionProof> make_inclusion_proof(const std::vector<base::Path>& paths,
                                                                const crypto::PublicKey& key, LogSeq seq,
                                                                std::optional<LogSeq> of);
[[nodiscard]] base::Result<ConsistencyProof> make_consistency_proof(const std::vector<base::Path>& paths,
                                                                    const crypto::PublicKey& key, LogSeq from,
                                                                    std::optional<LogSeq> to);
// The first of these ways alone, and what it cost so far, also where it failed.
[[nodiscard]] base::Result<InclusionProof> inclusion_from_tree(const base::Path& directory,
                                                               const crypto::PublicKey& key, LogSeq seq,
                                                               std::optional<LogSeq> of, ProofCost& cost);
[[nodiscard]] base::Result<ConsistencyProof> consistency_from_tree(const base::Path& directory,
                                                                   const crypto::PublicKey& key, LogSeq from,
                                                                   std::optional<LogSeq> to, ProofCost& cost);

}  // namespace stargraph::audit
