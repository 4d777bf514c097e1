// The vault in this process: one write transaction of the database for a change.
#include "stargraph/trust/vault.hpp"

#include <algorithm>
#include <utility>

#include "stargraph/pack/container.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

class DatabaseChange final : public Vault::Change {
 public:
  DatabaseChange(store::Connection connection, const crypto::PublicKey& audit_key)
      : connection_(std::move(connection)), audit_key_(audit_key) {}
  ~DatabaseChange() override {
    if (open_) static_cast<void>(connection_.execute("ROLLBACK"));
  }
  DatabaseChange(const DatabaseChange&) = delete;
  DatabaseChange& operator=(const DatabaseChange&) = delete;

  Result<> begin(Fold& fold) {
    SG_TRY(connection_.execute("BEGIN IMMEDIATE"));
    open_ = true;
    SG_TRY(std::vector<ActRow> rows, read_acts(connection_));
    SG_TRY(before_, fold.of(std::move(rows)));
    after_ = before_;
    return {};
  }
  Result<TrustState> state() override { return before_; }
  Result<base::Bytes> file(const crypto::Digest& digest, int countersigned) override {
    return get_pack(connection_, digest, countersigned);
  }
  Result<> put(const crypto::Digest& digest, int countersigned, base::BytesView bytes) override {
    const bool whole = std::exchange(whole_, false);
    SG_TRY(const crypto::Digest held, pack::digest_of(bytes));
    if (held != digest) return fail(Code::kDigestMismatch, "trust store: a file that is not the pack it is put for");
    put_.push_back({digest, countersigned});
    SG_TRY(put_pack(connection_, digest, bytes, countersigned));
    whole_ = whole;
    return {};
  }
  Result<> append(const audit::Receipt& receipt) override {
    const bool whole = std::exchange(whole_, false);
    SG_TRY(const Act act, act_from_receipt(receipt, audit_key_));
    if (act.number != after_.acts() + 1) {
      return fail(Code::kReceiptInvalid, "trust store: a receipt of an act that is not the next one");
    }
    SG_TRY(after_.apply(act));  // as every load will
    SG_TRY(append_act(connection_, act.number, receipt));
    whole_ = whole;
    return {};
  }
  Result<> commit() override {
    if (!whole_) return fail(Code::kReceiptInvalid, "trust store: a part of this change was refused, so all of it is");
    for (const Put& put : put_) {
      const bool named = std::ranges::any_of(after_.packs(), [&](const ImportedPack& pack) {
        return pack.ref.digest == put.digest && pack.countersigned == put.countersigned;
      });
      if (!named) return fail(Code::kDigestMismatch, "trust store: a file that no act names");
    }
    SG_TRY(connection_.execute("COMMIT"));
    open_ = false;
    return {};
  }

 private:
  struct Put {
    crypto::Digest digest;
    int countersigned = 0;
  };
  store::Connection connection_;
  const crypto::PublicKey& audit_key_;
  bool open_ = false;
  bool whole_ = true;  // nothing of it was refused
  TrustState before_;
  TrustState after_;
  std::vector<Put> put_;
};

}  // namespace

Result<TrustState> DatabaseVault::state() {
  SG_TRY(store::Connection connection, database_.reader());
  SG_TRY(std::vector<ActRow> rows, read_acts(connection));
  return fold_.of(std::move(rows));
}

Result<base::Bytes> DatabaseVault::file(const crypto::Digest& digest, int countersigned) {
  SG_TRY(store::Connection connection, database_.reader());
  return get_pack(connection, digest, countersigned);
}

Result<std::unique_ptr<Vault::Change>> DatabaseVault::begin() {
  SG_TRY(store::Connection connection, database_.writer());
  auto change = std::make_unique<DatabaseChange>(std::move(connection), audit_key_);
  SG_TRY(change->begin(fold_));
  return std::unique_ptr<Vault::Change>(std::move(change));
}

}  // namespace stargraph::trust
