// Import, activate, retire: the acts, in the order of checks of docs/formats/pack.md.
//
// Everything is checked before the database is locked. Then one transaction: the state is read again (a
// second importer may have been faster), each act gets its receipt, acts and bytes are stored. A refused
// pack leaves nothing behind but a "pack.refused" entry in the log.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "stargraph/pack/verify.hpp"
#include "stargraph/store/database.hpp"
#include "stargraph/trust/ceremony.hpp"
#include "stargraph/trust/notary.hpp"
#include "stargraph/trust/trust_store.hpp"

namespace stargraph::trust {

struct ImportRequest {
  base::BytesView file;  // must outlive the call
  Offer offer;
  bool activate = false;  // also when another version of the id is active
  bool dry_run = false;   // every check, no act
};

struct ImportReport {
  PackRef pack;
  Decision decision;
  bool already_there = false;  // exactly this pack was imported before: nothing was done
  bool activated = false;
};

class Importer {
 public:
  // The last check, made by the program since it needs the jail and the graph module.
  using ContentCheck = std::function<base::Result<>(const pack::Contents&)>;
  // Asks a person for the fingerprint, `attempt` from 1; nothing when there is nobody to ask.
  using Ask = std::function<std::optional<std::string>(int attempt)>;

  // All must outlive the importer. `audit_key` checks receipts, those just given too.
  // `actor` is who acts, as the log shows it.
  Importer(store::Database& database, const crypto::PublicKey& audit_key, Notary& notary, base::ActorName actor)
      : database_(database), audit_key_(audit_key), notary_(notary), actor_(std::move(actor)) {}

  // The reason codes of pack::parse, check_signatures, decide_signers, check_contents, decide_epoch and
  // `content_check`, in this order; then kAuditUnavailable, kBusy, kIo. The first version of an id is
  // activated by its import, later ones when asked.
  [[nodiscard]] base::Result<ImportReport> import(const ImportRequest& request, const ContentCheck& content_check,
                                                  const Ask& ask);
  // Makes an imported version active; the newest by epoch when `version` is empty. kPackUnknown,
  // kEpochBelowFloor. True when it was not active before.
  [[nodiscard]] base::Result<bool> activate(const base::PackId& id, const std::string& version);
  // No version of `id` is active any more. The floor stays. kPackUnknown.
  [[nodiscard]] base::Result<> retire(const base::PackId& id);

 private:
  using Acts = std::vector<Body>;
  struct Checked;
  base::Result<ImportReport> check_and_store(const ImportRequest& request, const ContentCheck& content_check,
                                             const Ask& ask);
  base::Result<Checked> check(const ImportRequest& request, const ContentCheck& content_check, const Ask& ask);
  static base::Result<Acts> acts_of(const Checked& checked, bool activate, const TrustState& state);
  base::Result<TrustState> read_state();
  // Inside one write transaction: reads the state again, asks `make` for the acts, stores `bytes` under
  // `digest` when given, records and stores the acts.
  base::Result<> commit(const std::function<base::Result<Acts>(const TrustState&)>& make, const crypto::Digest* digest,
                        base::BytesView bytes);
  base::Result<> record(store::Connection& connection, const Act& act, TrustState& state);
  void report_refusal(const ImportRequest& request, const base::Error& error);

  store::Database& database_;
  const crypto::PublicKey& audit_key_;
  Notary& notary_;
  base::ActorName actor_;
};

}  // namespace stargraph::trust
