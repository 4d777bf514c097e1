// Site: an appliance in profile `cleared` with the people around it: a governor who signs policies and revocations, a
// publisher who signs graphs, and root, who imports them through the real audit writer.
#pragma once

#include <map>
#include <type_traits>

#include "integration/appliance.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/pack/build.hpp"
#include "stargraph/policy/bundle.hpp"
#include "stargraph/store/database.hpp"
#include "stargraph/trust/importer.hpp"
#include "stargraph/trust/verdict.hpp"

namespace stargraph::test {

inline constexpr const char* kLineGraph =
    "ir_version: \"1.0.0\"\nid: line\nnodes: [{id: a, kind: echo}, {id: b, kind: halt}]\n";
inline constexpr const char* kAskGraph =
    "ir_version: \"1.0.0\"\nid: ask\nnodes:\n"
    "  - {id: ask, kind: interrupt, config: {prompt: \"Go on?\", requested_capability: \"runs:respond\"}}\n"
    "  - {id: end, kind: halt}\n";

class Site {
 public:
  explicit Site(const std::string& profile = "cleared", const std::string& side_effects = "deny")
      : governor_(crypto::PrivateKey::generate(crypto::Algorithm::kEd25519).value()),
        publisher_(crypto::PrivateKey::generate(crypto::Algorithm::kEd25519).value()),
        box_(STARGRAPH_PROGRAMS, options(profile, side_effects)) {
    box_.start_auditd();
    SG_CHECK(import_error(graphs("soc.line", kLineGraph, 1)).empty());
    trust::KeyRequest key{
        {governor_.public_key(), trust::Role::kGovernor, "Grace", trust::Confirmation::kFingerprint, {}},
        {governor_.public_key().fingerprint()}};
    SG_CHECK(desk([&](trust::Importer& importer) { return importer.add_key(key, {}); }).has_value());
  }

  static Appliance::Options options(const std::string& profile, const std::string& side_effects = "deny") {
    Appliance::Options options;
    options.profile = profile;
    options.start = false;
    if (profile == "cleared") options.more = "side_effects: " + side_effects + "\n";
    return options;
  }

  Appliance& box() { return box_; }
  [[nodiscard]] const crypto::PrivateKey& governor() const { return governor_; }
  [[nodiscard]] const crypto::PrivateKey& publisher() const { return publisher_; }

  // A policy that counts from an hour ago for `lasts`: operators may everything about runs, viewers look.
  static policy::Bundle policy(base::Duration lasts = std::chrono::hours(24)) {
    policy::Bundle bundle;
    bundle.label = "test";
    bundle.not_before = base::real_env().now() - std::chrono::hours(1);
    bundle.not_after = base::real_env().now() + lasts;
    bundle.org.version = "1";
    bundle.org.allowed_permissions = {"soc:lookup"};
    using policy::Capability;
    for (const Capability one :
         {Capability::kRunsStart, Capability::kRunsRead, Capability::kRunsCancel, Capability::kRunsPause,
          Capability::kRunsResume, Capability::kRunsRespond, Capability::kPacksRead}) {
      bundle.roles["operator"].push_back({one, std::nullopt});
    }
    bundle.roles["viewer"] = {{Capability::kRunsRead, std::nullopt}};
    bundle.assignments = {{"operator", {"operator"}}, {"viewer", {"viewer"}}};
    return bundle;
  }

  base::Bytes policy_pack(const policy::Bundle& bundle, std::int64_t epoch,
                          const std::string& id = "site.policy") const {
    return signed_pack("policy", id, epoch, "policy.yaml", json::canonical(policy::encode_bundle(bundle)), governor_);
  }
  base::Bytes revocation_pack(const std::string& entries, std::int64_t number) const {
    const std::string list = "format: stargraph.revocations.v1\nnumber: " + std::to_string(number) + "\n" + entries;
    return signed_pack("revocation", "site.revoked", number, "revocations.yaml", list, governor_);
  }
  base::Bytes graphs(const std::string& id, const std::string& graph, std::int64_t epoch,
                     const std::string& manifest = "") const {
    return signed_pack("execution", id, epoch, "graphs/one.yaml", graph, publisher_,
                       "requires: {api_version: \"1\"}\n" + manifest);
  }
  static base::Bytes signed_pack(const std::string& kind, const std::string& id, std::int64_t epoch,
                                 const std::string& file, const std::string& content, const crypto::PrivateKey& key,
                                 const std::string& more = "") {
    const std::string manifest = "kind: " + kind + "\nid: " + id + "\nversion: \"" + std::to_string(epoch) + ".0.0\"\n";
    const auto compiled =
        pack::compile({{file, base::to_bytes(content)}, {"manifest.yaml", base::to_bytes(manifest + more)}},
                      {base::Epoch(epoch), base::real_env().now()});
    SG_CHECK(compiled.has_value());
    return pack::sign(*compiled, key).value();
  }
  static std::string digest(const base::Bytes& pack) { return pack::parse(pack)->digest.hex(); }

