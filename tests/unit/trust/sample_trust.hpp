// A box for the trust tests: an encrypted database in a scratch directory and an audit writer that
// signs what it is told, in memory.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stargraph/audit/chain.hpp"
#include "stargraph/audit/entry.hpp"
#include "stargraph/audit/receipt.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/base/memory_env.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/trust/importer.hpp"
#include "support/temp_dir.hpp"
#include "unit/pack/sample_pack.hpp"

namespace stargraph::trust {

inline const crypto::PrivateKey& audit_private_key() {
  static const auto key = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  SG_CHECK(key.has_value());
  return *key;
}

inline base::ActorName admin() { return base::ActorName("admin"); }

// A receipt for `event` as stargraph-auditd would sign it.
inline audit::Receipt receipt_of(audit::Event event, std::uint64_t number = 1,
                                 audit::Source source = audit::Source::kTrust,
                                 const crypto::PrivateKey& key = audit_private_key(),
                                 base::Timestamp time = pack::sample_time()) {
  audit::Entry entry;
  entry.event = std::move(event);
  entry.source = source;
  entry.source_seq = audit::SourceSeq(static_cast<std::int64_t>(number));
  entry.seq = audit::LogSeq(static_cast<std::int64_t>(number));
  entry.tenant_seq = audit::TenantSeq(static_cast<std::int64_t>(number));
  entry.time = time;
  auto line = audit::encode_entry(entry);
  SG_CHECK(line.has_value());
  auto receipt = audit::make_receipt(*std::move(line), key);
  SG_CHECK(receipt.has_value());
  return *std::move(receipt);
}

class FakeNotary final : public Notary {
 public:
  explicit FakeNotary(base::Env& env) : env_(env) {}
  base::Result<audit::Receipt> record(const audit::Event& event) override {
    if (unavailable) return base::fail(base::Code::kAuditUnavailable, "trust.sock: nobody answers");
    if (fail_after == 0) return base::fail(base::Code::kAuditUnavailable, "trust.sock: lost");
    if (fail_after) --*fail_after;
    events.push_back(event);
    receipts_.push_back(
        receipt_of(answer_with.value_or(event), events.size(), audit::Source::kTrust, audit_private_key(), env_.now()));
    return receipts_.back();
  }
  // What the real one's chain would say.
  base::Result<audit::Head> head() override {
    if (unavailable) return base::fail(base::Code::kAuditUnavailable, "trust.sock: nobody answers");
    audit::Chain chain;
    chain.begin("an-install", audit_private_key().public_key().key_id());
    for (const audit::Event& event : events) {
      audit::Entry entry;
      entry.event = event;
      entry.source = audit::Source::kTrust;
      entry.source_seq = chain.last_of(audit::Source::kTrust).next();
      chain.place(entry, base::from_micros(1'767'225'600'000'000));
      SG_CHECK(audit::encode_entry(entry).has_value());
      chain.take(entry);
    }
    audit::Head head;
    head.trust_act = chain.trust_act();
    head.trust_acts = chain.trust_acts();
    head.floors = chain.floors();
    head.revocation_number = chain.revocation_number();
    head.daemon_seq = daemon_seq;
    return head;
  }
  base::Result<audit::Receipt> again(audit::SourceSeq number) override {
    if (when_looked_up) std::exchange(when_looked_up, nullptr)();
    if (number.value() <= archived) return base::fail(base::Code::kNotFound, "audit: archived");
    return receipts_.at(static_cast<std::size_t>(number.value()) - 1);
  }
  // The log as it was after so many entries.
  void forget(std::size_t entries) {
    events.resize(entries);
    receipts_.resize(entries);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const audit::Event& event : events) out.emplace_back(audit::event_text(event.name));
    return out;
  }

  std::vector<audit::Event> events;
  bool unavailable = false;
  std::optional<int> fail_after;            // that many records go well
  std::optional<audit::Event> answer_with;  // a receipt for this instead
  std::function<void()> when_looked_up;     // at the next again(), once
  audit::SourceSeq daemon_seq;              // where the daemon's own records stand
  std::int64_t archived = 0;                // so many of the first entries are not there any more

 private:
  std::vector<audit::Receipt> receipts_;
  base::Env& env_;
};

class TrustTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(crypto::initialise(crypto::FipsMode::kOff));
    env_.set_now(pack::sample_time());
    open();
  }
  void open() {
    database_.reset();
    auto database = store::Database::open(directory_ / file_, key_, trust_migrations());
    ASSERT_TRUE(database) << database.error().message;
    database_ = *std::move(database);
    vault_ = std::make_unique<DatabaseVault>(*database_, audit_private_key().public_key());
  }
  Importer importer() {
    return Importer(Desk{env_,
                         *vault_,
                         audit_private_key().public_key(),
                         notary_,
                         admin(),
                         {admin().str(), "Ada"},
                         person_known_,
                         fits_});
  }

