// Position: where the chain stood at one place of the log, signed by the audit key, encode and decode in one file.
//
// Two files hold one. `position.json` in the writer's state directory lets it start by reading only what came after;
// `audit-NNNNNNNN.state` beside a segment says how the chain stood before the segment's first line, so that a verifier
// can begin there when older segments were archived. Whoever believes a position believes the audit key for what lies
// before it, so a verifier says how much that is.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "stargraph/audit/chain.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::audit {

inline constexpr std::string_view kPositionDomain = "stargraph.audit.position.v1";
inline constexpr std::uint64_t kMaxPositionBytes = std::uint64_t{64} * 1024 * 1024;  // 300,000 tenants

// What tells a repeat of a source's last records from other acts under their numbers.
struct RecentRecords {
  std::vector<crypto::Digest> identities;  // record_identity() of records last - size + 1 … last
  std::string last_line;                   // of the last one; empty before the first
};

struct Position {
  std::uint32_t segment = 1;
  std::uint64_t offset = 0;  // bytes of the segment that the state covers: whole lines
  Chain chain;
  std::array<RecentRecords, kSourceCount> recent;  // empty in a state note
};

// RFC 8785 JSON, then `,"key_id":"…","alg":"…","signature":"…"}` over everything before it, then "\n".
[[nodiscard]] base::Result<std::string> encode_position(const Position& position, const crypto::PrivateKey& key);
// kAuditMalformed, kAuditUnknownKey, kAuditBadSignature. Refuses every text that encode would not have written.
[[nodiscard]] base::Result<Position> decode_position(std::string_view text, const crypto::PublicKey& key);

// "audit-00000002.state": how the chain stood before segment 2.
[[nodiscard]] std::string state_note_name(std::uint32_t segment);

}  // namespace stargraph::audit
