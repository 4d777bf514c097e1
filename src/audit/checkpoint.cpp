#include "stargraph/audit/checkpoint.hpp"

#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::Result;

constexpr std::string_view kFloorsDomain = "stargraph.audit.floors.v1";
constexpr std::size_t kMaxPeaks = 64;  // bits of a size

Result<Checkpoint> read(const json::Object& data) {
  const json::Value value(data);
  json::Reader in(value, "audit: checkpoint");
  Checkpoint checkpoint;
  const std::string floors = in.text("floors");
  const std::vector<std::string> frontier = in.texts("frontier", kMaxPeaks);
  const json::Value& previous = in.value("previous_checkpoint");
  checkpoint.revocation_number = in.integer("revocation_number", 0, json::kMaxInteger);
  const std::string root = in.text("root");
  checkpoint.size = static_cast<std::uint64_t>(in.integer("size", 0, json::kMaxInteger));
  const std::string tenants = in.text("tenants");
  checkpoint.trust_acts = in.integer("trust_acts", 0, json::kMaxInteger);
  if (!previous.is_null() && previous.string() == nullptr) {
    in.refuse("previous_checkpoint", Code::kMalformed, "expected text or null");
  }
  SG_TRY(in.finish());
  SG_TRY(checkpoint.floors, crypto::Digest::from_hex(floors));
  SG_TRY(checkpoint.root, crypto::Digest::from_hex(root));
  SG_TRY(checkpoint.tenants, crypto::Digest::from_hex(tenants));
  for (const std::string& peak : frontier) {
    SG_TRY(crypto::Digest digest, crypto::Digest::from_hex(peak));
    checkpoint.frontier.push_back(digest);
  }
  if (previous.string() != nullptr) {
    SG_TRY(checkpoint.previous_checkpoint, crypto::Digest::from_hex(*previous.string()));
  }
  return checkpoint;
}

}  // namespace

crypto::Digest floors_digest(const Floors& floors) {
  json::Object map;
  for (const auto& [id, epoch] : floors) map.set(id, epoch);
  return crypto::domain_digest(kFloorsDomain, json::canonical(std::move(map)));
}

crypto::Digest tenant_leaf(const base::TenantId& tenant, const TenantHead& head) {
  json::Object leaf;
  leaf.set("hash", head.hash.hex());
  leaf.set("tenant", tenant.str());
  leaf.set("tenant_seq", head.seq.value());
  return crypto::merkle_leaf(base::as_bytes(json::canonical(std::move(leaf))));
}

crypto::Digest tenants_root(const TenantHeads& heads) {
  crypto::MerkleFrontier tree;
  for (const auto& [tenant, head] : heads) tree.append(tenant_leaf(tenant, head));
  return tree.root();
}

std::optional<TenantProof> tenant_proof(const TenantHeads& heads, const base::TenantId& tenant) {
  const auto found = heads.find(tenant);
  if (found == heads.end()) return std::nullopt;
  std::vector<crypto::Digest> leaves;
  for (const auto& [name, head] : heads) leaves.push_back(tenant_leaf(name, head));
  const auto index = static_cast<std::uint64_t>(std::distance(heads.begin(), found));
  return TenantProof{.index = index, .count = leaves.size(), .path = crypto::inclusion_proof(leaves, index)};
}

bool verify_tenant_proof(const base::TenantId& tenant, const TenantHead& head, const TenantProof& proof,
                         const crypto::Digest& root) {
  return crypto::verify_inclusion(tenant_leaf(tenant, head), proof.index, proof.count, proof.path, root);
}

json::Object encode_checkpoint(const Checkpoint& checkpoint) {
  json::Array frontier;
  for (const crypto::Digest& peak : checkpoint.frontier) frontier.emplace_back(peak.hex());
  json::Object data;
  data.set("floors", checkpoint.floors.hex());
  data.set("frontier", std::move(frontier));
  data.set("previous_checkpoint",
           checkpoint.previous_checkpoint ? json::Value(checkpoint.previous_checkpoint->hex()) : json::Value(nullptr));
  data.set("revocation_number", checkpoint.revocation_number);
  data.set("root", checkpoint.root.hex());
  data.set("size", static_cast<std::int64_t>(checkpoint.size));
  data.set("tenants", checkpoint.tenants.hex());
  data.set("trust_acts", checkpoint.trust_acts);
  return data;
}

Result<Checkpoint> decode_checkpoint(const json::Object& data) {
  Result<Checkpoint> checkpoint = read(data);
  if (!checkpoint) {
    return base::fail(Code::kAuditMalformed, "audit: checkpoint: " + std::string(checkpoint.error().name()));
  }
  return checkpoint;
}

}  // namespace stargraph::audit
