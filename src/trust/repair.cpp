// What the store lost and the log has: read again, and taken back as it was.
#include "stargraph/trust/importer.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

// A refusal came over trust.sock too, and is no act.
bool is_act(const audit::Entry& entry) {
  return entry.event.outcome == audit::Outcome::kSuccess && act_of(entry.event.name).has_value();
}

}  // namespace

Result<std::vector<RecordedAct>> Importer::lost_acts(const TrustState& state, std::int64_t limit) {
  SG_TRY(const audit::Head head, desk_.notary.head());
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

Result<> Importer::take_back(Vault::Change& change, std::span<const RecordedAct> lost, TrustState& state) {
  for (const RecordedAct& one : lost) {
    SG_TRY(state.apply(one.act));
    SG_TRY(change.append(one.receipt));
  }
  return {};
}

Result<RepairReport> Importer::repair(const std::string& reason) {
  requests_.clear();
  if (reason.empty()) return fail(Code::kUsage, "repair: a reason is needed");
  SG_TRY(const std::unique_ptr<Vault::Change> change, desk_.vault.begin());
  SG_TRY(TrustState state, change->state());
  SG_TRY(const std::vector<RecordedAct> lost, lost_acts(state, json::kMaxInteger));
  if (auto back = take_back(*change, lost, state); !back) {
    return fail(Code::kAuditFork, "repair: what the log holds does not follow this store: " + back.error().message);
  }
  RepairReport report;
  report.acts = static_cast<std::int64_t>(lost.size());
  if (!lost.empty()) {
    const Acts acts{Repaired{report.acts, reason}};
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
