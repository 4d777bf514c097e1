#include "stargraph/audit/chain.hpp"

#include <algorithm>

#include "stargraph/audit/prune.hpp"
#include "stargraph/base/check.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

const std::string* text_member(const json::Object& data, std::string_view name) {
  const json::Value* value = data.find(name);
  return value == nullptr ? nullptr : value->string();
}

const std::int64_t* integer_member(const json::Object& data, std::string_view name) {
  const json::Value* value = data.find(name);
  return value == nullptr ? nullptr : value->integer();
}

std::string expected(std::string_view what, std::int64_t found, std::int64_t wanted) {
  return "audit: " + std::string(what) + ": " + std::to_string(found) + ", expected " + std::to_string(wanted);
}

}  // namespace

void Chain::begin(std::string_view install_id, const base::KeyId& key_id) {
  SG_CHECK(seq_.value() == 0);
  install_id_ = install_id;
  genesis_ = genesis_hash(install_id, key_id);
  last_hash_ = genesis_;
}

TenantHead Chain::tenant_head(const base::TenantId& tenant) const {
  const auto found = tenants_.find(tenant);
  if (found != tenants_.end()) return found->second;
  return {TenantSeq(0), tenant_genesis_hash(genesis_, tenant)};
}

void Chain::place(Entry& entry, base::Timestamp clock) const {
  const TenantHead tenant = tenant_head(entry.event.tenant);
  entry.seq = seq_.next();
  entry.previous_hash = last_hash_;
  entry.tenant_seq = tenant.seq.next();
  entry.tenant_previous_hash = tenant.hash;
  // The writer's word for when it was, but never after our own clock and never before the entry
  // before: whoever lies about the time can move his own entry by no more than it waited.
  entry.time = std::max(last_time_, std::min(entry.time, clock));
}

Result<> Chain::check_begin(const Entry& entry, const crypto::PublicKey& key) const {
  if (entry.seq.value() != 1) return fail(Code::kAuditGap, expected("seq", entry.seq.value(), 1));
  const std::string* install_id = text_member(entry.event.data, "install_id");
  const std::string* key_id = text_member(entry.event.data, "key_id");
  if (entry.event.name != EventName::kAuditStarted || install_id == nullptr || key_id == nullptr) {
    return fail(Code::kAuditMalformed, "audit: first entry: does not say whose log it is");
  }
  if (*key_id != key.key_id().str()) return fail(Code::kAuditUnknownKey, "audit: first entry: names another key");
  return {};
}

Result<> Chain::check_place(const Entry& entry) const {
  const std::int64_t seq = seq_.next().value();
  if (entry.seq.value() != seq) return fail(Code::kAuditGap, expected("seq", entry.seq.value(), seq));
  const std::int64_t source_seq = last_of(entry.source).next().value();
  if (entry.source_seq.value() != source_seq) {
    return fail(Code::kAuditGap, expected("source_seq", entry.source_seq.value(), source_seq));
  }
  const TenantHead tenant = tenant_head(entry.event.tenant);
  if (entry.tenant_seq != tenant.seq.next()) {
    return fail(Code::kAuditGap, expected("tenant_seq", entry.tenant_seq.value(), tenant.seq.next().value()));
  }
  if (entry.previous_hash != last_hash_) {
    return fail(Code::kAuditPreviousMismatch, "audit: previous_hash: not the hash of the entry before");
  }
  if (entry.tenant_previous_hash != tenant.hash) {
    return fail(Code::kAuditPreviousMismatch, "audit: tenant_previous_hash: not the hash of the tenant's entry before");
  }
  if (entry.time < last_time_) return fail(Code::kAuditMalformed, "audit: ts: before the entry before");
  if (!may_send(entry.source, entry.event.name)) {
    return fail(Code::kAuditMalformed, "audit: event: not one that this source writes");
  }
  if (entry.event.name != EventName::kAuditCheckpoint && uncovered_ >= kCheckpointEntries) {
    return fail(Code::kAuditBadSignature, "audit: no checkpoint after 256 entries");
  }
  return {};
}

