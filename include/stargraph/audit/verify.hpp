// Verifying a log with nothing but its files and the audit public key, in constant memory and on several cores.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/audit/chain.hpp"
#include "stargraph/audit/position.hpp"
#include "stargraph/base/env.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::audit {

// The name of the one warning; the bad findings are reason codes of their own.
inline constexpr std::string_view kUnsignedTail = "UNSIGNED_TAIL";

struct Finding {
  base::Code code = base::Code::kAuditMalformed;
  std::string file;
  std::uint64_t line = 0;  // from 1; 0 when it is about no single line
  std::string detail;      // never bytes of the log
};

struct Report {
  std::optional<Finding> bad;  // the first one; nothing after it was looked at
  std::uint64_t entries = 0;   // that held
  std::uint64_t checkpoints = 0;
  std::uint64_t files = 0;
  std::uint64_t unsigned_tail = 0;  // entries after the last checkpoint
  std::uint64_t torn_bytes = 0;     // at the very end, without "\n": never acknowledged
  std::string install_id;
  std::string last_checkpoint;  // its line, to carry away
  bool anchored = false;        // an anchor was given and holds
  std::uint64_t archived = 0;   // entries before the first one here, gone under a tombstone: the key's word for them

  [[nodiscard]] bool good() const { return !bad.has_value(); }
};

// The log fed line by line; what verify_log is made of, and what tests feed from memory.
class LogVerifier {
 public:
  // `anchor` is a checkpoint line carried out earlier; kAuditMalformed, kAuditUnknownKey or
  // kAuditBadSignature when it is none by this key. It may also be that line's entry_hash alone, as words or digits
  // (crypto::parse_fingerprint): then some checkpoint of the log has to be it.
  [[nodiscard]] static base::Result<LogVerifier> make(crypto::PublicKey key, std::optional<std::string> anchor);

  // Before the first file: the log begins after `note`, the older segments were archived. finish() then asks for the
  // tombstone that says so (kAuditTruncated).
  void begin_at(Position note);
  void begin_file(std::string name);
  // False when the line is bad; nothing may be fed after that.
  bool line(std::string_view line);
  // The same for a line that was decoded elsewhere (Chain::accept).
  bool line(std::string_view line, const base::Result<Entry>& entry);
  void torn(std::uint64_t bytes);  // the file's last bytes
  void too_long();
  [[nodiscard]] Report finish();
  [[nodiscard]] const Chain& chain() const { return chain_; }

 private:
  explicit LogVerifier(crypto::PublicKey key);
  bool refuse(base::Code code, std::uint64_t line, std::string detail);
  bool hold_against_anchor(const Entry& entry);

  crypto::PublicKey key_;
  Chain chain_;
  [[nodiscard]] bool wants_anchor() const { return anchor_.has_value() || anchor_hash_.has_value(); }

  std::optional<Entry> anchor_;
  std::optional<crypto::Digest> anchor_hash_;
  Report report_;
  std::string file_;
  std::uint64_t line_number_ = 0;
  LogSeq archived_;  // the last entry before the first file
  LogSeq released_;  // the last one that a tombstone lets go which a checkpoint signed
};

// One entry that holds, its line, and the chain after it. `entry.event.data` is empty in entries of the daemon:
// decode_entry(line) has it. An error ends the reading and comes out.
using EntryVisitor = std::function<base::Result<>(const Entry& entry, std::string_view line, const Chain& chain)>;

struct VerifyOptions {
  std::optional<std::string> anchor{};
  unsigned threads = 0;  // that decode; 0: one for each core, at most 4
  // Called by the caller's thread: once with the chain before the first entry, then for each, in the order of the log.
  std::function<void(const Chain& chain)> begin{};
  EntryVisitor each{};
};

// Files in the order of the log; a directory stands for its segments. A first segment N > 1 begins after its state note
// audit-N.state, which stands beside it. Constant memory. Errors are about reading (kNotFound, kIo), the anchor and
// the note; what is wrong with the log stands in the report.
[[nodiscard]] base::Result<Report> verify_log(const std::vector<base::Path>& paths, const crypto::PublicKey& key,
                                              const VerifyOptions& options);
[[nodiscard]] base::Result<Report> verify_log(const std::vector<base::Path>& paths, const crypto::PublicKey& key,
                                              const std::optional<std::string>& anchor = std::nullopt);
// What is wrong with the log as an error, "file:line: why".
[[nodiscard]] base::Result<> check_good(const Report& report);
// verify_log with every entry shown, and check_good: for whoever needs a log that holds.
[[nodiscard]] base::Result<Report> verify_log_whole(const std::vector<base::Path>& paths, const crypto::PublicKey& key,
                                                    const EntryVisitor& each);
// The segments behind paths, as verify_log takes them.
[[nodiscard]] base::Result<std::vector<base::Path>> log_files(const std::vector<base::Path>& paths);

}  // namespace stargraph::audit
