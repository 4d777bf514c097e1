// Vault: where acts and the files of packs are kept, as an Importer sees it. DatabaseVault is the encrypted database in
// this process; `stargraph-pack` puts it into a process of its own and speaks to it.
//
// A vault believes nobody: an act is taken only with a receipt that the audit key signed, when it is the next one and
// possible after those before it; a file only when its header is the one that an act in the store names. So whoever
// talks to it, or has taken over who talks to it, cannot make an act of trust that the audit writer did not see.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stargraph/audit/receipt.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/store/database.hpp"
#include "stargraph/trust/state.hpp"
#include "stargraph/trust/trust_store.hpp"

namespace stargraph::trust {

class Vault {
 public:
  // The one write transaction: all of it, or, when it goes away before commit(), nothing.
  class Change {
   public:
    virtual ~Change() = default;
    // As it is under the lock, without what this change adds.
    [[nodiscard]] virtual base::Result<TrustState> state() = 0;
    // get_pack(); also what put() stored in this change.
    [[nodiscard]] virtual base::Result<base::Bytes> file(const crypto::Digest& digest, int countersigned) = 0;
    // kDigestMismatch when the header is that of another pack.
    [[nodiscard]] virtual base::Result<> put(const crypto::Digest& digest, int countersigned,
                                             base::BytesView bytes) = 0;
    // The next act. kReceiptInvalid when the receipt proves another one, or one that cannot stand there.
    [[nodiscard]] virtual base::Result<> append(const audit::Receipt& receipt) = 0;
    // kDigestMismatch when a file was put that no act names, kReceiptInvalid after a put or append that was refused:
    // then nothing is stored.
    [[nodiscard]] virtual base::Result<> commit() = 0;
  };

  virtual ~Vault() = default;
  [[nodiscard]] virtual base::Result<TrustState> state() = 0;
  [[nodiscard]] virtual base::Result<base::Bytes> file(const crypto::Digest& digest, int countersigned) = 0;
  // Waits for other writers, at most 5 s: kBusy. One at a time.
  [[nodiscard]] virtual base::Result<std::unique_ptr<Change>> begin() = 0;
};

class DatabaseVault final : public Vault {
 public:
  // Both must outlive it and its changes.
  DatabaseVault(store::Database& database, const crypto::PublicKey& audit_key)
      : database_(database), audit_key_(audit_key), fold_(audit_key) {}
  [[nodiscard]] base::Result<TrustState> state() override;
  [[nodiscard]] base::Result<base::Bytes> file(const crypto::Digest& digest, int countersigned) override;
  [[nodiscard]] base::Result<std::unique_ptr<Change>> begin() override;

 private:
  store::Database& database_;
  const crypto::PublicKey& audit_key_;
  Fold fold_;
};

}  // namespace stargraph::trust
