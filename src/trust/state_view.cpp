// What a TrustState shows of itself. How it comes to be: state.cpp, activation.cpp.
#include <algorithm>

#include "stargraph/trust/state.hpp"

namespace stargraph::trust {

const KnownKey* TrustState::key(const base::KeyId& id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

std::vector<const KnownKey*> TrustState::keys_of(Role role) const {
  std::vector<const KnownKey*> keys;
  for (const auto& [id, key] : keys_) {
    if (key.role() == role && !is_revoked(id)) keys.push_back(&key);
  }
  return keys;
}

std::vector<const KnownKey*> TrustState::review_due(base::Timestamp time) const {
  std::vector<const KnownKey*> keys;
  for (const auto& [id, key] : keys_) {
    if (key.confirmed.review_by && *key.confirmed.review_by <= time && !is_revoked(id)) keys.push_back(&key);
  }
  return keys;
}

std::optional<Pin> TrustState::pin_for(const base::PackId& id) const {
  std::optional<Pin> longest;
  for (const Pin& pin : pins_) {
    if (covers(pin.scope, id) && (!longest || pin.scope.size() > longest->scope.size())) longest = pin;
  }
  return longest;
}

const Pin* TrustState::pin_of(std::string_view scope) const {
  const auto found = std::ranges::find(pins_, scope, &Pin::scope);
  return found == pins_.end() ? nullptr : &*found;
}

const Pin* TrustState::governing(std::string_view scope) const {
  const Pin* longest = pin_of(scope);
  if (longest != nullptr) return longest;
  for (const Pin& pin : pins_) {
    if (contains_scope(pin.scope, scope) && (longest == nullptr || pin.scope.size() > longest->scope.size())) {
      longest = &pin;
    }
  }
  return longest;
}

base::Epoch TrustState::floor(const base::PackId& id) const {
  const auto found = floors_.find(id);
  return found == floors_.end() ? base::Epoch(0) : found->second;
}

const ImportedPack* TrustState::active(const base::PackId& id) const {
  const auto found = std::ranges::find_if(packs_, [&](const ImportedPack& p) { return p.active && p.ref.id == id; });
  return found == packs_.end() ? nullptr : &*found;
}

const ImportedPack* TrustState::find(const base::PackId& id, std::string_view version) const {
  const auto found =
      std::ranges::find_if(packs_, [&](const ImportedPack& p) { return p.ref.id == id && p.ref.version == version; });
  return found == packs_.end() ? nullptr : &*found;
}

const ImportedPack* TrustState::find(const base::PackId& id, base::Epoch epoch) const {
  const auto found =
      std::ranges::find_if(packs_, [&](const ImportedPack& p) { return p.ref.id == id && p.ref.epoch == epoch; });
  return found == packs_.end() ? nullptr : &*found;
}

const ImportedPack* TrustState::find(const crypto::Digest& digest) const {
  const auto found = std::ranges::find_if(packs_, [&](const ImportedPack& p) { return p.ref.digest == digest; });
  return found == packs_.end() ? nullptr : &*found;
}

const ImportedPack* TrustState::last_active(const base::PackId& id) const {
  const auto found = last_active_.find(id);
  return found == last_active_.end() ? nullptr : find(found->second);
}

const ImportedPack* TrustState::active_policy() const {
  const ImportedPack* const last = last_policy();
  return last != nullptr && last->active ? last : nullptr;
}

const ImportedPack* TrustState::last_policy() const { return last_policy_ ? find(*last_policy_) : nullptr; }

}  // namespace stargraph::trust
