#include "stargraph/trust/state.hpp"

#include <algorithm>

#include "stargraph/trust/ceremony.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

std::unexpected<base::Error> impossible(std::string_view why) {
  return fail(Code::kReceiptInvalid, "trust: an act that these rules never made: " + std::string(why));
}

// Revocations and rotations take effect once, by acts of their own.
bool is_made_active(pack::PackKind kind) {
  return kind != pack::PackKind::kRevocation && kind != pack::PackKind::kRotation;
}

bool is_published(pack::PackKind kind) { return kind == pack::PackKind::kRules || kind == pack::PackKind::kExecution; }

int count_in(const Pin& pin, std::span<const base::KeyId> signers) {
  return static_cast<int>(std::ranges::count_if(signers, [&](const base::KeyId& id) { return pin.holds(id); }));
}

}  // namespace

bool adds_signatures(const ImportedPack& known, std::span<const base::KeyId> signers) {
  return is_made_active(known.ref.kind) && signers.size() > known.signers.size() &&
         std::ranges::all_of(known.signers,
                             [&](const base::KeyId& id) { return std::ranges::find(signers, id) != signers.end(); });
}

json::Object confirmation_of(const ConfirmedKey& key) {
  return json::Object{{"fingerprint", key.key.fingerprint().hex()},
                      {"holder", key.holder},
                      {"key_id", key.key.key_id().str()},
                      {"role", role_name(key.role)}};
}

Result<> TrustState::apply(const Act& act) {
  if (act.number != acts_ + 1) {
    return fail(Code::kChainBroken,
                "trust: act " + std::to_string(acts_ + 1) + ": missing; found " + std::to_string(act.number));
  }
  // Without gaps in the log as well: what the log has between two acts was hidden from this store.
  if (act.previous != last_entry_) return impossible("it does not follow the act before it");
  actor_ = act.actor;
  time_ = act.time;
  SG_TRY(std::visit([this](const auto& body) { return take(body); }, act.body));
  ++acts_;
  last_entry_ = act.entry;
  return {};
}

// --- keys and pins ---

Result<> TrustState::take(const KeyAdded& act) {
  const base::KeyId& id = act.key.key.key_id();
  if (is_revoked(id)) return impossible("a revoked key confirmed");
  const auto known = keys_.find(id);
  if (known != keys_.end() && known->second.role() != act.key.role) return impossible("a second role for a key");
  if (needs_approval(act.key)) {
    SG_TRY(use_approval(act.approval, kApproveKey, {{"confirms", confirmation_of(act.key)}}));
  }
  keys_.insert_or_assign(id, KnownKey{act.key, actor_, time_});
  return {};
}

// One person alone makes the first approver, and no second one; nor another person of an approver that is known.
bool TrustState::needs_approval(const ConfirmedKey& confirmed) const {
  if (confirmed.role != Role::kApprover || keys_of(Role::kApprover).empty()) return false;
  const KnownKey* const known = key(confirmed.key.key_id());
  return known == nullptr || known->confirmed.holder != confirmed.holder;
}

bool TrustState::are_publishers(const Pin& pin) const {
  return std::ranges::all_of(pin.keys, [this](const base::KeyId& id) {
    const KnownKey* const known = key(id);
    return known != nullptr && known->role() == Role::kPublisher;
  });
}

Result<> TrustState::take(const Pinned& act) {
  if (!are_publishers(act.pin)) return impossible("a pin to a key that is no known publisher's");
  // An id that a pin covers is never pinned by an import: that would be a way around the threshold.
  if (governing(act.pin.scope) != nullptr) return impossible("a scope pinned twice, or inside another");
  for (const Pin& pin : pins_) {
    if (pin.keys != act.pin.keys && overlap(pin.scope, act.pin.scope)) return impossible("overlapping pins");
  }
  pins_.push_back(act.pin);
  return {};
}

Result<> TrustState::take(const Repinned& act) {
  if (!are_publishers(act.pin)) return impossible("a pin to a key that is no known publisher's");
  const Pin* const before = governing(act.pin.scope);
  if (before == nullptr) return impossible("a scope taken over that nobody had");
  if (act.pin.threshold < before->threshold) {
    SG_TRY(use_approval(act.approval, kApproveRepin,
                        {{"from", before->threshold},
                         {"keys", encode_key_ids(act.pin.keys)},
                         {"reason", act.reason},
                         {"scope", act.pin.scope},
                         {"threshold", act.pin.threshold}}));
  }
  const auto same = std::ranges::find(pins_, act.pin.scope, &Pin::scope);
  if (same == pins_.end()) {
    pins_.push_back(act.pin);
  } else {
    *same = act.pin;
  }
  return {};
}

