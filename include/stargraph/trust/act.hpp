// A trust act: what a person with the right to do so decided about keys and packs on this box.
//
// The trust store is the ordered list of these acts, numbered from 1 without gaps, each one the data of
// an audit entry for which stargraph-auditd gave a receipt. Keys, pins, floors, revocations and active packs are what
// the acts add up to (state.hpp); there is no other table that could be edited to mint trust.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
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
#include "stargraph/trust/approval.hpp"
#include "stargraph/trust/key.hpp"
#include "stargraph/trust/revocation.hpp"

namespace stargraph::trust {

enum class ActKind : std::uint8_t {
  kKeyAdded,
  kPinned,
  kImported,
  kActivated,
  kRetired,
  kRepinned,
  kThresholdSet,
  kRotated,
  kRevoked,
  kApproved,
  kRepaired,
};

struct Act;
// An activation is "policy.activated" for a policy pack and "pack.activated" for any other.
[[nodiscard]] audit::EventName event_of(const Act& act);
// Nothing for events that are no acts of trust ("pack.refused").
[[nodiscard]] std::optional<ActKind> act_of(audit::EventName event);

// Stands where a scope stands, for the keys of all governors. No pack id can be this.
inline constexpr std::string_view kGovernorsScope = "@governors";

// Binds ids to publishers' keys. `scope` is a pack id or "prefix.*", which covers ids that begin with "prefix.".
// A pack needs the signatures of at least `threshold` of the keys.
struct Pin {
  std::string scope;
  std::vector<base::KeyId> keys;  // sorted, none twice, 1 to pack::kMaxSignatures
  int threshold = 1;              // 1 to keys.size()
  [[nodiscard]] bool holds(const base::KeyId& key) const;
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

// Also confirms a known key of the same role again: holder and review date are then these.
struct KeyAdded {
  ConfirmedKey key;
  std::optional<crypto::Digest> approval{};  // needed for an approver's key or new holder, once there is an approver
};
// The first pin of a scope.
struct Pinned {
  Pin pin;
};
struct Imported {
  PackRef pack;
  std::vector<base::KeyId> signers;
};
// `approval` names an Approved act before it. One is needed below the floor, and where the version asks for more.
struct Activated {
  PackRef pack;
  bool below_floor = false;                  // then with a reason
  std::string reason;                        // a person's words
  std::optional<crypto::Digest> approval;    // Approval::digest
  std::optional<crypto::Digest> supersedes;  // of a policy of another id: the policy it takes the place of
};
struct Retired {
  PackRef pack;  // the version that was active
};
// Replaces the keys of a scope, or gives a scope inside another's to other keys.
struct Repinned {
  Pin pin;
  std::string reason;
  std::optional<crypto::Digest> approval;  // needed when the threshold falls
};
struct ThresholdSet {
  std::string scope;  // of a pin, or kGovernorsScope
  int threshold = 1;
  std::string reason;
  std::optional<crypto::Digest> approval;  // needed when it falls
};
// By a rotation pack: in the scope's pin, the new key stands where the old one stood.
struct Rotated {
  std::string scope;
  base::KeyId old_key;
  base::KeyId new_key;
  crypto::Digest pack;
};
// By a revocation pack.
struct Revoked {
  Revocations list;
  crypto::Digest pack;
};
// An approver's token was accepted; the act it was for follows and names its digest.
struct Approved {
  Approval approval;
};
// Acts that the log had and this store had lost came back before this one, by the receipts that the writer gave again.
struct Repaired {
  std::int64_t acts = 1;  // how many; 0 only with `daemon_seq`
  std::string reason;
  // The database is one of an earlier day, and may go on: this was the daemon's last record in the log. The daemon goes
  // on behind exactly this one, so the same database put back a second time needs another act.
  std::optional<audit::SourceSeq> daemon_seq{};
};
using Body = std::variant<KeyAdded, Pinned, Imported, Activated, Retired, Repinned, ThresholdSet, Rotated, Revoked,
                          Approved, Repaired>;  // in the order of ActKind

struct Act {
  std::int64_t number = 1;
  Body body;
  audit::SourceSeq entry{};  // its place among the importer's entries in the log; 0 until it has a receipt
  base::ActorName actor{};   // who made it and when, as the log says; empty until it has a receipt
  base::Timestamp time{};
  // `entry` of the act before it in the log, 0 when there was none. The audit writer takes no other, so a store that
  // lost an act shows it for ever.
  audit::SourceSeq previous{};
  [[nodiscard]] ActKind kind() const { return static_cast<ActKind>(body.index()); }
};

// The entry's data; decode_act(event, encode_act(a)) == a but for `entry`, `actor` and `time`. Reading is
// strict: kMalformed, kUnknownField, kKeyUnsafe, kScopeInvalid.
[[nodiscard]] json::Array encode_key_ids(std::span<const base::KeyId> keys);
[[nodiscard]] json::Object encode_act(const Act& act);
[[nodiscard]] base::Result<Act> decode_act(ActKind kind, const json::Object& data);

// kScopeInvalid unless `scope` is a pack id or at least one whole part followed by ".*"; "*" is not.
[[nodiscard]] base::Result<> check_scope(std::string_view scope);
[[nodiscard]] bool covers(std::string_view scope, const base::PackId& id);
// Whether `outer` covers every id that `inner` covers.
[[nodiscard]] bool contains_scope(std::string_view outer, std::string_view inner);
// Whether some id may fall under both.
[[nodiscard]] bool overlap(std::string_view a, std::string_view b);

}  // namespace stargraph::trust
