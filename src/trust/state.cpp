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

}  // namespace

Result<> TrustState::apply(const Act& act) {
  if (act.number != acts_ + 1) {
    return fail(Code::kChainBroken,
                "trust: act " + std::to_string(acts_ + 1) + ": missing; found " + std::to_string(act.number));
  }
  SG_TRY(std::visit([this](const auto& body) { return take(body); }, act.body));
  ++acts_;
  last_entry_ = act.entry;
  return {};
}

Result<> TrustState::take(const KeyAdded& act) {
  if (!keys_.emplace(act.key.key.key_id(), act.key).second) return impossible("a key added twice");
  return {};
}

Result<> TrustState::take(const Pinned& act) {
  if (!keys_.contains(act.pin.key_id)) return impossible("a pin to an unknown key");
  for (const Pin& pin : pins_) {
    if (pin.scope == act.pin.scope) return impossible("a scope pinned twice");
    if (pin.key_id != act.pin.key_id && overlap(pin.scope, act.pin.scope))
      return impossible("overlapping pins of two keys");
  }
  pins_.push_back(act.pin);
  return {};
}

Result<> TrustState::take(const Imported& act) {
  const auto pin = pin_for(act.pack.id);
  if (!pin || std::ranges::find(act.signers, pin->key_id) == act.signers.end()) {
    return impossible("an import that no pin covers");
  }
  if (!std::ranges::all_of(act.signers, [this](const base::KeyId& id) { return keys_.contains(id); })) {
    return impossible("an import with an unknown signer");
  }
  const auto already = decide_epoch(*this, act.pack);
  if (!already) return impossible(already.error().name());
  if (*already) return impossible("an import of what was there");
  packs_.push_back({act.pack, act.signers, false});
  return {};
}

Result<> TrustState::take(const Activated& act) {
  ImportedPack* pack = find_exact(act.pack);
  if (pack == nullptr) return impossible("a pack made active that was never imported");
  if (pack->ref.epoch < floor(pack->ref.id)) return impossible("an epoch below the floor made active");
  for (ImportedPack& other : packs_) {
    if (other.ref.id == pack->ref.id) other.active = false;
  }
  pack->active = true;
  floors_[pack->ref.id] = pack->ref.epoch;
  return {};
}

Result<> TrustState::take(const Retired& act) {
  ImportedPack* pack = find_exact(act.pack);
  if (pack == nullptr || !pack->active) return impossible("a pack retired that was not active");
  pack->active = false;
  return {};
}

ImportedPack* TrustState::find_exact(const PackRef& pack) {
  const auto found = std::ranges::find(packs_, pack, &ImportedPack::ref);
  return found == packs_.end() ? nullptr : &*found;
}

std::optional<Pin> TrustState::pin_for(const base::PackId& id) const {
  std::optional<Pin> longest;
  for (const Pin& pin : pins_) {
    if (covers(pin.scope, id) && (!longest || pin.scope.size() > longest->scope.size())) longest = pin;
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

}  // namespace stargraph::trust
