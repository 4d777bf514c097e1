// The trust store in the encrypted database: one row per trust act, holding the receipt that
// stargraph-auditd signed (the act itself is the data of the entry in it), and the bytes of the packs.
//
// Everything is checked again at every load, from the receipts and the stored bytes up: a row that
// somebody wrote without the audit writer's signature is kReceiptMissing or kReceiptInvalid, a removed
// or renumbered one kChainBroken. Site-wide: packs have no tenant.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stargraph/audit/receipt.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/pack/verify.hpp"
#include "stargraph/store/database.hpp"
#include "stargraph/trust/state.hpp"

namespace stargraph::trust {

[[nodiscard]] std::span<const store::Migration> trust_migrations();

// A row of the store as it stands there: nothing of it is believed before fold().
struct ActRow {
  std::int64_t number = 0;
  std::string receipt;
  bool operator==(const ActRow&) const = default;
};
// By number.
[[nodiscard]] base::Result<std::vector<ActRow>> read_acts(store::Connection& connection);
[[nodiscard]] base::Result<TrustState> fold(std::span<const ActRow> rows, const crypto::PublicKey& audit_key);
// The same for who asks more than once: rows that are byte for byte those folded before are not checked again.
class Fold {
 public:
  explicit Fold(const crypto::PublicKey& audit_key) : audit_key_(audit_key) {}  // must outlive it
  [[nodiscard]] base::Result<TrustState> of(std::vector<ActRow> rows);

 private:
  const crypto::PublicKey& audit_key_;
  std::vector<ActRow> rows_;
  TrustState state_;
};
// Folds all acts. `audit_key` is the audit writer's public key, from a file, never from the database.
[[nodiscard]] base::Result<TrustState> load_state(store::Connection& connection, const crypto::PublicKey& audit_key);

// Adds act `number` with its receipt; kConflict when that number is taken. The caller holds the
// transaction and has checked the receipt.
[[nodiscard]] base::Result<> append_act(store::Connection& connection, std::int64_t number,
                                        const audit::Receipt& receipt);
// The act a receipt proves: the audit writer's signature, an entry that came over trust.sock, that tells
// of a success and is an act of trust; else kReceiptInvalid.
[[nodiscard]] base::Result<Act> act_from_receipt(const audit::Receipt& receipt, const crypto::PublicKey& audit_key);

// Pack bytes under the pack's digest, which does not cover signatures: a file with more of them stands beside the one
// before, under ImportedPack::countersigned. The same again is fine and changes nothing; other bytes
// for the same place are kDigestMismatch.
[[nodiscard]] base::Result<> put_pack(store::Connection& connection, const crypto::Digest& digest,
                                      base::BytesView bytes, int countersigned = 0);
// kPackUnknown when they are not there.
[[nodiscard]] base::Result<base::Bytes> get_pack(store::Connection& connection, const crypto::Digest& digest,
                                                 int countersigned = 0);

// Where the bytes of an imported pack come from.
using PackSource = std::function<base::Result<base::Bytes>(const ImportedPack&)>;
// The connection must outlive it.
[[nodiscard]] PackSource packs_in(store::Connection& connection);

// Revocation and rotation packs, read again from their bytes: the signers are those of the import, which fold() held
// against the keys of that day, and the pack says what the act did (kReceiptInvalid). So no act of that kind counts
// that governors never signed, whoever holds the audit writer's socket. kPackUnknown when the bytes are gone, unless
// an act of repair came after the import.
[[nodiscard]] base::Result<> check_effects(const PackSource& source, const TrustState& state);

// A pack that was checked from its bytes and stands under a pin. Shares its memory; any thread.
class LoadedPack {
 public:
  // Checks everything of pack::parse, check_signatures and check_contents again, that the digest is
  // `ref.digest`, that the signers recorded at import are the ones in the file, and that nothing about it was
  // revoked since (kPackRevoked). The pin it came under is not asked again: it may have gone to another key
  // since, and a run keeps the packs it started with.
  [[nodiscard]] static base::Result<LoadedPack> load(base::Bytes bytes, const ImportedPack& imported,
                                                     const TrustState& state);

  // The same without asking whether it is still trusted: to compare with, never to run.
  [[nodiscard]] static base::Result<LoadedPack> reread(base::Bytes bytes, const ImportedPack& imported);

  [[nodiscard]] const PackRef& ref() const;
  [[nodiscard]] base::BytesView bytes() const;  // the whole file
  [[nodiscard]] const pack::Header& header() const;
  [[nodiscard]] const pack::Contents& contents() const;
  [[nodiscard]] const pack::Manifest& manifest() const;
  // Null unless the pack is of that kind.
  [[nodiscard]] const pack::RulesManifest* rules() const;
  [[nodiscard]] const pack::ExecutionManifest* execution() const;
  [[nodiscard]] std::span<const pack::File> files() const;
  [[nodiscard]] const pack::File* find(std::string_view path) const;

 private:
  struct State;
  explicit LoadedPack(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

// The active packs of every kind by id, all or none. A revoked pack is not active.
[[nodiscard]] base::Result<std::vector<LoadedPack>> load_active(store::Connection& connection,
                                                                const crypto::PublicKey& audit_key);
// Of a state that was loaded, or that is about to be.
[[nodiscard]] base::Result<std::vector<LoadedPack>> load_active(store::Connection& connection, const TrustState& state);
[[nodiscard]] base::Result<std::vector<LoadedPack>> load_active(const PackSource& source, const TrustState& state);

}  // namespace stargraph::trust
