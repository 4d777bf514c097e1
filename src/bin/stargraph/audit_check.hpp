// What a daemon shows of its audit log, held against the audit key: nothing is taken on the daemon's word, who could
// leave out, alter or make up what it likes. Pure: the replies come from elsewhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/audit/proof.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::cli {

// A reply's text: one line and its "\n". read_checkpoint's codes.
[[nodiscard]] base::Result<audit::SignedCheckpoint> check_checkpoint(std::string_view reply,
                                                                     const crypto::PublicKey& key);

// Entries of one tenant as they come in pages. Each has to follow the one before in number and hash, so that one proof
// for a line proves all lines before it.
class TenantLines {
 public:
  explicit TenantLines(audit::TenantSeq after) : next_(after.next()) {}

  // kAuditMalformed for a reply that is none, kAuditHashMismatch, kAuditGap for a line that is left out,
  // kAuditPreviousMismatch; kMalformed for a search that does not go on, or goes on for ever.
  [[nodiscard]] base::Result<> take(const json::Value& reply);
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] audit::TenantSeq last() const { return audit::TenantSeq(next_.value() - 1); }
  [[nodiscard]] bool more() const { return more_; }  // the daemon did not look at the whole log yet
  [[nodiscard]] const std::string& cursor() const { return cursor_; }
  // The last line that a log of `size` entries holds; nullopt when all are younger.
  [[nodiscard]] std::optional<std::size_t> last_within(std::uint64_t size) const;
  // How many of the lines a checkpoint of `size` entries, asked for after them, signs once the last of these is proven.
  // kAuditTruncated when a line stands further behind it than an honest writer lets any: the checkpoint is not the
  // last, and the lines behind it are anybody's.
  [[nodiscard]] base::Result<std::size_t> signed_within(std::uint64_t size) const;
  [[nodiscard]] audit::LogSeq seq(std::size_t line) const { return seqs_[line]; }

 private:
  [[nodiscard]] base::Result<> take_line(const std::string& line);

  std::vector<std::string> lines_;
  std::vector<audit::LogSeq> seqs_;
  std::optional<audit::Entry> last_entry_;
  audit::TenantSeq next_;
  std::string cursor_;
  bool more_ = false;
  std::size_t empty_pages_ = 0;
};

// A reply of /v1/audit/proof for that line and checkpoint, as a proof that holds; verify_proof's codes.
[[nodiscard]] base::Result<audit::InclusionProof> check_inclusion(const std::string& line,
                                                                  const audit::SignedCheckpoint& checkpoint,
                                                                  const json::Value& reply,
                                                                  const crypto::PublicKey& key);
// One of /v1/audit/consistency.
[[nodiscard]] base::Result<audit::ConsistencyProof> check_consistency(const audit::SignedCheckpoint& from,
                                                                      const audit::SignedCheckpoint& to,
                                                                      const json::Value& reply,
                                                                      const crypto::PublicKey& key);

}  // namespace stargraph::cli
