#include "stargraph/trust/importer.hpp"

#include <algorithm>

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

// What decide_signers asks a person for.
bool wants_fingerprint(const base::Error& error) {
  return error.code == Code::kFingerprintMissing || error.code == Code::kSignerNotPinned;
}

// Adds what a person typed to `offer` until the signers are accepted, at most kMaxFingerprintTries wrong
// ones.
Result<Decision> hold_ceremony(const TrustState& state, const pack::Header& header,
                               std::span<const crypto::PublicKey> signers, Offer& offer, const Importer::Ask& ask) {
  auto decision = decide_signers(state, header, signers, offer);
  if (!ask) return decision;
  for (int attempt = 1; attempt <= kMaxFingerprintTries;) {
    if (decision || !wants_fingerprint(decision.error())) return decision;
    const auto typed = ask(attempt);
    if (!typed) return decision;
    const auto fingerprint = read_fingerprint(*typed);
    const bool fits = fingerprint && std::ranges::any_of(signers, [&](const crypto::PublicKey& key) {
                        return crypto::equal_constant_time(key.fingerprint().bytes(), fingerprint->bytes());
                      });
    if (!fits) {
      ++attempt;
      continue;
    }
    if (std::ranges::find(offer.fingerprints, *fingerprint) != offer.fingerprints.end()) {
      ++attempt;  // the same again says nothing about the other signer
      continue;
    }
    offer.fingerprints.push_back(*fingerprint);
    decision = decide_signers(state, header, signers, offer);
  }
  return fail(Code::kFingerprintMismatch, "trust: three wrong fingerprints; nothing was imported");
}

PackRef ref_of(const pack::Container& container) {
  const pack::Header& header = container.header;
  return {header.id, header.version, header.epoch, header.kind, container.digest};
}

// A pack was refused, rather than a machine out of order.
bool is_refusal(const base::Error& error) {
  switch (error.kind()) {
    case base::Kind::kTrust:
    case base::Kind::kIntegrity:
    case base::Kind::kDenied:
    case base::Kind::kUsage:
    case base::Kind::kLimit: return true;
    case base::Kind::kIo:
    case base::Kind::kBusy:
    case base::Kind::kInternal:
    case base::Kind::kConfig: return false;
  }
  return false;
}

// Rolls back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(store::Connection& connection) {
    SG_TRY(connection.execute("BEGIN IMMEDIATE"));
    return Transaction(connection);
  }
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction() {
    if (connection_ != nullptr) static_cast<void>(connection_->execute("ROLLBACK"));
  }
  Result<> commit() {
    SG_TRY(connection_->execute("COMMIT"));
    connection_ = nullptr;
    return {};
  }

 private:
  explicit Transaction(store::Connection& connection) : connection_(&connection) {}
  store::Connection* connection_;
};

}  // namespace

struct Importer::Checked {
  pack::Container container;
  std::vector<crypto::PublicKey> signers;
  Offer offer;  // with the fingerprints a person typed
  ImportReport report;
};

Result<TrustState> Importer::read_state() {
  SG_TRY(store::Connection connection, database_.reader());
  return load_state(connection, audit_key_);
}

Result<Importer::Checked> Importer::check(const ImportRequest& request, const ContentCheck& content_check,
                                          const Ask& ask) {
  Checked checked;
  checked.offer = request.offer;
  SG_TRY(checked.container, pack::parse(request.file));
  SG_TRY(checked.signers, pack::check_signatures(checked.container));
  SG_TRY(const TrustState state, read_state());
  checked.report.pack = ref_of(checked.container);
  SG_TRY(checked.report.decision, hold_ceremony(state, checked.container.header, checked.signers, checked.offer, ask));
  SG_TRY(const pack::Contents contents, pack::check_contents(checked.container));
  SG_TRY(checked.report.already_there, decide_epoch(state, checked.report.pack));
  SG_TRY(content_check(contents));
  return checked;
}

// What an import does to `state`; empty when everything is so already.
Result<Importer::Acts> Importer::acts_of(const Checked& checked, bool activate, const TrustState& state) {
  const PackRef& pack = checked.report.pack;
  SG_TRY(const Decision decision, decide_signers(state, checked.container.header, checked.signers, checked.offer));
  SG_TRY(const bool already_there, decide_epoch(state, pack));
  Acts acts;
  for (const crypto::PublicKey& key : decision.confirmed)
    acts.emplace_back(KeyAdded{{key, std::string(kPublisherRole)}});
  if (decision.pin) acts.emplace_back(Pinned{*decision.pin});
  if (!already_there) {
    Imported imported{pack, {}};
    for (const crypto::PublicKey& signer : checked.signers) imported.signers.push_back(signer.key_id());
    acts.emplace_back(std::move(imported));
  }
  const ImportedPack* active = state.active(pack.id);
  const bool first = !already_there && state.floor(pack.id).value() == 0;
  const bool is_active = active != nullptr && active->ref == pack;
  if (first || (activate && !is_active)) {
    if (pack.epoch < state.floor(pack.id)) return fail(Code::kEpochBelowFloor, "trust: a newer epoch has been active");
    acts.emplace_back(Activated{pack});
  }
  return acts;
}

