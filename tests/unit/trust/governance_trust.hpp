// Packs of the kinds that govern, and a box with its governors.
#pragma once

#include "sample_trust.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::trust {

// Which sample key is whose.
inline constexpr int kPublisherKey = 0;
inline constexpr int kOtherPublisherKey = 1;
inline constexpr int kNextPublisherKey = 2;
inline constexpr int kGovernorKey = 3;
inline constexpr int kOtherGovernorKey = 4;
inline constexpr int kApproverKey = 5;
inline constexpr int kStrangerKey = 6;

class GovernedTest : public TrustTest {
 protected:
  void SetUp() override {
    TrustTest::SetUp();
    add_key(kGovernorKey, Role::kGovernor, "Grace");
    add_key(kApproverKey, Role::kApprover, "Barbara");
  }

  static base::Bytes governed(pack::PackKind kind, const std::string& id, const std::string& version,
                              std::int64_t epoch, const std::string& content, const std::vector<int>& keys) {
    const std::string name(pack::governance_path(kind));
    const std::string manifest =
        "kind: " + std::string(pack::kind_name(kind)) + "\nid: " + id + "\nversion: \"" + version + "\"\n";
    base::Bytes bytes = pack::sample_pack(
        {pack::source("manifest.yaml", manifest), pack::source(name.substr(0, name.rfind('.')) + ".yaml", content)},
        epoch, pack::sample_key(keys.at(0)));
    for (std::size_t i = 1; i < keys.size(); ++i) {
      bytes = pack::add_signature(*pack::parse(bytes), pack::sample_key(keys[i])).value();
    }
    return bytes;
  }
  static base::Bytes policy(const std::string& version, std::int64_t epoch,
                            const std::vector<int>& keys = {kGovernorKey}, const std::string& id = "site.policy") {
    return governed(pack::PackKind::kPolicy, id, version, epoch, "rule: " + version + "\n", keys);
  }
  struct Takes {
    std::vector<int> keys;
    std::vector<std::string> digests;
    std::vector<EpochRange> ranges;
  };
  static std::string list_of(std::int64_t number, const Takes& takes) {
    const std::string words = ", reason: stolen, date: 2026-01-01}\n";
    std::string text = "format: stargraph.revocations.v1\nnumber: " + std::to_string(number) + "\n";
    if (!takes.keys.empty()) text += "keys:\n";
    for (const int key : takes.keys) text += "  - {key_id: \"" + id_of(key).str() + "\"" + words;
    if (!takes.digests.empty()) text += "digests:\n";
    for (const std::string& digest : takes.digests) text += "  - {digest: \"" + digest + "\"" + words;
    if (!takes.ranges.empty()) text += "ranges:\n";
    for (const EpochRange& range : takes.ranges) {
      text += "  - {pack: " + range.id.str() + ", first: " + std::to_string(range.first.value()) +
              ", last: " + std::to_string(range.last.value()) + words;
    }
    return text;
  }
  static base::Bytes revocation(std::int64_t number, const Takes& takes,
                                const std::vector<int>& keys = {kGovernorKey}) {
    return governed(pack::PackKind::kRevocation, "site.revocations", std::to_string(number) + ".0.0", number,
                    list_of(number, takes), keys);
  }
  static base::Bytes rotation(const std::string& scope, int from, int to, const std::vector<int>& keys,
                              std::int64_t epoch = 1) {
    const Rotation say{scope, id_of(from), pack::sample_key(to).public_key(), "the old one is worn"};
    return governed(pack::PackKind::kRotation, "site.rotation", std::to_string(epoch) + ".0.0", epoch,
                    json::canonical(encode_rotation(say)), keys);
  }
  static std::string digest_of(const base::Bytes& bytes) { return pack::parse(bytes)->digest.hex(); }

  // Policies count, and supersede what `supersedes_` says.
  base::Result<ImportReport> import_policy(const base::Bytes& bytes, bool counts_now = true) {
    ImportRequest request;
    request.file = bytes;
    const auto look = [&](const pack::Contents&, base::BytesView) -> base::Result<Findings> {
      return Findings{PolicyView{counts_now, supersedes_}};
    };
    return importer().import(request, look, {});
  }
  void import_first(const std::string& id = "soc.triage", int key = kPublisherKey) {
    const auto done = import(make(id, "1.0.0", 1, key), {{fingerprint(key)}, {}});
    ASSERT_TRUE(done) << done.error().message;
  }

  std::optional<crypto::Digest> supersedes_;
};

}  // namespace stargraph::trust
