#include "stargraph/trust/ceremony.hpp"

#include <algorithm>

#include "stargraph/crypto/fingerprint.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;
using Keys = std::span<const crypto::PublicKey>;

bool contains(Keys keys, const base::KeyId& id) {
  return std::ranges::any_of(keys, [&](const crypto::PublicKey& key) { return key.key_id() == id; });
}

bool brought(const Offer& offer, const crypto::PublicKey& key) {
  return std::ranges::any_of(offer.fingerprints, [&](const crypto::Digest& fingerprint) {
    return crypto::equal_constant_time(fingerprint.bytes(), key.fingerprint().bytes());
  });
}

// A fingerprint that fits none of the signers: a wrong pack, a wrong sheet of paper, or an attack.
Result<> check_fingerprints(Keys signers, const Offer& offer) {
  for (const crypto::Digest& fingerprint : offer.fingerprints) {
    const bool fits = std::ranges::any_of(signers, [&](const crypto::PublicKey& key) {
      return crypto::equal_constant_time(fingerprint.bytes(), key.fingerprint().bytes());
    });
    if (!fits) return fail(Code::kFingerprintMismatch, "trust: the fingerprint is not that of a signer of this pack");
  }
  return {};
}

// No signer is revoked, and each that is known may sign this kind.
Result<> check_known_signers(const TrustState& state, pack::PackKind kind, std::span<const base::KeyId> signers) {
  for (const base::KeyId& id : signers) {
    if (state.is_revoked(id)) return fail(Code::kSignerRevoked, "trust: a signer's key was revoked");
    const KnownKey* const known = state.key(id);
    if (known != nullptr && !may_sign(known->role(), kind)) {
      return fail(Code::kRoleMismatch, "trust: a signer is a " + std::string(role_name(known->role())) +
                                           " and may not sign this kind of pack");
    }
  }
  return {};
}

std::vector<base::KeyId> ids_of(Keys keys) {
  std::vector<base::KeyId> ids;
  for (const crypto::PublicKey& key : keys) ids.push_back(key.key_id());
  return ids;
}

int count_pinned(const Pin& pin, Keys signers) {
  return static_cast<int>(
      std::ranges::count_if(signers, [&](const crypto::PublicKey& key) { return pin.holds(key.key_id()); }));
}

int count_role(const TrustState& state, Keys signers, Role role) {
  return static_cast<int>(std::ranges::count_if(signers, [&](const crypto::PublicKey& signer) {
    const KnownKey* const known = state.key(signer.key_id());
    return known != nullptr && known->role() == role;
  }));
}

// The keys that a first import pins: the first that was brought along, or with a threshold all of them.
Result<Pin> keys_to_pin(Keys signers, const Offer& offer) {
  Pin pin;
  for (const crypto::PublicKey& signer : signers) {
    if (brought(offer, signer) && (pin.keys.empty() || offer.threshold)) pin.keys.push_back(signer.key_id());
  }
  if (pin.keys.empty()) {
    return fail(Code::kFingerprintMissing,
                "trust: no key is pinned for this pack id: bring the signer's fingerprint "
                "from the publisher by another way than this pack");
  }
  std::ranges::sort(pin.keys);
  pin.threshold = offer.threshold.value_or(1);
  if (pin.threshold < 1 || pin.threshold > static_cast<int>(pin.keys.size())) {
    return fail(Code::kThresholdNotMet, "trust: fewer fingerprints came along than the threshold needs keys");
  }
  return pin;
}

// The pin a first import makes.
Result<Pin> first_pin(const TrustState& state, const pack::Header& header, Keys signers, const Offer& offer) {
  SG_TRY(Pin pin, keys_to_pin(signers, offer));
  pin.scope = offer.scope.value_or(header.id.str());
  SG_TRY(check_scope(pin.scope));
  if (!covers(pin.scope, header.id)) return fail(Code::kScopeInvalid, "trust: the scope does not cover this pack's id");
  for (const Pin& other : state.pins()) {
    if (other.keys != pin.keys && overlap(other.scope, pin.scope)) {
      return fail(Code::kScopeInvalid, "trust: the scope overlaps a pin of another key");
    }
  }
  return pin;
}

