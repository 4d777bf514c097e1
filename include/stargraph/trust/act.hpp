// A trust act: what a person with the right to do so decided about keys and packs on this box.
//
// The trust store is the ordered list of these acts, numbered from 1 without gaps, each one the data of
// an audit entry for which stargraph-auditd gave a receipt. Keys, pins, floors and active packs are what
// the acts add up to (state.hpp); there is no other table that could be edited to mint trust.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/strong.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/json/value.hpp"
#include "stargraph/pack/header.hpp"

namespace stargraph::trust {

enum class ActKind : std::uint8_t { kImport, kActivate, kRetire };

// The audit event of an act: "pack.imported", "pack.activated", "pack.retired".
[[nodiscard]] std::string_view event_name(ActKind kind);

// A key whose fingerprint a person compared. Publishers only, so far.
struct ConfirmedKey {
  crypto::PublicKey key;
  std::string role;  // "publisher"
};

// Binds ids to a key. `scope` is a pack id or "prefix.*", which covers ids that begin with "prefix.".
struct Pin {
  std::string scope;
  base::KeyId key_id;
  bool operator==(const Pin&) const = default;
};

struct PackRef {
  base::PackId id;
  std::string version;
  base::Epoch epoch;
  pack::PackKind kind = pack::PackKind::kRules;
  crypto::Digest digest;  // pack::Container::digest
  bool operator==(const PackRef&) const = default;
};

struct Act {
  ActKind kind = ActKind::kImport;
  std::int64_t number = 1;
  PackRef pack;
  // Import only:
  std::vector<base::KeyId> signers;
  std::vector<ConfirmedKey> confirmed;  // keys that became known with this act
  std::optional<Pin> pin;               // made by this act
  bool activated = false;               // the version became active at once
};

// The entry's data; decode(encode(a)) == a. Reading is strict: kMalformed, kUnknownField, kKeyUnsafe.
[[nodiscard]] json::Value encode_act(const Act& act);
[[nodiscard]] base::Result<Act> decode_act(const json::Value& data);

// kScopeInvalid unless `scope` is a pack id or at least one whole part followed by ".*"; "*" is not.
[[nodiscard]] base::Result<> check_scope(std::string_view scope);
[[nodiscard]] bool covers(std::string_view scope, const base::PackId& id);
// Whether some id may fall under both.
[[nodiscard]] bool overlap(std::string_view a, std::string_view b);

}  // namespace stargraph::trust
