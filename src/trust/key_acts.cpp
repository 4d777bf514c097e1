// Acts about keys and pins, and retirement: those without a pack file.
#include <algorithm>

#include "stargraph/trust/importer.hpp"
#include "talk.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

// The same question as for a pack's first signer: the person brings what the file cannot say of itself.
Result<> decide_key(const TrustState& state, const ConfirmedKey& key, const Offer& offer) {
  const base::KeyId& id = key.key.key_id();
  if (state.is_revoked(id)) return fail(Code::kSignerRevoked, "key: it was revoked here");
  const KnownKey* const known = state.key(id);
  if (known != nullptr && known->role() != key.role) {
    return fail(Code::kRoleMismatch, "key: it is a " + std::string(role_name(known->role())) + " here already");
  }
  if (offer.fingerprints.empty()) {
    return fail(Code::kFingerprintMissing, "key: bring its fingerprint from its holder by another way than this file");
  }
  for (const crypto::Digest& fingerprint : offer.fingerprints) {
    if (!crypto::equal_constant_time(fingerprint.bytes(), key.key.fingerprint().bytes())) {
      return fail(Code::kFingerprintMismatch, "key: the fingerprint is not that of this key");
    }
  }
  return {};
}

Result<> check_pinnable(const TrustState& state, const std::vector<base::KeyId>& keys) {
  for (const base::KeyId& id : keys) {
    const KnownKey* const known = state.key(id);
    if (known == nullptr)
      return fail(Code::kSignerNotPinned, "repin: a key that is not known here: `key add` it first");
    if (known->role() != Role::kPublisher) return fail(Code::kRoleMismatch, "repin: a key that is no publisher's");
    if (state.is_revoked(id)) return fail(Code::kSignerRevoked, "repin: a key that was revoked");
  }
  return {};
}

// The pin a request makes of the one before.
Result<Pin> next_pin(const RepinRequest& request, const Pin& before) {
  Pin pin{request.scope, request.keys, request.threshold.value_or(before.threshold)};
  std::ranges::sort(pin.keys);
  const bool twice = std::ranges::adjacent_find(pin.keys) != pin.keys.end();
  if (pin.keys.empty() || twice || pin.keys.size() > pack::kMaxSignatures) {
    return fail(Code::kUsage, "repin: give each key once, one at least");
  }
  if (pin.threshold < 1 || pin.threshold > static_cast<int>(pin.keys.size())) {
    return fail(Code::kThresholdNotMet, "repin: " + std::to_string(pin.threshold) +
                                            " keys must sign in this scope: give as many, or a lower threshold");
  }
  return pin;
}

}  // namespace

Result<> Importer::add_key(const KeyRequest& request, const Ask& ask) {
  requests_.clear();
  Offer offer;
  offer.fingerprints = request.fingerprints;
  if (request.key.role != Role::kPublisher && request.key.holder.empty()) {
    return fail(Code::kUsage, "key: say whose it is: governors and approvers are persons");
  }
  SG_TRY(const TrustState seen, read_state());
  const auto decide = [&] { return decide_key(seen, request.key, offer); };
  SG_TRY(hold_ceremony(decide, {&request.key.key, 1}, offer, ask));
  return commit(
      [&](const TrustState& state) -> Result<Acts> {
        SG_TRY(decide_key(state, request.key, offer));
        Acts acts;
        KeyAdded act{request.key};
        if (state.needs_approval(request.key)) {
          const json::Object subject{{"actor", desk_.actor.str()}, {"confirms", confirmation_of(request.key)}};
          SG_TRY(act.approval, take_approval(state, request.approvals, kApproveKey, subject, {}, acts));
        }
        acts.emplace_back(std::move(act));
        return acts;
      },
      {}, {});
}

Result<Pin> Importer::repin(const RepinRequest& request) {
  requests_.clear();
  SG_TRY(check_scope(request.scope));
  if (request.reason.empty()) return fail(Code::kUsage, "repin: a reason is needed");
  Pin done;
  const Make make = [&](const TrustState& state) -> Result<Acts> {
    const Pin* const before = state.governing(request.scope);
    if (before == nullptr)
      return fail(Code::kScopeInvalid, "repin: no key is pinned for this scope, nor for one around it");
    SG_TRY(done, next_pin(request, *before));
    SG_TRY(check_pinnable(state, done.keys));
    if (done == *before) return Acts{};
    Acts acts;
    Repinned act{done, request.reason, {}};
    if (done.threshold < before->threshold) {
      const json::Object subject{
          {"actor", desk_.actor.str()}, {"from", before->threshold}, {"keys", encode_key_ids(done.keys)},
          {"reason", request.reason},   {"scope", done.scope},       {"threshold", done.threshold}};
      SG_TRY(act.approval, take_approval(state, request.approvals, kApproveRepin, subject, done.keys, acts));
    }
    acts.emplace_back(std::move(act));
    return acts;
  };
  SG_TRY(commit(make, {}, {}));
  return done;
}

Result<bool> Importer::set_threshold(const ThresholdRequest& request) {
  requests_.clear();
  bool changed = false;
  const Make make = [&](const TrustState& state) -> Result<Acts> {
    int before = state.governor_threshold();
    auto keys = state.keys_of(Role::kGovernor).size();
    if (request.scope != kGovernorsScope) {
      const Pin* const pin = state.pin_of(request.scope);
      if (pin == nullptr) return fail(Code::kScopeInvalid, "threshold: no key is pinned for exactly this scope");
      before = pin->threshold;
      keys = pin->keys.size();
    }
    if (request.threshold < 1 || request.threshold > static_cast<int>(keys)) {
      return fail(Code::kNumberRange, "threshold: between 1 and the number of keys, " + std::to_string(keys));
    }
    changed = request.threshold != before;
    if (!changed) return Acts{};
    Acts acts;
    ThresholdSet act{request.scope, request.threshold, request.reason, {}};
    if (request.threshold < before) {
      if (request.reason.empty()) return fail(Code::kUsage, "threshold: lowering it needs a reason");
      const json::Object subject{{"actor", desk_.actor.str()},
                                 {"from", before},
                                 {"reason", request.reason},
                                 {"scope", request.scope},
                                 {"threshold", request.threshold}};
      SG_TRY(act.approval, take_approval(state, request.approvals, kApproveThreshold, subject, {}, acts));
    }
    acts.emplace_back(std::move(act));
    return acts;
  };
  SG_TRY(commit(make, {}, {}));
  return changed;
}

Result<> Importer::retire(const base::PackId& id) {
  requests_.clear();
  const Make make = [&](const TrustState& state) -> Result<Acts> {
    const ImportedPack* active = state.active(id);
    if (active == nullptr) return fail(Code::kPackUnknown, "retire: no version of this pack is active");
    return Acts{Retired{active->ref}};
  };
  return commit(make, {}, {});
}

}  // namespace stargraph::trust