Result<ImportReport> Importer::import(const ImportRequest& request, const ContentCheck& content_check, const Ask& ask) {
  auto imported = check_and_store(request, content_check, ask);
  if (!imported && is_refusal(imported.error()) && !request.dry_run) report_refusal(request, imported.error());
  return imported;
}

Result<ImportReport> Importer::check_and_store(const ImportRequest& request, const ContentCheck& content_check,
                                               const Ask& ask) {
  SG_TRY(Checked checked, check(request, content_check, ask));
  ImportReport& report = checked.report;
  const auto make = [&](const TrustState& state) -> Result<Acts> {
    SG_TRY(Acts acts, acts_of(checked, request.activate, state));
    report.activated =
        std::ranges::any_of(acts, [](const Body& act) { return std::holds_alternative<Activated>(act); });
    return acts;
  };
  if (request.dry_run) {
    SG_TRY(const TrustState state, read_state());
    SG_TRY(make(state));
    return std::move(report);
  }
  SG_TRY(commit(make, &report.pack.digest, request.file));
  return std::move(report);
}

Result<bool> Importer::activate(const base::PackId& id, const std::string& version) {
  bool changed = false;
  const auto make = [&](const TrustState& state) -> Result<Acts> {
    const ImportedPack* chosen = nullptr;
    for (const ImportedPack& pack : state.packs()) {
      if (pack.ref.id != id || (!version.empty() && pack.ref.version != version)) continue;
      if (chosen == nullptr || chosen->ref.epoch < pack.ref.epoch) chosen = &pack;
    }
    if (chosen == nullptr) return fail(Code::kPackUnknown, "activate: no such pack was imported");
    if (chosen->active) return Acts{};
    if (chosen->ref.epoch < state.floor(id)) {
      return fail(Code::kEpochBelowFloor, "activate: a newer epoch of this id has been active here");
    }
    changed = true;
    return Acts{Activated{chosen->ref}};
  };
  SG_TRY(commit(make, nullptr, {}));
  return changed;
}

Result<> Importer::retire(const base::PackId& id) {
  const auto make = [&](const TrustState& state) -> Result<Acts> {
    const ImportedPack* active = state.active(id);
    if (active == nullptr) return fail(Code::kPackUnknown, "retire: no version of this pack is active");
    return Acts{Retired{active->ref}};
  };
  return commit(make, nullptr, {});
}

Result<> Importer::commit(const std::function<Result<Acts>(const TrustState&)>& make, const crypto::Digest* digest,
                          base::BytesView bytes) {
  SG_TRY(store::Connection connection, database_.writer());
  SG_TRY(Transaction transaction, Transaction::begin(connection));
  SG_TRY(TrustState state, load_state(connection, audit_key_));
  SG_TRY(const Acts acts, make(state));
  if (acts.empty()) return {};
  // The bytes first: a full disk should show before the log says that something happened.
  if (digest != nullptr) SG_TRY(put_pack(connection, *digest, bytes));
  for (const Body& body : acts) SG_TRY(record(connection, {state.acts() + 1, body}, state));
  return transaction.commit();
}

Result<> Importer::record(store::Connection& connection, const Act& act, TrustState& state) {
  SG_TRY(state.apply(act));  // nothing is put on record that a load would refuse
  audit::Event event;
  event.name = event_of(act.kind());
  event.actor = actor_;
  event.tenant = audit::site_tenant();
  event.data = encode_act(act);
  SG_TRY(const audit::Receipt receipt, notary_.record(event));
  SG_TRY(const Act attested, act_from_receipt(receipt, audit_key_));
  if (attested.kind() != act.kind() || encode_act(attested) != event.data) {
    return fail(Code::kReceiptInvalid, "trust: the audit writer gave a receipt for another act");
  }
  return append_act(connection, act.number, receipt);
}

void Importer::report_refusal(const ImportRequest& request, const base::Error& error) {
  audit::Event event;
  event.name = audit::EventName::kPackRefused;
  event.outcome = audit::Outcome::kDenied;
  event.actor = actor_;
  event.tenant = audit::site_tenant();
  json::Array claimed;
  if (const auto container = pack::parse(request.file)) {
    for (const pack::SignatureEntry& entry : container->signatures) claimed.emplace_back(entry.key_id.str());
  }
  event.data.set("claimed_key_ids", std::move(claimed));
  event.data.set("file_digest", crypto::sha384(request.file).hex());
  event.data.set("reason", error.name());
  // Best effort: the pack is refused whether or not the log can be reached.
  static_cast<void>(notary_.record(event));
}

}  // namespace stargraph::trust
