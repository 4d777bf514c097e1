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
#include <variant>
#include <vector>

#include "stargraph/audit/event.hpp"
#include "stargraph/audit/record.hpp"
#include "stargraph/base/strong.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/json/value.hpp"
#include "stargraph/pack/header.hpp"

namespace stargraph::trust {

enum class ActKind : std::uint8_t { kKeyAdded, kPinned, kImported, kActivated, kRetired };

[[nodiscard]] audit::EventName event_of(ActKind kind);
// Nothing for events that are no acts of trust ("pack.refused").
[[nodiscard]] std::optional<ActKind> act_of(audit::EventName event);

// Signs rules and execution packs. The other roles (governor, approver) have no acts yet.
inline constexpr std::string_view kPublisherRole = "publisher";

// A key whose fingerprint a person compared.
struct ConfirmedKey {
  crypto::PublicKey key;
  std::string role;
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

struct KeyAdded {
  ConfirmedKey key;
};
struct Pinned {
  Pin pin;
};
struct Imported {
  PackRef pack;
  std::vector<base::KeyId> signers;
};
struct Activated {
  PackRef pack;
};
struct Retired {
  PackRef pack;  // the version that was active
};
using Body = std::variant<KeyAdded, Pinned, Imported, Activated, Retired>;  // in the order of ActKind

struct Act {
  std::int64_t number = 1;
  Body body;
  audit::SourceSeq entry{};  // its place among the importer's entries in the log; 0 until it has a receipt
  [[nodiscard]] ActKind kind() const { return static_cast<ActKind>(body.index()); }
};

// The entry's data; decode_act(event, encode_act(a)) == a but for `entry`. Reading is strict: kMalformed,
// kUnknownField, kKeyUnsafe, kScopeInvalid.
[[nodiscard]] json::Object encode_act(const Act& act);
[[nodiscard]] base::Result<Act> decode_act(ActKind kind, const json::Object& data);

// kScopeInvalid unless `scope` is a pack id or at least one whole part followed by ".*"; "*" is not.
[[nodiscard]] base::Result<> check_scope(std::string_view scope);
[[nodiscard]] bool covers(std::string_view scope, const base::PackId& id);
// Whether some id may fall under both.
[[nodiscard]] bool overlap(std::string_view a, std::string_view b);

}  // namespace stargraph::trust
