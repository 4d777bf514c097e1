#include "stargraph/trust/trust_store.hpp"

#include <algorithm>
#include <array>

#include "stargraph/store/append_only.hpp"
#include "stargraph/trust/ceremony.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

// Acts are append-only; pack bytes are written once. Both are checked from their signatures at every
// load, so the triggers only keep our own mistakes out.
const std::string& schema() {
  static const std::string schema =
      "CREATE TABLE trust_acts (number INTEGER PRIMARY KEY CHECK (number > 0), receipt TEXT NOT NULL) STRICT;"
      "CREATE TABLE trust_packs (digest TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;" +
      store::append_only_triggers("trust_acts") + store::append_only_triggers("trust_packs");
  return schema;
}

// What the daemon said to the last reload; verdict.hpp.
constexpr std::string_view kVerdictSchema =
    "CREATE TABLE reload_verdict (id INTEGER PRIMARY KEY CHECK (id = 1), serial INTEGER NOT NULL, "
    "acts INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, time INTEGER NOT NULL) STRICT;";

std::string file_name(const crypto::Digest& digest, int countersigned) {
  return countersigned == 0 ? digest.hex() : digest.hex() + "." + std::to_string(countersigned);
}

}  // namespace

std::span<const store::Migration> trust_migrations() {
  static const std::array<store::Migration, 2> migrations{{{"trust", 1, schema()}, {"trust", 2, kVerdictSchema}}};
  return migrations;
}

Result<Act> act_from_receipt(const audit::Receipt& receipt, const crypto::PublicKey& audit_key) {
  auto entry = audit::verify_receipt(receipt, audit_key);
  if (!entry) return fail(Code::kReceiptInvalid, "trust: receipt: " + entry.error().message);
  const auto kind = act_of(entry->event.name);
  if (entry->source != audit::Source::kTrust || entry->event.outcome != audit::Outcome::kSuccess || !kind) {
    return fail(Code::kReceiptInvalid, "trust: receipt: of an entry that is no act of trust");
  }
  auto act = decode_act(*kind, entry->event.data);
  if (!act) return fail(Code::kReceiptInvalid, "trust: receipt: " + act.error().message);
  act->entry = entry->source_seq;
  act->actor = entry->event.actor;
  act->time = entry->time;
  return act;
}

Result<std::vector<ActRow>> read_acts(store::Connection& connection) {
  std::vector<ActRow> acts;
  SG_TRY(store::Statement rows, connection.query("SELECT number, receipt FROM trust_acts ORDER BY number"));
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return acts;
    acts.push_back({rows.integer(0), rows.text(1)});
  }
}

namespace {

Result<> fold_on(TrustState& state, std::span<const ActRow> rows, const crypto::PublicKey& audit_key) {
  for (const ActRow& row : rows) {
    const std::string context = "trust store: row " + std::to_string(row.number);
    if (row.receipt.empty()) return fail(Code::kReceiptMissing, context + ": no receipt");
    const auto receipt = audit::decode_receipt(row.receipt);
    if (!receipt) return fail(Code::kReceiptInvalid, context + ": " + receipt.error().message);
    auto act = act_from_receipt(*receipt, audit_key);
    if (!act) return std::unexpected(in_context(context, std::move(act).error()));
    if (act->number != row.number) return fail(Code::kChainBroken, context + ": holds another act's receipt");
    if (auto ok = state.apply(*act); !ok) return std::unexpected(in_context(context, std::move(ok).error()));
  }
  return {};
}

}  // namespace

Result<TrustState> fold(std::span<const ActRow> rows, const crypto::PublicKey& audit_key) {
  TrustState state;
  SG_TRY(fold_on(state, rows, audit_key));
  return state;
}

Result<TrustState> Fold::of(std::vector<ActRow> rows) {
  const bool goes_on = rows.size() >= rows_.size() && std::equal(rows_.begin(), rows_.end(), rows.begin());
  TrustState state = goes_on ? state_ : TrustState();
  SG_TRY(fold_on(state, std::span<const ActRow>(rows).subspan(goes_on ? rows_.size() : 0), audit_key_));
  rows_ = std::move(rows);
  state_ = state;
  return state;
}

Result<TrustState> load_state(store::Connection& connection, const crypto::PublicKey& audit_key) {
  SG_TRY(const std::vector<ActRow> acts, read_acts(connection));
  return fold(acts, audit_key);
}

Result<> append_act(store::Connection& connection, std::int64_t number, const audit::Receipt& receipt) {
  SG_TRY(store::Statement insert, connection.query("INSERT INTO trust_acts (number, receipt) VALUES (?1, ?2)"));
  insert.bind(1, number);
  insert.bind(2, audit::encode_receipt(receipt));
  return insert.run();
}

