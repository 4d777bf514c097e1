// Packs that were imported and activated the right way, for a catalog: built, signed and loaded from their bytes.
#pragma once

#include "stargraph/base/check.hpp"
#include "stargraph/trust/trust_store.hpp"
#include "unit/pack/sample_pack.hpp"

namespace stargraph::engine {

inline trust::LoadedPack load_pack(const base::Bytes& bytes) {
  const auto container = pack::parse(bytes);
  SG_CHECK(container.has_value());
  const pack::Header& header = container->header;
  const crypto::PublicKey& publisher = pack::sample_key().public_key();
  trust::ImportedPack imported;
  imported.ref = {header.id, header.version, header.epoch, header.kind, container->digest};
  imported.signers = {publisher.key_id()};
  imported.active = true;
  trust::TrustState state;
  std::int64_t number = 0;
  const auto act = [&](trust::Body body) {
    SG_CHECK(state.apply({++number, std::move(body), {}, {}, {}}).has_value());
  };
  act(trust::KeyAdded{{publisher, trust::Role::kPublisher, "", trust::Confirmation::kFingerprint, {}}});
  act(trust::Pinned{{header.id.str(), {publisher.key_id()}}});
  act(trust::Imported{imported.ref, imported.signers});
  act(trust::Activated{imported.ref, false, "", {}, {}});
  auto loaded = trust::LoadedPack::load(bytes, imported, state);
  SG_CHECK(loaded.has_value());
  return *std::move(loaded);
}

struct RulesPack {
  std::string id;
  std::string rules;
  std::string facts = "[]";  // requires.facts
  std::string provides = "[]";
  std::string limits = "{}";
  std::string version = "1.0.0";
  std::int64_t epoch = 1;
};

inline trust::LoadedPack make_pack(const RulesPack& made) {
  const std::string manifest =
      "kind: rules\nid: " + made.id + "\nversion: \"" + made.version +
      "\"\nrequires: {stargraph_facts_version: \"1.0\", api_version: \"1\", facts: " + made.facts +
      "}\nprovides: " + made.provides + "\ncapabilities: []\nlimits: " + made.limits + "\n";
  return load_pack(
      pack::sample_pack({pack::source("manifest.yaml", manifest), pack::source("rules.clp", made.rules)}, made.epoch));
}

// An execution pack with one graph; `more` are lines of its manifest.
inline trust::LoadedPack make_execution(const std::string& id, const std::string& graph, const std::string& workers,
                                        const std::string& more = "") {
  const std::string manifest = "kind: execution\nid: " + id +
                               "\nversion: \"1.0.0\"\nrequires: {api_version: \"1\"}\nworkers: " + workers + "\n" +
                               more;
  return load_pack(
      pack::sample_pack({pack::source("manifest.yaml", manifest), pack::source("graphs/one.yaml", graph)}));
}

}  // namespace stargraph::engine