Result<> Chain::check_checkpoint(std::string_view line, const Entry& entry, const crypto::PublicKey& key) const {
  SG_TRY(verify_line_signature(line, entry, key));
  SG_TRY(const Checkpoint found, decode_checkpoint(entry.event.data));
  const Checkpoint wanted = next_checkpoint();
  if (found.size != wanted.size || found.root != wanted.root || found.frontier != wanted.frontier) {
    return fail(Code::kAuditRootMismatch, "audit: checkpoint: its tree is not that of the entries before it");
  }
  if (found.previous_checkpoint != wanted.previous_checkpoint) {
    return fail(Code::kAuditRootMismatch, "audit: checkpoint: does not name the checkpoint before");
  }
  if (found.tenants != wanted.tenants) {
    return fail(Code::kAuditRootMismatch, "audit: checkpoint: its tenants do not stand where their entries end");
  }
  if (found.floors != wanted.floors || found.trust_acts != wanted.trust_acts ||
      found.revocation_number != wanted.revocation_number) {
    return fail(Code::kAuditRootMismatch, "audit: checkpoint: its trust is not that of the entries before it");
  }
  return {};
}

// Only the oldest segments leave, and each once.
Result<> Chain::check_tombstone(const Entry& entry) const {
  SG_TRY(const Tombstone found, decode_tombstone(entry.event.data));
  const Pruned before = pruned_.value_or(Pruned{});
  if (found.what.first_segment != before.last_segment + 1 || found.first_seq != before.last_seq.next() ||
      found.last_seq >= entry.seq) {
    return fail(Code::kAuditMalformed, "audit: tombstone: not of the oldest segments");
  }
  return {};
}

Result<Entry> Chain::accept(std::string_view line, const crypto::PublicKey& key) {
  SG_TRY(Entry entry, decode_entry(line));
  SG_TRY(accept(line, entry, key));
  return entry;
}

Result<> Chain::accept(std::string_view line, const Entry& entry, const crypto::PublicKey& key) {
  if (seq_.value() == 0) {
    SG_TRY(check_begin(entry, key));
    begin(*text_member(entry.event.data, "install_id"), key.key_id());
  }
  SG_TRY(check_place(entry));
  if (entry.event.name == EventName::kAuditCheckpoint) SG_TRY(check_checkpoint(line, entry, key));
  if (entry.event.name == EventName::kAuditPruned) SG_TRY(check_tombstone(entry));
  take(entry);
  return {};
}

void Chain::take(const Entry& entry) {
  seq_ = entry.seq;
  last_hash_ = entry.entry_hash;
  last_time_ = entry.time;
  sources_.at(static_cast<std::size_t>(entry.source)) = entry.source_seq;
  tenants_[entry.event.tenant] = {entry.tenant_seq, entry.entry_hash};
  tree_.append(crypto::merkle_leaf(entry.entry_hash.bytes()));
  if (entry.event.name == EventName::kAuditCheckpoint) {
    uncovered_ = 0;
    last_checkpoint_ = entry.entry_hash;
    last_checkpoint_seq_ = entry.seq;
  } else {
    ++uncovered_;
  }
  if (entry.source == Source::kTrust) take_trust(entry);
  if (entry.event.name == EventName::kAuditPruned) {
    const Result<Tombstone> tombstone = decode_tombstone(entry.event.data);
    if (tombstone) pruned_ = Pruned{tombstone->what.last_segment(), tombstone->last_seq, tombstone->checkpoint};
  }
}

void Chain::take_trust(const Entry& entry) {
  ++trust_acts_;
  if (entry.event.outcome != Outcome::kSuccess) return;
  const json::Object& data = entry.event.data;
  if (integer_member(data, "act") != nullptr) trust_act_ = entry.source_seq;
  if (entry.event.name == EventName::kPackActivated || entry.event.name == EventName::kPolicyActivated ||
      entry.event.name == EventName::kTrustFloorRaised) {
    const std::string* pack = text_member(data, "pack");
    const std::int64_t* epoch = integer_member(data, "epoch");
    if (pack == nullptr || epoch == nullptr) return;
    std::int64_t& floor = floors_[*pack];
    floor = std::max(floor, *epoch);
  }
  if (entry.event.name == EventName::kTrustRevoked) {
    const std::int64_t* number = integer_member(data, "number");
    if (number != nullptr) revocation_number_ = std::max(revocation_number_, *number);
  }
}

Checkpoint Chain::next_checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.size = tree_.size();
  checkpoint.root = tree_.root();
  checkpoint.frontier.assign(tree_.peaks().begin(), tree_.peaks().end());
  checkpoint.previous_checkpoint = last_checkpoint_;
  checkpoint.floors = floors();
  checkpoint.revocation_number = revocation_number_;
  checkpoint.tenants = tenants_root(tenants_);
  checkpoint.trust_acts = trust_acts_;
  return checkpoint;
}

}  // namespace stargraph::audit