Result<> check_pin(const Pin& pin, Keys signers, const Offer& offer) {
  const int pinned = count_pinned(pin, signers);
  if (pinned == 0) return fail(Code::kSignerMismatch, "trust: another key is pinned for this pack id");
  if (pinned < pin.threshold) {
    return fail(Code::kThresholdNotMet, "trust: " + std::to_string(pin.threshold) +
                                            " pinned keys must sign packs of this scope; " + std::to_string(pinned) +
                                            " did");
  }
  if (offer.scope && *offer.scope != pin.scope) {
    return fail(Code::kScopeInvalid, "trust: this id is pinned under another scope already");
  }
  if (offer.threshold && *offer.threshold != pin.threshold) {
    return fail(Code::kConflict, "trust: this id is pinned with another threshold already");
  }
  return {};
}

// Rules and execution packs.
Result<Decision> decide_published(const TrustState& state, const pack::Header& header, Keys signers,
                                  const Offer& offer) {
  SG_TRY(check_fingerprints(signers, offer));
  Decision decision;
  if (const auto pin = state.pin_for(header.id)) {
    SG_TRY(check_pin(*pin, signers, offer));
    decision.governing = *pin;
  } else {
    SG_TRY(decision.governing, first_pin(state, header, signers, offer));
    decision.pin = decision.governing;
  }
  for (const crypto::PublicKey& signer : signers) {
    if (state.key(signer.key_id()) != nullptr) continue;
    if (!brought(offer, signer)) {
      return fail(Code::kSignerNotPinned, "trust: a further signer is not known here: bring its fingerprint too");
    }
    decision.confirmed.push_back(signer);
  }
  return decision;
}

// Policy, revocation and rotation packs: keys that are known already.
Result<Decision> decide_governed(const TrustState& state, const pack::Header& header, Keys signers) {
  for (const crypto::PublicKey& signer : signers) {
    if (state.key(signer.key_id()) == nullptr) {
      return fail(Code::kSignerNotPinned,
                  "trust: a signer is not known here; governors are made known with `key add`, never by an import");
    }
  }
  const int governors = count_role(state, signers, Role::kGovernor);
  if (header.kind != pack::PackKind::kRotation && governors < state.governor_threshold()) {
    return fail(Code::kThresholdNotMet, "trust: " + std::to_string(state.governor_threshold()) +
                                            " governors must sign; " + std::to_string(governors) + " did");
  }
  Decision decision;
  decision.governing.scope = kGovernorsScope;
  decision.governing.threshold = state.governor_threshold();
  for (const KnownKey* governor : state.keys_of(Role::kGovernor)) {
    decision.governing.keys.push_back(governor->key().key_id());
  }
  return decision;
}

