// What the store lost and the log has: read again, and taken back as it was.
#include "stargraph/trust/importer.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr int kAttempts = 8;  // to find log and store at rest

// A refusal came over trust.sock too, and is no act.
bool is_act(const audit::Entry& entry) {
  return entry.event.outcome == audit::Outcome::kSuccess && act_of(entry.event.name).has_value();
}

}  // namespace

Result<std::vector<RecordedAct>> Importer::lost_acts(const TrustState& state, const audit::Head& head,
                                                     std::int64_t limit) {
  const std::int64_t known = state.last_entry().value();
  if (head.trust_act.value() < known) {
    return fail(Code::kAuditFork, "trust: the trust store holds a later act than the log: an older log was put back");
  }
  if (head.trust_act.value() - known > limit) {
    return fail(Code::kAuditFork,
                "trust: the log holds many acts that this store lost: an older database was put back; take them back "
                "with `stargraph-pack repair`");
  }
  std::vector<RecordedAct> lost;
  for (std::int64_t number = known + 1; number <= head.trust_act.value(); ++number) {
    auto receipt = desk_.notary.again(audit::SourceSeq(number));
    if (!receipt && receipt.error().code == Code::kNotFound) {
      return fail(Code::kAuditFork,
                  "trust: an act that this store lost is not in the audit writer's files any more: they were archived");
    }
    if (!receipt) return std::unexpected(std::move(receipt).error());
    SG_TRY(const audit::Entry entry, audit::verify_receipt(*receipt, desk_.audit_key));
    if (!is_act(entry)) continue;
    SG_TRY(Act act, act_from_receipt(*receipt, desk_.audit_key));
    lost.push_back({*std::move(receipt), std::move(act)});
  }
  return lost;
}

// Looking up many lost acts takes the audit writer minutes, and the lock keeps the daemon from writing: so they are
// looked up before it is taken. Under it, store and log must be where they were then; else another importer was at
// work.
Result<Importer::Begun> Importer::begin(std::int64_t limit) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    SG_TRY(const TrustState before, read_state());
    const auto head = desk_.notary.head();
    Begun begun;
    begun.lost = head ? lost_acts(before, *head, limit) : std::unexpected(head.error());
    if (!begun.lost && begun.lost.error().code == Code::kAuditFork) return std::unexpected(begun.lost.error());
    SG_TRY(begun.change, desk_.vault.begin());
    SG_TRY(begun.state, begun.change->state());
    if (begun.state.acts() != before.acts() || begun.state.last_entry() != before.last_entry()) continue;
    if (!begun.lost) return begun;
    const auto now = desk_.notary.head();
    if (!now) begun.lost = std::unexpected(now.error());
    if (!now || now->trust_act == head->trust_act) return begun;
  }
  return fail(Code::kBusy, "trust: other importers are at work: try again");
}

Result<> Importer::take_back(Vault::Change& change, std::span<const RecordedAct> lost, TrustState& state) {
  for (const RecordedAct& one : lost) {
    SG_TRY(state.apply(one.act));
    SG_TRY(change.append(one.receipt));
  }
  return {};
}

Result<RepairReport> Importer::repair(const std::string& reason, bool restored) {
  requests_.clear();
  if (reason.empty()) return fail(Code::kUsage, "repair: a reason is needed");
  SG_TRY(Begun begun, begin(json::kMaxInteger));
  SG_TRY(const std::vector<RecordedAct> lost, std::move(begun.lost));
  const std::unique_ptr<Vault::Change>& change = begun.change;
  TrustState& state = begun.state;
  if (auto back = take_back(*change, lost, state); !back) {
    if (back.error().code != Code::kReceiptInvalid) return std::unexpected(std::move(back).error());
    return fail(Code::kAuditFork, "repair: what the log holds does not follow this store: " + back.error().message);
  }
  RepairReport report;
  report.acts = static_cast<std::int64_t>(lost.size());
  if (restored) {
    SG_TRY(const audit::Head head, desk_.notary.head());
    report.daemon_seq = head.daemon_seq;
  }
  if (!lost.empty() || restored) {
    const Acts acts{Repaired{report.acts, reason, report.daemon_seq}};
    TrustState rehearsal = state;
    SG_TRY(rehearse({}, acts, rehearsal));
    SG_TRY(record(*change, acts.front(), state));
  }
  for (const ImportedPack& pack : state.packs()) {
    const auto file = change->file(pack.ref.digest, pack.countersigned);
    if (!file && file.error().code != Code::kPackUnknown) return std::unexpected(file.error());
    if (!file) report.without_file.push_back(pack.ref);
  }
  SG_TRY(change->commit());
  return report;
}

}  // namespace stargraph::trust
