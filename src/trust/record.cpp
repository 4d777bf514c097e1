// What all acts of an Importer share: one transaction, a receipt for each act, approvals.
#include <algorithm>

#include "stargraph/trust/importer.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

// More acts than one command makes, all staged packs of a site with their approvals included.
constexpr std::int64_t kMaxInterrupted = 1'024;

template <typename Kind>
bool any(const std::vector<Body>& acts) {
  return std::ranges::any_of(acts, [](const Body& act) { return std::holds_alternative<Kind>(act); });
}

bool same(const Body& a, const Body& b) { return a.index() == b.index() && encode_act({1, a}) == encode_act({1, b}); }

// Whether `acts` are those that were interrupted, from the first on.
bool completes(std::span<const RecordedAct> lost, std::span<const Body> acts) {
  return lost.size() <= acts.size() &&
         std::ranges::equal(lost, acts.first(lost.size()), same, [](const RecordedAct& one) { return one.act.body; });
}

// Nobody found out whether packs go together.
bool is_no_answer(const base::Error& error) { return error.code == Code::kIo || error.code == Code::kTimedOut; }

std::unexpected<base::Error> interrupted(std::span<const RecordedAct> lost) {
  std::string names;
  for (const RecordedAct& one : lost.first(std::min<std::size_t>(lost.size(), 5))) {
    names += " " + std::string(audit::event_text(event_of(one.act)));
  }
  return fail(Code::kAuditFork,
              "trust: the log holds " + std::to_string(lost.size()) + " acts that this store lost (" +
                  names.substr(std::min<std::size_t>(names.size(), 1)) + (lost.size() > 5 ? " ..." : "") +
                  "): a command was interrupted, then give exactly that one again; or an older database was put back, "
                  "then take them back with `stargraph-pack repair`");
}

}  // namespace

Result<TrustState> Importer::read_state() { return desk_.vault.state(); }

Result<> Importer::commit(const Make& make, const File& file, base::BytesView bytes, Commit how) {
  SG_TRY(Begun begun, begin(kMaxInterrupted));
  const std::unique_ptr<Vault::Change>& change = begun.change;
  TrustState& state = begun.state;
  auto& lost = begun.lost;
  const auto made = make(state);
  if (lost && !lost->empty() && !(made && completes(*lost, *made))) return interrupted(*lost);
  SG_TRY(const Acts acts, made);
  // The bytes first: a full disk should show before the log says that something happened.
  if (file) SG_TRY(change->put(file->digest, file->countersigned, bytes));
  if (acts.empty()) return how == Commit::kRehearse ? Result<>() : change->commit();
  if (!lost && how == Commit::kRehearse) lost.emplace();  // a look at what would be needs no audit writer
  if (!lost) return std::unexpected(std::move(lost).error());
  TrustState rehearsal = state;
  SG_TRY(rehearse(*lost, acts, rehearsal));
  if (desk_.fits && (any<Activated>(acts) || any<Retired>(acts))) {
    // What did not go together before cannot be told from its mending; what did, stays so.
    const PackSource source = [&](const ImportedPack& pack) {
      return change->file(pack.ref.digest, pack.countersigned);
    };
    if (auto fits = desk_.fits(source, rehearsal); !fits) {
      const auto before = desk_.fits(source, state);
      if (before || is_no_answer(fits.error()) || is_no_answer(before.error())) return fits;
    }
  }
  if (how == Commit::kRehearse) return {};
  SG_TRY(take_back(*change, *lost, state));
  for (const Body& body : std::span(acts).subspan(lost->size())) SG_TRY(record(*change, body, state));
  return change->commit();
}

// All of them, before the first is on record: nothing half done stands in the log for our own mistakes.
Result<> Importer::rehearse(std::span<const RecordedAct> lost, const Acts& acts, TrustState& state) const {
  for (const RecordedAct& recorded : lost) SG_TRY(state.apply(recorded.act));
  for (const Body& body : std::span(acts).subspan(lost.size())) {
    const Act act{state.acts() + 1, body, {}, desk_.actor, desk_.env.now(), state.last_entry()};
    SG_TRY(decode_act(act.kind(), encode_act(act)));  // as its receipt will be read
    SG_TRY(state.apply(act));
  }
  return {};
}

Result<> Importer::record(Vault::Change& change, const Body& body, TrustState& state) {
  const Act act{state.acts() + 1, body, {}, {}, {}, state.last_entry()};
  audit::Event event;
  event.name = event_of(act);
  event.actor = desk_.actor;
  event.tenant = audit::site_tenant();
  event.data = encode_act(act);
  SG_TRY(const audit::Receipt receipt, desk_.notary.record(event));
  SG_TRY(const Act attested, act_from_receipt(receipt, desk_.audit_key));
  if (attested.number != act.number || attested.kind() != act.kind() || !(encode_act(attested) == event.data)) {
    return fail(Code::kReceiptInvalid, "trust: the audit writer gave a receipt for another act");
  }
  SG_TRY(state.apply(attested));  // as every load will, with the time that the log gave it
  return change.append(receipt);
}

Result<crypto::Digest> Importer::take_approval(const TrustState& state, const std::vector<Approval>& approvals,
                                               std::string_view act, const json::Object& subject,
                                               std::span<const base::KeyId> signers, Acts& acts) {
  auto refused = base::Error{Code::kApprovalMissing, std::string(act) + ": an approver has to sign the request first"};
  if (!approvals.empty() && !desk_.person_known) {
    return fail(Code::kApprovalInvalid,
                "approval: the user who acts has no name on this machine, so nobody can say "
                "that the approver is another person: act as a user of its password file");
  }
  for (const Approval& approval : approvals) {
    const auto good = decide_approval(state, approval, act, subject, signers, desk_.names, desk_.env.now());
    if (good) {
      acts.emplace_back(Approved{approval});
      return approval.digest();
    }
    refused = good.error();
  }
  requests_.push_back(encode_request(make_request(desk_.env, act, subject)));
  return std::unexpected(std::move(refused));
}

void Importer::refuse(base::BytesView file, const std::vector<base::KeyId>& claimed, const base::Error& error) {
  audit::Event event;
  event.name = audit::EventName::kPackRefused;
  event.outcome = audit::Outcome::kDenied;
  event.actor = desk_.actor;
  event.tenant = audit::site_tenant();
  event.data.set("claimed_key_ids", encode_key_ids(claimed));
  event.data.set("file_digest", crypto::sha384(file).hex());
  event.data.set("reason", error.name());
  // Best effort: the pack is refused whether or not the log can be reached. Another importer may have put something on
  // record while a person was asked, so the number that comes next is learnt first.
  if (!desk_.notary.head()) return;
  static_cast<void>(desk_.notary.record(event));
}

}  // namespace stargraph::trust