Result<> put_pack(store::Connection& connection, const crypto::Digest& digest, base::BytesView bytes,
                  int countersigned) {
  SG_TRY(store::Statement insert,
         connection.query("INSERT INTO trust_packs (digest, bytes) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING"));
  insert.bind(1, file_name(digest, countersigned));
  insert.bind(2, bytes);
  SG_TRY(insert.run());
  SG_TRY(const base::Bytes held, get_pack(connection, digest, countersigned));
  if (std::ranges::equal(held, bytes)) return {};
  return fail(Code::kDigestMismatch,
              "trust store: another file is held for this pack: the same header with other signatures");
}

Result<base::Bytes> get_pack(store::Connection& connection, const crypto::Digest& digest, int countersigned) {
  SG_TRY(store::Statement row, connection.query("SELECT bytes FROM trust_packs WHERE digest = ?1"));
  row.bind(1, file_name(digest, countersigned));
  SG_TRY(const bool found, row.step());
  if (!found)
    return fail(Code::kPackUnknown, "trust store: the bytes of an imported pack are gone: import its file again");
  return row.blob(0);
}

PackSource packs_in(store::Connection& connection) {
  return [&](const ImportedPack& pack) { return get_pack(connection, pack.ref.digest, pack.countersigned); };
}

// The container's views are into `bytes`, and the contents' into the container: the state never moves.
struct LoadedPack::State {
  base::Bytes bytes;
  PackRef ref;
  pack::Container container;
  pack::Contents contents;
};

Result<LoadedPack> LoadedPack::reread(base::Bytes bytes, const ImportedPack& imported) {
  auto loaded = std::make_shared<State>();
  loaded->bytes = std::move(bytes);
  loaded->ref = imported.ref;
  SG_TRY(loaded->container, pack::parse(loaded->bytes));
  const pack::Container& container = loaded->container;
  SG_TRY(const std::vector<crypto::PublicKey> signers, pack::check_signatures(container));
  if (container.digest != imported.ref.digest) {
    return fail(Code::kDigestMismatch, "trust store: " + imported.ref.id.str() + ": not the pack that was imported");
  }
  if (!std::ranges::equal(signers, imported.signers, {}, &crypto::PublicKey::key_id)) {
    return fail(Code::kSignerMismatch, "trust store: " + imported.ref.id.str() + ": other signers than at import");
  }
  SG_TRY(loaded->contents, pack::check_contents(container));
  return LoadedPack(std::move(loaded));
}

Result<LoadedPack> LoadedPack::load(base::Bytes bytes, const ImportedPack& imported, const TrustState& state) {
  SG_TRY(check_still_trusted(state, imported.ref, imported.signers));
  return reread(std::move(bytes), imported);
}

const PackRef& LoadedPack::ref() const { return state_->ref; }
base::BytesView LoadedPack::bytes() const { return state_->bytes; }
const pack::Header& LoadedPack::header() const { return state_->container.header; }
const pack::Contents& LoadedPack::contents() const { return state_->contents; }
const pack::Manifest& LoadedPack::manifest() const { return state_->contents.manifest; }
const pack::RulesManifest* LoadedPack::rules() const { return std::get_if<pack::RulesManifest>(&manifest()); }
const pack::ExecutionManifest* LoadedPack::execution() const {
  return std::get_if<pack::ExecutionManifest>(&manifest());
}
std::span<const pack::File> LoadedPack::files() const { return state_->contents.files; }
const pack::File* LoadedPack::find(std::string_view path) const { return state_->contents.find(path); }

Result<std::vector<LoadedPack>> load_active(store::Connection& connection, const crypto::PublicKey& audit_key) {
  SG_TRY(const TrustState state, load_state(connection, audit_key));
  return load_active(connection, state);
}

Result<std::vector<LoadedPack>> load_active(store::Connection& connection, const TrustState& state) {
  return load_active(packs_in(connection), state);
}

Result<std::vector<LoadedPack>> load_active(const PackSource& source, const TrustState& state) {
  std::vector<LoadedPack> packs;
  for (const ImportedPack& imported : state.packs()) {
    if (!imported.active) continue;
    SG_TRY(base::Bytes bytes, source(imported));
    SG_TRY(LoadedPack loaded, LoadedPack::load(std::move(bytes), imported, state));
    packs.push_back(std::move(loaded));
  }
  std::ranges::sort(packs, {}, [](const LoadedPack& pack) -> const base::PackId& { return pack.ref().id; });
  return packs;
}

}  // namespace stargraph::trust