Result<> TrustState::take(const ThresholdSet& act) {
  int* threshold = &governor_threshold_;
  auto keys = keys_of(Role::kGovernor).size();
  if (act.scope != kGovernorsScope) {
    const auto pin = std::ranges::find(pins_, act.scope, &Pin::scope);
    if (pin == pins_.end()) return impossible("a threshold of a scope without a pin");
    threshold = &pin->threshold;
    keys = pin->keys.size();
  }
  if (act.threshold > static_cast<int>(keys)) return impossible("a threshold over the number of keys");
  if (act.threshold < *threshold) {
    SG_TRY(use_approval(
        act.approval, kApproveThreshold,
        {{"from", *threshold}, {"reason", act.reason}, {"scope", act.scope}, {"threshold", act.threshold}}));
  }
  *threshold = act.threshold;
  return {};
}

Result<> TrustState::take(const Rotated& act) {
  const auto pin = std::ranges::find(pins_, act.scope, &Pin::scope);
  if (pin == pins_.end() || !pin->holds(act.old_key)) return impossible("a rotation of a key that is not pinned");
  if (pin->holds(act.new_key)) return impossible("a rotation to a key that is pinned already");
  const bool by_pack = std::ranges::any_of(packs_, [&](const ImportedPack& pack) {
    return pack.ref.kind == pack::PackKind::kRotation && pack.ref.digest == act.pack &&
           std::ranges::find(pack.signers, act.old_key) != pack.signers.end();
  });
  if (!by_pack) return impossible("a rotation without a pack that the old key signed");
  Pin next = *pin;
  std::erase(next.keys, act.old_key);
  next.keys.push_back(act.new_key);
  std::ranges::sort(next.keys);
  if (!are_publishers(next)) return impossible("a rotation to a key that is no known publisher's");
  *pin = std::move(next);
  effects_.emplace_back(act);
  return {};
}

// --- packs ---

Result<> TrustState::take(const Imported& act) {
  if (is_revoked(act.pack, act.signers)) return impossible("an import of what was revoked");
  int governors = 0;
  for (const base::KeyId& id : act.signers) {
    const KnownKey* const known = key(id);
    if (known == nullptr) return impossible("an import with an unknown signer");
    if (!may_sign(known->role(), act.pack.kind)) return impossible("an import signed by a key of another role");
    if (known->role() == Role::kGovernor) ++governors;
  }
  if (is_published(act.pack.kind)) {
    const auto pin = pin_for(act.pack.id);
    if (!pin || count_in(*pin, act.signers) < pin->threshold) return impossible("an import that no pin covers");
  } else if (act.pack.kind != pack::PackKind::kRotation && governors < governor_threshold_) {
    return impossible("an import that too few governors signed");
  }
  const auto already = decide_epoch(*this, act.pack);
  if (!already) return impossible(already.error().name());
  if (*already) return countersign(act);
  packs_.push_back({.ref = act.pack, .signers = act.signers});
  return {};
}

// The same content with more signatures: it may reach a threshold that rose, or a pin that moved, since it came.
Result<> TrustState::countersign(const Imported& act) {
  ImportedPack* const pack = find_exact(act.pack);
  if (pack == nullptr || !adds_signatures(*pack, act.signers)) return impossible("an import of what was there");
  pack->signers = act.signers;
  ++pack->countersigned;
  return {};
}

Result<> TrustState::take(const Activated& act) {
  ImportedPack* const pack = find_exact(act.pack);
  if (pack == nullptr || !is_made_active(act.pack.kind))
    return impossible("a pack made active that was never imported");
  if (is_revoked(pack->ref, pack->signers)) return impossible("a revoked pack made active");
  if (is_published(pack->ref.kind)) {
    const auto pin = pin_for(pack->ref.id);  // the one of today: a key that was rotated away makes nothing active
    if (!pin || count_in(*pin, pack->signers) < pin->threshold) return impossible("a pack made active without its pin");
  }
  const bool below = pack->ref.epoch < floor(pack->ref.id);
  if (below != act.below_floor) return impossible("an epoch below the floor made active");
  if (below && act.reason.empty()) return impossible("an epoch below the floor made active without a reason");
  if (below && !act.approval) return impossible("an epoch below the floor made active without an approval");
  if (act.approval) SG_TRY(use_approval(act.approval, kApproveActivation, subject_of(act)));
  if (pack->ref.kind == pack::PackKind::kPolicy) SG_TRY(take_policy(act, *pack));
  for (ImportedPack& other : packs_) {
    if (other.ref.id == pack->ref.id) other.active = false;
  }
  pack->active = true;
  base::Epoch& floor = floors_[pack->ref.id];
  floor = std::max(floor, pack->ref.epoch);
  last_active_[pack->ref.id] = pack->ref.digest;
  return {};
}

