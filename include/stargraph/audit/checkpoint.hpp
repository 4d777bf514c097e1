// Checkpoint: the data of an `audit.checkpoint` entry, encode and decode in one file.
//
// A checkpoint says what the log is up to the entry before it: its size, the RFC 6962 root over all entry
// hashes, the tree's right edge, the checkpoint before, where each tenant's chain stands, and how far trust had come.
// Its signed line is also the note that an auditor carries away (an anchor).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stargraph/audit/entry.hpp"
#include "stargraph/crypto/merkle.hpp"

namespace stargraph::audit {

// At most this many entries stand between two checkpoints; more in one log is a forgery.
inline constexpr std::uint64_t kCheckpointEntries = 256;

// Pack id to the highest epoch activated.
using Floors = std::map<std::string, std::int64_t, std::less<>>;
// D("stargraph.audit.floors.v1", RFC 8785 JSON of the map): bounded, however many packs a site has.
[[nodiscard]] crypto::Digest floors_digest(const Floors& floors);

// Where a tenant's own chain stands.
struct TenantHead {
  TenantSeq seq;
  crypto::Digest hash;  // entry_hash of its last entry
};
using TenantHeads = std::map<base::TenantId, TenantHead>;
// merkle_leaf of {"hash":"<hex>","tenant":"…","tenant_seq":n}.
[[nodiscard]] crypto::Digest tenant_leaf(const base::TenantId& tenant, const TenantHead& head);
// RFC 6962 root over the leaves in the order of the tenants' names (bytes). Its time grows with the tenants.
[[nodiscard]] crypto::Digest tenants_root(const TenantHeads& heads);
// That a tenant's head stands in tenants_root(heads): a slice of the log is complete up to the checkpoint.
struct TenantProof {
  std::uint64_t index = 0;  // of the tenant among all
  std::uint64_t count = 0;  // tenants
  std::vector<crypto::Digest> path;
};
[[nodiscard]] std::optional<TenantProof> tenant_proof(const TenantHeads& heads, const base::TenantId& tenant);
[[nodiscard]] bool verify_tenant_proof(const base::TenantId& tenant, const TenantHead& head, const TenantProof& proof,
                                       const crypto::Digest& root);

struct Checkpoint {
  std::uint64_t size = 0;  // entries before this one
  crypto::Digest root;
  std::vector<crypto::Digest> frontier;
  std::optional<crypto::Digest> previous_checkpoint;  // entry_hash of it
  crypto::Digest floors;
  std::int64_t revocation_number = 0;
  crypto::Digest tenants;  // tenants_root() of where each tenant's chain stands
  std::int64_t trust_acts = 0;
};

[[nodiscard]] json::Object encode_checkpoint(const Checkpoint& checkpoint);
// kAuditMalformed.
[[nodiscard]] base::Result<Checkpoint> decode_checkpoint(const json::Object& data);

}  // namespace stargraph::audit
