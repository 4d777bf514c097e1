// Lineage: that what a log tells hangs together. verify_log says that nothing was changed; this asks whether each act
// has what it must rest on before it: a decision the pack that an act of trust put in force, an answer its question, an
// act of trust its predecessor (docs/formats/audit-export.md, Lineage).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "stargraph/audit/verify.hpp"

namespace stargraph::audit {

struct Loose {
  LogSeq seq;
  std::string_view event;
  std::string why;  // never bytes of the log but names of tables and numbers
};

struct LineageReport {
  std::uint64_t links = 0;  // that were looked for and found
  std::uint64_t runs = 0;
  std::uint64_t trust_acts = 0;
  std::uint64_t restored = 0;  // times that a database of an earlier day was allowed to go on
  std::uint64_t loose = 0;     // acts that hang in the air
  std::vector<Loose> listed;   // the first hundred of them
  // Of the log, as in Report: what was asked of acts in the tail rests on nobody's signature.
  std::uint64_t unsigned_tail = 0;
  std::uint64_t torn_bytes = 0;
};

// Fed with every entry of a log from its first one, decoded whole. Memory grows with runs and acts of trust.
class Lineage {
 public:
  void add(const Entry& entry);
  [[nodiscard]] const LineageReport& report() const { return report_; }

 private:
  struct Run {
    base::TenantId tenant;
    std::string basis;
    std::set<std::string> questions;  // asked and not answered
    std::set<std::string> answered;
    bool ended = false;
    std::set<std::string> ends;  // last step hashes that ends told
  };
  void link(const Entry& entry, bool holds, std::string_view why);
  void add_trust(const Entry& entry);
  void add_keys(const Entry& entry);
  void go_back();
  void add_run(const Entry& entry);
  void add_decision(const Entry& entry, Run& run);
  void answer(const Entry& entry, Run& run);
  void add_work(const Entry& entry);
  void expect_policy(const Entry& entry);
  void expect_pack(const Entry& entry, std::string_view member);
  void expect_packs(const Entry& entry);

  LineageReport report_;
  std::set<std::string> keys_;       // key ids that a person confirmed, or that a rotation brought
  std::set<std::string> imported_;   // pack digests
  std::set<std::string> activated_;  // pack digests, policies too
  std::set<std::string> approvals_;
  std::int64_t last_act_ = 0;
  SourceSeq last_act_entry_;
  std::map<base::RunId, Run> runs_;
  std::map<std::string, base::ActorName> leased_;  // task to worker
  std::map<std::string, base::ActorName> done_;    // the same of tasks that are done, until a database is put back
};

// Verifies the log whole (its finding comes out as the error), then asks. kAuditTruncated for a log whose beginning was
// archived: what later acts rest on may stand there, so the archived segments must be given too.
[[nodiscard]] base::Result<LineageReport> check_lineage(const std::vector<base::Path>& paths,
                                                        const crypto::PublicKey& key);

}  // namespace stargraph::audit
