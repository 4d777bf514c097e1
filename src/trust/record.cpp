// What all acts of an Importer share: one transaction, a receipt for each act, approvals.
#include <algorithm>
#include <utility>

#include "stargraph/trust/importer.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

template <typename Kind>
bool any(const std::vector<Body>& acts) {
  return std::ranges::any_of(acts, [](const Body& act) { return std::holds_alternative<Kind>(act); });
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

Result<TrustState> Importer::read_state() {
  SG_TRY(store::Connection connection, desk_.database.reader());
  return load_state(connection, desk_.audit_key);
}

Result<> Importer::commit(const Make& make, const crypto::Digest* digest, base::BytesView bytes, Commit how) {
  SG_TRY(store::Connection connection, desk_.database.writer());
  SG_TRY(Transaction transaction, Transaction::begin(connection));
  SG_TRY(TrustState state, load_state(connection, desk_.audit_key));
  SG_TRY(const Acts acts, make(state));
  if (acts.empty()) return {};
  // The bytes first: a full disk should show before the log says that something happened.
  if (digest != nullptr) SG_TRY(put_pack(connection, *digest, bytes));
  // All of them, before the first is on record: nothing half done stands in the log for our own mistakes.
  TrustState rehearsal = state;
  for (const Body& body : acts) {
    const Act act{rehearsal.acts() + 1, body, {}, desk_.actor, desk_.env.now()};
    SG_TRY(decode_act(act.kind(), encode_act(act)));  // as its receipt will be read
    SG_TRY(rehearsal.apply(act));
  }
  if (desk_.fits && (any<Activated>(acts) || any<Retired>(acts))) {
    // What did not go together before cannot be told from its mending; what did, stays so.
    auto fits = desk_.fits(connection, rehearsal);
    if (!fits && desk_.fits(connection, state)) return fits;
  }
  if (how == Commit::kRehearse) return {};
  for (const Body& body : acts) {
    SG_TRY(record(connection, {state.acts() + 1, body}, state));
  }
  return transaction.commit();
}

Result<> Importer::record(store::Connection& connection, const Act& act, TrustState& state) {
  audit::Event event;
  event.name = event_of(act);
  event.actor = desk_.actor;
  event.tenant = audit::site_tenant();
  event.data = encode_act(act);
  SG_TRY(const audit::Receipt receipt, desk_.notary.record(event));
  SG_TRY(const Act attested, act_from_receipt(receipt, desk_.audit_key));
  if (attested.kind() != act.kind() || encode_act(attested) != event.data) {
    return fail(Code::kReceiptInvalid, "trust: the audit writer gave a receipt for another act");
  }
  SG_TRY(state.apply(attested));  // as every load will, with the time that the log gave it
  return append_act(connection, act.number, receipt);
}

Result<crypto::Digest> Importer::take_approval(const TrustState& state, const std::vector<Approval>& approvals,
                                               std::string_view act, const json::Object& subject,
                                               std::span<const base::KeyId> signers, Acts& acts) {
  auto refused = base::Error{Code::kApprovalMissing, std::string(act) + ": an approver has to sign the request first"};
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
  json::Array key_ids;
  for (const base::KeyId& id : claimed) key_ids.emplace_back(id.str());
  event.data.set("claimed_key_ids", std::move(key_ids));
  event.data.set("file_digest", crypto::sha384(file).hex());
  event.data.set("reason", error.name());
  // Best effort: the pack is refused whether or not the log can be reached.
  static_cast<void>(desk_.notary.record(event));
}

}  // namespace stargraph::trust