// What the approval of this activation has to say, as far as the acts tell it: all but what the version asks for.
json::Object TrustState::subject_of(const Activated& act) const {
  const ImportedPack* const before =
      act.pack.kind == pack::PackKind::kPolicy ? last_policy() : last_active(act.pack.id);
  return {{"before", before == nullptr ? json::Value(nullptr) : json::Value(before->ref.digest.hex())},
          {"below_floor", act.below_floor},
          {"digest", act.pack.digest.hex()},
          {"epoch", act.pack.epoch.value()},
          {"pack", act.pack.id.str()},
          {"reason", act.reason},
          {"version", act.pack.version}};
}

// One policy at a time, and only forwards.
Result<> TrustState::take_policy(const Activated& act, const ImportedPack& pack) {
  if (act.below_floor) return impossible("an older policy made active");
  const ImportedPack* const last = last_policy();
  const bool same_id = last == nullptr || last->ref.id == pack.ref.id;
  if (!same_id && act.supersedes != last->ref.digest) return impossible("a policy that does not follow the last one");
  for (ImportedPack& other : packs_) {
    if (other.ref.kind == pack::PackKind::kPolicy) other.active = false;
  }
  last_policy_ = pack.ref.digest;
  return {};
}

Result<> TrustState::take(const Retired& act) {
  ImportedPack* pack = find_exact(act.pack);
  if (pack == nullptr || !pack->active) return impossible("a pack retired that was not active");
  pack->active = false;
  return {};
}

// --- revocation and approval ---

// What is revoked is not active any more, from this very act on.
Result<> TrustState::take(const Revoked& act) {
  if (act.list.number <= revocations_.number) return impossible("an older revocation list");
  const bool by_pack = std::ranges::any_of(packs_, [&](const ImportedPack& pack) {
    return pack.ref.kind == pack::PackKind::kRevocation && pack.ref.digest == act.pack;
  });
  if (!by_pack) return impossible("a revocation without its pack");
  revocations_.add(act.list);
  effects_.emplace_back(act);
  for (ImportedPack& pack : packs_) {
    if (is_revoked(pack.ref, pack.signers)) pack.active = false;
  }
  return {};
}

Result<> TrustState::take(const Approved& act) {
  const KnownKey* const approver = key(act.approval.key_id);
  if (approver == nullptr || approver->role() != Role::kApprover || is_revoked(act.approval.key_id)) {
    return impossible("an approval by a key that is no approver's");
  }
  auto request = verify_approval(act.approval, approver->key(), time_);
  if (!request) return impossible(request.error().message);
  const crypto::Digest digest = act.approval.digest();
  if (!approvals_.insert(digest).second) return impossible("an approval used twice");
  unused_.emplace(digest, *std::move(request));
  return {};
}

Result<> TrustState::take(const Repaired& act) {
  if (act.acts > acts_) return impossible("more acts taken back than there are");
  if (act.daemon_seq) resumes_after_ = act.daemon_seq;
  for (ImportedPack& pack : packs_) pack.before_repair = true;
  return {};
}

Result<> TrustState::use_approval(const std::optional<crypto::Digest>& approval, std::string_view act,
                                  const json::Object& subject) {
  const auto found = approval ? unused_.find(*approval) : unused_.end();
  if (found == unused_.end()) return impossible("an act without the approval it needs");
  const json::Object& approved = found->second.subject;
  const bool same = std::ranges::all_of(subject, [&](const auto& member) {
    const json::Value* const about = approved.find(member.first);
    return about != nullptr && *about == member.second;
  });
  if (found->second.act != act || !same) return impossible("an act under the approval of another");
  unused_.erase(found);
  return {};
}

std::optional<Code> TrustState::is_revoked(const PackRef& pack, std::span<const base::KeyId> signers) const {
  if (std::ranges::any_of(signers, [this](const base::KeyId& id) { return is_revoked(id); })) {
    return Code::kSignerRevoked;
  }
  if (revocations_.digests.contains(pack.digest)) return Code::kDigestRevoked;
  const auto hit = [&](const EpochRange& range) { return range.covers(pack.id, pack.epoch); };
  if (std::ranges::any_of(revocations_.ranges, hit)) return Code::kPackRevoked;
  return std::nullopt;
}

ImportedPack* TrustState::find_exact(const PackRef& pack) {
  const auto found = std::ranges::find(packs_, pack, &ImportedPack::ref);
  return found == packs_.end() ? nullptr : &*found;
}

}  // namespace stargraph::trust