  static Importer::ContentCheck no_content_check() {
    return [](const pack::Contents&, base::BytesView) { return base::Result<Findings>(Findings{}); };
  }
  static crypto::Digest fingerprint(int key = 0) { return pack::sample_key(key).public_key().fingerprint(); }
  static base::Bytes make(const std::string& id, const std::string& version, std::int64_t epoch, int key = 0) {
    return pack::sample_pack(pack::rules_sources(id, version), epoch, pack::sample_key(key));
  }
  base::Result<ImportReport> import(const base::Bytes& bytes, Offer offer = {}, bool activate = false) {
    ImportRequest request;
    request.file = bytes;
    request.offer = std::move(offer);
    request.activate = activate;
    return importer().import(request, no_content_check(), {});
  }
  // The reason of any result, or kInternal ("done").
  template <class T>
  static base::Code code_of(const base::Result<T>& result) {
    return result ? base::Code::kInternal : result.error().code;
  }
  // What the importer of `act` asks an approver for.
  template <class Act>
  std::pair<base::Code, std::vector<std::string>> requests_of(const Act& act) {
    Importer desk = importer();
    const base::Code code = code_of(act(desk));
    return {code, desk.requests()};
  }
  Approval approve_request(const std::string& request, int key) {
    auto approval = approve(decode_request(request).value(), pack::sample_key(key));
    SG_CHECK(approval.has_value());
    return *std::move(approval);
  }
  void add_key(int key, Role role, const std::string& holder) {
    KeyRequest request{{pack::sample_key(key).public_key(), role, holder, {}, {}}, {fingerprint(key)}};
    const auto added = importer().add_key(request, {});
    ASSERT_TRUE(added) << added.error().message;
  }
  static base::KeyId id_of(int key) { return pack::sample_key(key).public_key().key_id(); }

  // The reason, or kInternal ("done").
  base::Code why(const base::Bytes& bytes, Offer offer = {}, bool activate = false) {
    const auto report = import(bytes, std::move(offer), activate);
    return report ? base::Code::kInternal : report.error().code;
  }
  base::Result<std::optional<Step>> activate(const std::string& version, const std::string& id = "soc.triage") {
    ActivateRequest request;
    request.id = base::PackId(id);
    request.version = version;
    return importer().activate(request, no_content_check());
  }
  base::Result<TrustState> state() {
    SG_TRY(store::Connection connection, database_->reader());
    return load_state(connection, audit_private_key().public_key());
  }
  base::Result<std::vector<LoadedPack>> active() {
    SG_TRY(store::Connection connection, database_->reader());
    return load_active(connection, audit_private_key().public_key());
  }
  // Everything the trust tables hold, to be put into another database changed: what somebody with the
  // database key can do, whatever triggers and authorizers say in this one.
  struct Image {
    std::vector<std::pair<std::int64_t, std::string>> acts;  // number, receipt
    std::vector<std::pair<crypto::Digest, base::Bytes>> packs;
  };
  Image take_image() {
    Image image;
    auto connection = database_->reader();
    auto acts = connection->query("SELECT number, receipt FROM trust_acts ORDER BY number");
    while (acts->step().value()) image.acts.emplace_back(acts->integer(0), acts->text(1));
    auto packs = connection->query("SELECT digest, bytes FROM trust_packs");
    while (packs->step().value()) image.packs.emplace_back(*crypto::Digest::from_hex(packs->text(0)), packs->blob(1));
    return image;
  }
  void put_image(const Image& image) {
    database_.reset();
    file_ = "forged-" + std::to_string(++images_) + ".db";
    open();
    for (const auto& [number, receipt] : image.acts) insert_act(number, receipt);
    auto connection = database_->writer();
    ASSERT_TRUE(connection);
    for (const auto& [digest, bytes] : image.packs) ASSERT_TRUE(put_pack(*connection, digest, bytes));
  }
  void insert_act(std::int64_t number, const std::string& receipt) {
    auto connection = database_->writer();
    ASSERT_TRUE(connection);
    auto insert = connection->query("INSERT INTO trust_acts (number, receipt) VALUES (?1, ?2)");
    ASSERT_TRUE(insert) << insert.error().message;
    insert->bind(1, number);
    insert->bind(2, receipt);
    ASSERT_TRUE(insert->run());
  }

  test::TempDir directory_;
  std::string file_ = "stargraph.db";
  int images_ = 0;
  crypto::Secret key_ = crypto::Secret::random(32);
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<DatabaseVault> vault_;
  base::MemoryEnv env_;
  bool person_known_ = true;
  FakeNotary notary_{env_};
  std::function<base::Result<>(const PackSource&, const TrustState&)> fits_;
};

}  // namespace stargraph::trust
