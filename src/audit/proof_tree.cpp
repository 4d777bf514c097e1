// Proofs out of a log's directory by its tree file: a few lines and O(log n) nodes instead of the whole log.
#include <fcntl.h>

#include "audit/line_search.hpp"
#include "stargraph/audit/proof.hpp"
#include "stargraph/audit/tree.hpp"
#include "stargraph/base/descriptor.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

// Lines and nodes of one directory, counted.
class Directory {
 public:
  static Result<Directory> open(const base::Path& path, ProofCost& cost) {
    SG_TRY(LineSearch lines, LineSearch::open(base::real_env(), path));
    const base::Path tree = path / kTreeFile;
    base::Descriptor file(::open(tree.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!file.open()) return fail(Code::kNotFound, "audit: tree: " + tree.string() + ": cannot be opened");
    return Directory(std::move(lines), std::move(file), cost);
  }

  Result<std::string> line(LogSeq seq) { return counted(lines_.line(seq)); }
  Result<SignedCheckpoint> checkpoint(std::optional<LogSeq> seq, const crypto::PublicKey& key) {
    SG_TRY(const std::string line, counted(seq ? lines_.line(*seq) : lines_.last_checkpoint()));
    return read_checkpoint(line, key);
  }
  [[nodiscard]] crypto::NodeReader nodes() const {
    return [this, reader = tree_reader(tree_.get())](std::uint64_t position) {
      ++cost_->nodes;
      return reader(position);
    };
  }

 private:
  Directory(LineSearch lines, base::Descriptor tree, ProofCost& cost)
      : lines_(std::move(lines)), tree_(std::move(tree)), cost_(&cost) {}
  Result<std::string> counted(Result<std::string> line) {
    cost_->bytes = lines_.bytes_read();
    return line;
  }

  LineSearch lines_;
  base::Descriptor tree_;
  ProofCost* cost_;
};

}  // namespace

Result<InclusionProof> inclusion_from_tree(const base::Path& directory, const crypto::PublicKey& key, LogSeq seq,
                                           std::optional<LogSeq> of, ProofCost& cost) {
  SG_TRY(Directory log, Directory::open(directory, cost));
  InclusionProof proof;
  SG_TRY(const SignedCheckpoint checkpoint, log.checkpoint(of, key));
  SG_TRY(proof.entry, log.line(seq));
  const auto index = static_cast<std::uint64_t>(seq.value() - 1);
  SG_TRY(proof.path, crypto::inclusion_path(index, checkpoint.state.size, log.nodes()));
  proof.checkpoint = checkpoint.line;
  SG_TRY(verify_proof(proof, key));  // neither lines nor nodes are believed
  return proof;
}

Result<ConsistencyProof> consistency_from_tree(const base::Path& directory, const crypto::PublicKey& key, LogSeq from,
                                               std::optional<LogSeq> to, ProofCost& cost) {
  SG_TRY(Directory log, Directory::open(directory, cost));
  SG_TRY(const SignedCheckpoint older, log.checkpoint(from, key));
  SG_TRY(const SignedCheckpoint newer, log.checkpoint(to, key));
  ConsistencyProof proof{.from = older.line, .to = newer.line, .path = {}};
  SG_TRY(proof.path, crypto::consistency_path(older.state.size, newer.state.size, log.nodes()));
  SG_TRY(verify_proof(proof, key));
  return proof;
}

}  // namespace stargraph::audit