std::unexpected<base::Error> no_approval(const std::string& why) {
  return fail(Code::kApprovalInvalid, "approval: " + why);
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

Result<Decision> decide_signers(const TrustState& state, const pack::Header& header, Keys signers, const Offer& offer) {
  SG_TRY(check_known_signers(state, header.kind, ids_of(signers)));
  const bool published = header.kind == pack::PackKind::kRules || header.kind == pack::PackKind::kExecution;
  return published ? decide_published(state, header, signers, offer) : decide_governed(state, header, signers);
}

Result<Confirmation> decide_rotation(const TrustState& state, const Rotation& rotation, Keys signers,
                                     const Offer& offer) {
  const Pin* const pin = state.pin_of(rotation.scope);
  if (pin == nullptr) return fail(Code::kScopeInvalid, "rotation: no key is pinned for exactly this scope");
  if (!pin->holds(rotation.old_key) || !contains(signers, rotation.old_key)) {
    return fail(Code::kSignerMismatch, "rotation: not signed by the key that is pinned for this scope");
  }
  const base::KeyId& next = rotation.new_key.key_id();
  if (pin->holds(next)) return fail(Code::kConflict, "rotation: the new key is pinned for this scope already");
  if (state.is_revoked(next)) return fail(Code::kSignerRevoked, "rotation: the new key was revoked");
  const KnownKey* const known = state.key(next);
  if (known != nullptr && known->role() != Role::kPublisher) {
    return fail(Code::kRoleMismatch, "rotation: the new key has another role here");
  }
  SG_TRY(check_fingerprints({&rotation.new_key, 1}, offer));
  if (brought(offer, rotation.new_key)) return Confirmation::kFingerprint;
  if (count_role(state, signers, Role::kGovernor) >= state.governor_threshold()) return Confirmation::kGovernors;
  return fail(Code::kFingerprintMissing,
              "rotation: the old key's signature is not enough, since a thief has it too: bring the new key's "
              "fingerprint by another way, or let the governors sign");
}

Result<> check_still_trusted(const TrustState& state, const PackRef& pack, std::span<const base::KeyId> signers) {
  if (const auto revoked = state.is_revoked(pack, signers)) {
    return fail(Code::kPackRevoked,
                "trust: pack " + pack.id.str() + ": revoked (" + std::string(base::reason(*revoked).name) + ")");
  }
  if (!std::ranges::all_of(signers, [&](const base::KeyId& id) { return state.key(id) != nullptr; })) {
    return fail(Code::kSignerNotPinned, "trust: pack " + pack.id.str() + ": a signer is not known here");
  }
  return check_known_signers(state, pack.kind, signers);
}

Result<> decide_approval(const TrustState& state, const Approval& approval, std::string_view act,
                         const json::Object& subject, std::span<const base::KeyId> signers,
                         std::span<const std::string> names, base::Timestamp now) {
  const KnownKey* const approver = state.key(approval.key_id);
  if (approver == nullptr || approver->role() != Role::kApprover || state.is_revoked(approval.key_id)) {
    return no_approval("not by a key that is an approver's here");
  }
  if (std::ranges::find(signers, approval.key_id) != signers.end()) return no_approval("by a signer of the pack");
  const std::string& holder = approver->confirmed.holder;
  if (std::ranges::any_of(names, [&](const std::string& name) { return same_name(name, holder); })) {
    return no_approval("by the person who acts: it takes another one");
  }
  SG_TRY(const ApprovalRequest request, verify_approval(approval, approver->key(), now));
  if (request.act != act || !(request.subject == subject)) return no_approval("of something else than this act");
  if (state.approval_used(approval.digest())) return fail(Code::kApprovalUsed, "approval: was used before");
  return {};
}

Result<bool> decide_epoch(const TrustState& state, const PackRef& pack) {
  const bool other_kind = std::ranges::any_of(
      state.packs(), [&](const ImportedPack& known) { return known.ref.id == pack.id && known.ref.kind != pack.kind; });
  if (other_kind) return fail(Code::kConflict, "trust: this id is here as a pack of another kind");
  if (const ImportedPack* same = state.find(pack.id, pack.epoch)) {
    if (same->ref == pack) return true;
    return fail(Code::kEpochReused, "trust: this epoch of the id was used for other content");
  }
  if (pack.epoch < state.floor(pack.id)) {
    // No approval brings an older policy back, so it has a name of its own.
    const Code code = pack.kind == pack::PackKind::kPolicy ? Code::kPolicyRollback : Code::kEpochBelowFloor;
    return fail(code, "trust: a newer epoch of this id has been active here");
  }
  if (state.find(pack.id, pack.version) != nullptr) {
    return fail(Code::kConflict, "trust: this version of the id is here with another epoch");
  }
  return false;
}

Result<crypto::Digest> read_fingerprint(std::string_view typed) {
  auto fingerprint = crypto::parse_fingerprint(typed);
  if (!fingerprint) return fail(Code::kFingerprintMismatch, "trust: not a fingerprint: 96 hex digits or 48 words");
  return fingerprint;
}

}  // namespace stargraph::trust
