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

Result<> check_role(const ConfirmedKey& key, pack::PackKind kind) {
  const bool publishers = kind == pack::PackKind::kRules || kind == pack::PackKind::kExecution;
  if (publishers && key.role == kPublisherRole) return {};
  return fail(Code::kRoleMismatch, "trust: a signer's role may not sign this kind of pack");
}

// The pin a first import makes.
Result<Pin> first_pin(const TrustState& state, const pack::Header& header, Keys signers, const Offer& offer) {
  const auto confirmed =
      std::ranges::find_if(signers, [&](const crypto::PublicKey& key) { return brought(offer, key); });
  if (confirmed == signers.end()) {
    return fail(Code::kFingerprintMissing,
                "trust: no key is pinned for this pack id: bring the signer's fingerprint "
                "from the publisher by another way than this pack");
  }
  Pin pin{offer.scope.value_or(header.id.str()), confirmed->key_id()};
  SG_TRY(check_scope(pin.scope));
  if (!covers(pin.scope, header.id)) return fail(Code::kScopeInvalid, "trust: the scope does not cover this pack's id");
  for (const Pin& other : state.pins()) {
    if (other.key_id != pin.key_id && overlap(other.scope, pin.scope)) {
      return fail(Code::kScopeInvalid, "trust: the scope overlaps a pin of another key");
    }
  }
  return pin;
}

}  // namespace

Result<Decision> decide_signers(const TrustState& state, const pack::Header& header, Keys signers, const Offer& offer) {
  SG_TRY(check_fingerprints(signers, offer));
  Decision decision;
  if (const auto pin = state.pin_for(header.id)) {
    if (!contains(signers, pin->key_id)) {
      return fail(Code::kSignerMismatch, "trust: another key is pinned for this pack id");
    }
    if (offer.scope && *offer.scope != pin->scope) {
      return fail(Code::kScopeInvalid, "trust: this id is pinned under another scope already");
    }
    decision.governing = *pin;
  } else {
    SG_TRY(decision.governing, first_pin(state, header, signers, offer));
    decision.pin = decision.governing;
  }
  for (const crypto::PublicKey& signer : signers) {
    const auto known = state.keys().find(signer.key_id());
    if (known == state.keys().end() && !brought(offer, signer)) {
      return fail(Code::kSignerNotPinned, "trust: a further signer is not known here: bring its fingerprint too");
    }
    const ConfirmedKey key =
        known == state.keys().end() ? ConfirmedKey{signer, std::string(kPublisherRole)} : known->second;
    SG_TRY(check_role(key, header.kind));
    if (known == state.keys().end()) decision.confirmed.push_back(signer);
  }
  return decision;
}

Result<bool> decide_epoch(const TrustState& state, const PackRef& pack) {
  if (const ImportedPack* same = state.find(pack.id, pack.epoch)) {
    if (same->ref == pack) return true;
    return fail(Code::kEpochReused, "trust: this epoch of the id was used for other content");
  }
  if (pack.epoch < state.floor(pack.id)) {
    return fail(Code::kEpochBelowFloor, "trust: a newer epoch of this id has been active here");
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
