// What all trust acts of a box add up to: known keys, pins, floors, imported and active packs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "stargraph/trust/act.hpp"

namespace stargraph::trust {

struct ImportedPack {
  PackRef ref;
  std::vector<base::KeyId> signers;
  bool active = false;
};

class TrustState {
 public:
  // Takes the next act. kChainBroken when its number does not follow, kReceiptInvalid when it cannot
  // stand after the acts before it (a pin to an unknown key, an active pack that was never imported, an
  // epoch under the floor): such an act was not made by these rules.
  [[nodiscard]] base::Result<> apply(const Act& act);

  [[nodiscard]] std::int64_t acts() const { return acts_; }
  // Act::entry of the last act taken; 0 when there is none.
  [[nodiscard]] audit::SourceSeq last_entry() const { return last_entry_; }
  [[nodiscard]] const std::map<base::KeyId, ConfirmedKey>& keys() const { return keys_; }
  [[nodiscard]] std::span<const Pin> pins() const { return pins_; }
  // The pin with the longest scope that covers `id`.
  [[nodiscard]] std::optional<Pin> pin_for(const base::PackId& id) const;
  // The highest epoch ever active for `id`; 0 when none was.
  [[nodiscard]] base::Epoch floor(const base::PackId& id) const;
  [[nodiscard]] const std::map<base::PackId, base::Epoch>& floors() const { return floors_; }
  [[nodiscard]] std::span<const ImportedPack> packs() const { return packs_; }
  [[nodiscard]] const ImportedPack* active(const base::PackId& id) const;
  [[nodiscard]] const ImportedPack* find(const base::PackId& id, std::string_view version) const;
  [[nodiscard]] const ImportedPack* find(const base::PackId& id, base::Epoch epoch) const;

 private:
  base::Result<> take(const KeyAdded& act);
  base::Result<> take(const Pinned& act);
  base::Result<> take(const Imported& act);
  base::Result<> take(const Activated& act);
  base::Result<> take(const Retired& act);
  ImportedPack* find_exact(const PackRef& pack);

  std::int64_t acts_ = 0;
  audit::SourceSeq last_entry_{};
  std::map<base::KeyId, ConfirmedKey> keys_;
  std::vector<Pin> pins_;
  std::map<base::PackId, base::Epoch> floors_;
  std::vector<ImportedPack> packs_;
};

}  // namespace stargraph::trust
