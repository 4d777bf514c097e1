// Small sources and keys that the pack tests share.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stargraph/base/check.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/pack/build.hpp"
#include "stargraph/pack/layout.hpp"
#include "stargraph/pack/verify.hpp"

namespace stargraph::pack {

inline constexpr std::string_view kSampleRules = R"((deftemplate triage (slot tier))
(defrule stop-at-prod (triage (tier prod)) => (assert (stargraph_action (kind "interrupt") (prompt "Approve?"))))
)";

inline std::string rules_manifest(const std::string& id = "soc.triage", const std::string& version = "1.0.0") {
  return "kind: rules\nid: " + id + "\nversion: \"" + version +
         "\"\nrequires: {stargraph_facts_version: \"1.0\", api_version: \"1\", facts: [triage]}\n"
         "provides: [\"stargraph_facts:bosun.violation\"]\ncapabilities: [\"runs:respond\"]\n";
}

inline SourceFile source(std::string path, std::string_view text) { return {std::move(path), base::to_bytes(text)}; }

inline std::vector<SourceFile> rules_sources(const std::string& id = "soc.triage",
                                             const std::string& version = "1.0.0") {
  return {source("manifest.yaml", rules_manifest(id, version)), source("rules.clp", kSampleRules)};
}

inline std::vector<SourceFile> execution_sources(const std::string& id = "soc.graphs") {
  return {source("manifest.yaml", "kind: execution\nid: " + id +
                                      "\nversion: \"2.1.0\"\nrequires: {api_version: \"1\"}\n"
                                      "declared_tools: [lookup]\nworkers: [\"graph.nodes:IngestAlert\"]\n"
                                      "model_requirements: {tier: small}\ndeterministic: true\n"),
          source("graphs/hello.yaml", "ir_version: \"1.0.0\"\nid: hello\nnodes: [{id: a, kind: echo}]\n"),
          source("README.md", "What it is.\n")};
}

// The content is what the caller says; what it means is not this module's to judge.
inline std::vector<SourceFile> governance_sources(PackKind kind, std::string_view yaml = "format: x\nnumber: 7\n") {
  const std::string name(governance_path(kind));
  const std::string header = "kind: " + std::string(kind_name(kind)) + "\nid: site.governance\nversion: \"1.0.0\"\n";
  return {source("manifest.yaml", header), source(name.substr(0, name.rfind('.')) + ".yaml", yaml)};
}

inline base::Timestamp sample_time() { return base::from_micros(1'767'225'600'000'000); }  // 2026-01-01

inline BuildOptions at_epoch(std::int64_t epoch) { return {base::Epoch(epoch), sample_time()}; }

// Keys are made once: what they sign differs from run to run, what must hold does not.
inline const crypto::PrivateKey& sample_key(int index = 0, crypto::Algorithm algorithm = crypto::Algorithm::kEd25519) {
  static std::vector<std::pair<crypto::Algorithm, crypto::PrivateKey>> keys;
  static const bool reserved = [] {
    keys.reserve(64);
    return true;
  }();  // references stay good
  static_cast<void>(reserved);
  int seen = 0;
  for (const auto& [made, key] : keys) {
    if (made == algorithm && seen++ == index) return key;
  }
  auto key = crypto::PrivateKey::generate(algorithm);
  SG_CHECK(key.has_value() && keys.size() < 64);
  keys.emplace_back(algorithm, *std::move(key));
  return seen == index ? keys.back().second : sample_key(index, algorithm);
}

inline base::Bytes sample_pack(std::vector<SourceFile> sources = rules_sources(), std::int64_t epoch = 1,
                               const crypto::PrivateKey& key = sample_key()) {
  const auto compiled = compile(std::move(sources), at_epoch(epoch));
  SG_CHECK(compiled.has_value());
  auto pack = sign(*compiled, key);
  SG_CHECK(pack.has_value());
  return *std::move(pack);
}

// A pack of any header, signatures and payload, for what build.hpp would never write.
inline base::Bytes raw_pack(std::string_view header, base::BytesView payload,
                            const crypto::PrivateKey& key = sample_key(), std::string_view domain = kSignatureDomain) {
  auto signature = key.sign(domain, base::as_bytes(header));
  SG_CHECK(signature.has_value());
  const crypto::PublicKey& pub = key.public_key();
  SignatureEntry entry{pub.key_id(), pub.algorithm(), {pub.der().begin(), pub.der().end()}, *std::move(signature)};
  return assemble(base::as_bytes(header), encode_signatures({std::move(entry)}), payload);
}

// The first reason a whole check gives; kInternal ("accepted") when there is none.
inline base::Code why_refused(base::BytesView bytes, const crypto::PublicKey& key = sample_key().public_key()) {
  const auto container = parse(bytes);
  if (!container) return container.error().code;
  const crypto::PublicKey keys[] = {key};
  const auto contents = verify(*container, keys);
  return contents ? base::Code::kInternal : contents.error().code;
}

}  // namespace stargraph::pack
