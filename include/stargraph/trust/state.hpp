// What all trust acts of a box add up to: known keys, pins, floors, revocations,
// imported and active packs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <variant>
#include <vector>

#include "stargraph/trust/act.hpp"

namespace stargraph::trust {

struct ImportedPack {
  PackRef ref;
  std::vector<base::KeyId> signers;
  bool active = false;    // rules, execution, policy; a revocation or rotation takes effect once, when imported
  int countersigned = 0;  // how often the same pack came again with more signatures
  // Imported before an act that says of the store that it had lost what the log has.
  bool before_repair = false;
};

// What a revocation or rotation pack did when it came.
using Effect = std::variant<Rotated, Revoked>;

// Whether `signers` are those of `known` and others besides, and the pack is of a kind where that means something.
[[nodiscard]] bool adds_signatures(const ImportedPack& known, std::span<const base::KeyId> signers);

// What an approver of a key agrees to: whose key has which role.
[[nodiscard]] json::Object confirmation_of(const ConfirmedKey& key);

class TrustState {
 public:
  // Takes the next act. kChainBroken when its number does not follow, kReceiptInvalid when it cannot
  // stand after the acts before it (another act of the log in between, a pin to an unknown key, an active pack that was
  // never imported, an epoch under the floor without an approval): such an act was not made by these rules.
  [[nodiscard]] base::Result<> apply(const Act& act);

  [[nodiscard]] std::int64_t acts() const { return acts_; }
  // Act::entry of the last act taken; 0 when there is none.
  [[nodiscard]] audit::SourceSeq last_entry() const { return last_entry_; }
  // The daemon's last record in the log when a database of an earlier day was last allowed to go on; nothing when none
  // ever was.
  [[nodiscard]] std::optional<audit::SourceSeq> resumes_after() const { return resumes_after_; }

  [[nodiscard]] const std::map<base::KeyId, KnownKey>& keys() const { return keys_; }
  [[nodiscard]] const KnownKey* key(const base::KeyId& id) const;       // null when it is not known
  [[nodiscard]] std::vector<const KnownKey*> keys_of(Role role) const;  // revoked ones are left out
  // Keys that are not revoked and should have been looked at again by `time`.
  [[nodiscard]] std::vector<const KnownKey*> review_due(base::Timestamp time) const;
  // How many governors must sign a policy or revocation pack, or confirm a rotation.
  [[nodiscard]] int governor_threshold() const { return governor_threshold_; }

  [[nodiscard]] std::span<const Pin> pins() const { return pins_; }
  // The pin with the longest scope that covers `id`.
  [[nodiscard]] std::optional<Pin> pin_for(const base::PackId& id) const;
  [[nodiscard]] const Pin* pin_of(std::string_view scope) const;  // of exactly this scope; null
  // The pin that decides about what `scope` covers before it has one of its own; null when none does.
  [[nodiscard]] const Pin* governing(std::string_view scope) const;

  // The highest epoch ever active for `id`; 0 when none was.
  [[nodiscard]] base::Epoch floor(const base::PackId& id) const;
  [[nodiscard]] const std::map<base::PackId, base::Epoch>& floors() const { return floors_; }

  [[nodiscard]] std::span<const ImportedPack> packs() const { return packs_; }
  // Of exactly this digest; null.
  [[nodiscard]] const ImportedPack* find(const crypto::Digest& digest) const;
  [[nodiscard]] const ImportedPack* active(const base::PackId& id) const;
  [[nodiscard]] const ImportedPack* find(const base::PackId& id, std::string_view version) const;
  [[nodiscard]] const ImportedPack* find(const base::PackId& id, base::Epoch epoch) const;
  // The version of `id` that was made active last, whether it still is or not; null when none ever was.
  [[nodiscard]] const ImportedPack* last_active(const base::PackId& id) const;
  // At most one policy pack is active; null means that everything is denied.
  [[nodiscard]] const ImportedPack* active_policy() const;
  // The policy that was made active last, whether it still is or not; null when none ever was.
  [[nodiscard]] const ImportedPack* last_policy() const;

  // In the order in which they came.
  [[nodiscard]] std::span<const Effect> effects() const { return effects_; }
  // All lists together; the number is that of the newest. Nothing ever leaves it.
  [[nodiscard]] const Revocations& revocations() const { return revocations_; }
  [[nodiscard]] std::int64_t revocation_number() const { return revocations_.number; }
  [[nodiscard]] bool is_revoked(const base::KeyId& key) const { return revocations_.keys.contains(key); }
  // Why a pack may not be used: kSignerRevoked, kDigestRevoked, kPackRevoked (its id and epoch); nothing when it may.
  [[nodiscard]] std::optional<base::Code> is_revoked(const PackRef& pack, std::span<const base::KeyId> signers) const;
  // Whether confirming this key takes an approver who is one already.
  [[nodiscard]] bool needs_approval(const ConfirmedKey& confirmed) const;
  [[nodiscard]] bool approval_used(const crypto::Digest& approval) const { return approvals_.contains(approval); }

 private:
  base::Result<> take(const KeyAdded& act);
  base::Result<> take(const Pinned& act);
  base::Result<> take(const Imported& act);
  base::Result<> countersign(const Imported& act);
  base::Result<> take(const Activated& act);
  base::Result<> take(const Retired& act);
  base::Result<> take(const Repinned& act);
  base::Result<> take(const ThresholdSet& act);
  base::Result<> take(const Rotated& act);
  base::Result<> take(const Revoked& act);
  base::Result<> take(const Approved& act);
  base::Result<> take(const Repaired& act);
  base::Result<> take_policy(const Activated& act, const ImportedPack& pack);
  [[nodiscard]] bool are_publishers(const Pin& pin) const;
  ImportedPack* find_exact(const PackRef& pack);
  // An approval of `act` that was given and not used yet, and says of it all that `subject` says; using it takes it
  // away.
  base::Result<> use_approval(const std::optional<crypto::Digest>& approval, std::string_view act,
                              const json::Object& subject);
  [[nodiscard]] json::Object subject_of(const Activated& act) const;

  std::int64_t acts_ = 0;
  audit::SourceSeq last_entry_{};
  std::optional<audit::SourceSeq> resumes_after_;
  base::ActorName actor_;  // of the act being taken
  base::Timestamp time_{};
  std::map<base::KeyId, KnownKey> keys_;
  int governor_threshold_ = 1;
  std::vector<Pin> pins_;
  std::map<base::PackId, base::Epoch> floors_;
  std::vector<ImportedPack> packs_;
  std::map<base::PackId, crypto::Digest> last_active_;
  std::optional<crypto::Digest> last_policy_;
  std::vector<Effect> effects_;
  Revocations revocations_;
  std::set<crypto::Digest> approvals_;                // every one ever given
  std::map<crypto::Digest, ApprovalRequest> unused_;  // given, its act not seen yet
};

}  // namespace stargraph::trust
