// Export: a slice of a log in one file that verifies alone (docs/formats/audit-export.md).
//
// A first line says what the slice is and carries the checkpoint that covers it; then come entries, byte for byte as
// they stand in the log. Two kinds: a `chain` is a part of one tenant's own chain without a gap, bound at its end to
// the checkpoint, so that nothing of the tenant between its ends can be missing; `entries` are those of one run, each
// with its own path to the checkpoint's root, which proves that each was written and not that there are no others.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/audit/proof.hpp"

namespace stargraph::audit {

enum class ExportKind : std::uint8_t { kChain, kEntries };

struct ExportHeader {
  ExportKind kind = ExportKind::kChain;
  std::string checkpoint;     // its line
  std::uint64_t entries = 0;  // in this file
  std::string install_id;     // of the log; proven only by a chain from tenant_seq 1
  base::KeyId key_id;
  std::optional<base::RunId> run;  // always of `entries`; of a chain that spans a run
  base::TenantId tenant;
  // Of a chain:
  TenantSeq first;  // tenant_seq of its entries, first and last
  TenantSeq last;
  std::optional<TenantProof> head;   // the last entry is the tenant's head at the checkpoint; else
  std::vector<crypto::Digest> path;  // the last entry's own way to the checkpoint's root
};
// RFC 8785 JSON, no "\n"; decode refuses what encode would not have written (kAuditMalformed).
[[nodiscard]] std::string encode_export_header(const ExportHeader& header);
[[nodiscard]] base::Result<ExportHeader> decode_export_header(std::string_view line);
// {"path":[…],"seq":n}: follows the lines of `entries`, one for each, in their order.
[[nodiscard]] std::string encode_entry_path(LogSeq seq, const std::vector<crypto::Digest>& path);

struct ExportRequest {
  std::optional<base::TenantId> tenant;  // its chain from `from` to its head at the last checkpoint
  TenantSeq from{1};
  std::optional<base::RunId> run;  // or the entries of a run;
  bool complete = false;           // with them all of its tenant's between its first and its last
};
struct ExportSummary {
  ExportHeader header;
  LogSeq checkpoint;                   // seq of the covering one
  std::uint64_t uncovered = 0;         // entries of the tenant or run after it, left out
  std::uint64_t of_other_tenants = 0;  // entries that name the run and are not its tenant's, left out
};
using LineSink = std::function<base::Result<>(std::string_view line)>;  // without "\n"
// Verifies the log whole before the first line goes out (its finding comes out as the error), and again while they do.
// kNotFound when the log has no entry to give. Three readings; memory grows with a run's entries and not with the log.
[[nodiscard]] base::Result<ExportSummary> export_log(const std::vector<base::Path>& paths, const crypto::PublicKey& key,
                                                     const ExportRequest& request, const LineSink& sink);

struct ExportReport {
  std::optional<Finding> bad;  // `file` is empty: there is one
  ExportHeader header;
  LogSeq checkpoint;
  base::Timestamp covered_until{};  // the checkpoint's time
  std::uint64_t of_run = 0;         // of a chain that spans a run: entries of it
  bool whole_log_named = false;     // install_id is proven
  bool run_created = false;         // the slice begins with the run's creation
  bool run_ended = false;           // and ends with its end
  [[nodiscard]] bool good() const { return !bad.has_value(); }
};
// Line by line and in constant memory but for the numbers of `entries`. The reasons of docs/formats/audit-export.md:
// kAuditMalformed, kAuditHashMismatch, kAuditGap, kAuditPreviousMismatch, kAuditUnknownKey, kAuditBadSignature,
// kAuditRootMismatch, kAuditTruncated.
class ExportVerifier {
 public:
  explicit ExportVerifier(crypto::PublicKey key) : key_(std::move(key)) {}
  bool line(std::string_view line);  // false when it is bad; nothing may be fed after that
  void torn();                       // bytes without "\n" at the end, or a line longer than 64 KiB
  [[nodiscard]] ExportReport finish();

 private:
  [[nodiscard]] base::Result<> take_header(std::string_view line);
  [[nodiscard]] base::Result<> take_entry(std::string_view line);
  [[nodiscard]] base::Result<> take_chained(const Entry& entry);
  [[nodiscard]] base::Result<> take_path(std::string_view line);
  [[nodiscard]] base::Result<> check_end_of_chain() const;
  void look_at_run(const Entry& entry);

  struct Listed {
    LogSeq seq;
    crypto::Digest hash;
  };
  crypto::PublicKey key_;
  ExportReport report_;
  std::optional<SignedCheckpoint> checkpoint_;
  std::uint64_t line_number_ = 0;
  std::uint64_t entries_ = 0;
  std::optional<Listed> last_;
  TenantSeq last_tenant_seq_;
  std::vector<Listed> listed_;  // of `entries`: they wait for their paths
  std::size_t paths_ = 0;
};
[[nodiscard]] base::Result<ExportReport> verify_export(const base::Path& file, const crypto::PublicKey& key);

}  // namespace stargraph::audit