  // The reason of a refused import; "" when it went well.
  std::string import_error(const base::Bytes& file, bool activate = false) {
    trust::ImportRequest request;
    request.file = file;
    request.activate = activate;
    const auto container = pack::parse(file);
    if (container && container->header.kind == pack::PackKind::kExecution && !pinned_[container->header.id.str()])
      request.offer.fingerprints = {publisher_.public_key().fingerprint()};
    const auto done = desk([&](trust::Importer& importer) { return importer.import(request, findings, {}); });
    if (done && container) pinned_[container->header.id.str()] = true;
    return done ? "" : std::string(done.error().name());
  }
  std::string activate_error(const std::string& id, const std::string& version, bool below_floor) {
    const auto done = desk([&](trust::Importer& importer) {
      return importer.activate({base::PackId(id), version, below_floor, "a reason", {}}, findings);
    });
    return done ? "" : std::string(done.error().name());
  }
  std::string retire_error(const std::string& id) {
    const auto done = desk([&](trust::Importer& importer) { return importer.retire(base::PackId(id)); });
    return done ? "" : std::string(done.error().name());
  }

  // SIGHUP, and the verdict that follows it.
  trust::ReloadVerdict reload() {
    const std::int64_t before = verdict().serial;
    ::kill(box_.daemon_pid(), SIGHUP);
    trust::ReloadVerdict last;
    for (int i = 0; i < 600 && last.serial <= before; ++i) {
      last = verdict();
      ::usleep(50'000);  // another process answers
    }
    SG_CHECK(last.serial > before);
    return last;
  }
  trust::ReloadVerdict verdict() {
    std::optional<trust::ReloadVerdict> found;
    const auto read = open_database()->read([&](store::Connection& connection) -> base::Result<> {
      SG_TRY(found, trust::get_verdict(connection));
      return {};
    });
    SG_CHECK(read.has_value());
    return found.value_or(trust::ReloadVerdict{});
  }
  std::unique_ptr<store::Database> open_database() const {
    SG_CHECK(crypto::initialise(crypto::FipsMode::kOff).has_value());
    auto key = crypto::read_secret_file(base::real_env(), box_.path("state.key"), 32);
    return store::Database::open(box_.path("state/stargraph.db"), *key, trust::trust_migrations()).value();
  }

 private:
  // What stargraph-pack says of a policy pack.
  static base::Result<trust::Findings> findings(const pack::Contents& contents, base::BytesView) {
    trust::Findings found;
    if (const pack::File* const file = contents.find(policy::kPolicyFile)) {
      SG_TRY(const policy::Bundle bundle, policy::parse_bundle(base::as_text(file->bytes)));
      const bool counts = policy::check_time(bundle, base::real_env().now()).has_value();
      found.policy = trust::PolicyView{counts, bundle.supersedes};
    }
    return found;
  }
  template <class Act>
  std::invoke_result_t<Act, trust::Importer&> desk(const Act& act) {
    const auto database = open_database();
    const auto pem = base::real_env().read_file(box_.path("audit.pub.pem"), 4096).value();
    const auto audit_key = crypto::PublicKey::from_pem(base::as_text(pem)).value();
    const auto notary = trust::socket_notary(base::real_env(), box_.path("trust.sock"), audit_key);
    trust::DatabaseVault vault(*database, audit_key);
    trust::Importer importer({base::real_env(), vault, audit_key, *notary, base::ActorName("uid-0"), {}});
    return act(importer);
  }

  crypto::PrivateKey governor_;
  crypto::PrivateKey publisher_;
  Appliance box_;
  std::map<std::string, bool> pinned_;
};

}  // namespace stargraph::test
