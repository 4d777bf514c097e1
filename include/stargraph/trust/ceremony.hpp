// The ceremony: whether this box trusts the signers of a pack for its id and kind, and what a person has
// to bring for it. Pure decisions over TrustState; nothing is stored or asked here.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stargraph/crypto/digest.hpp"
#include "stargraph/pack/container.hpp"
#include "stargraph/trust/rotation.hpp"
#include "stargraph/trust/state.hpp"

namespace stargraph::trust {

inline constexpr int kMaxFingerprintTries = 3;

// What came with the import.
struct Offer {
  std::vector<crypto::Digest> fingerprints;  // brought out of band
  std::optional<std::string> scope;          // for the pin; the pack's id when absent
  std::optional<int> threshold = {};         // for the pin: every signer whose fingerprint came along is pinned
};

struct Decision {
  std::vector<crypto::PublicKey> confirmed;  // signers that become known keys
  std::optional<Pin> pin;                    // to be made; nothing when a pin covers the id already
  Pin governing;                             // what the pack is accepted under; all governors for their kinds
};

// `signers` come from pack::check_signatures. For every kind:
//   no signer may be revoked (kSignerRevoked), each must be known (kSignerNotPinned) and of a role that may
//   sign the kind (kRoleMismatch): one stranger beside good signers is enough for a refusal.
// Rules and execution packs:
//   a pin covers the id: one of its keys at least must be among the signers (kSignerMismatch), and as many as its
//   threshold says (kThresholdNotMet);
//   no pin does: one of the signers must match a fingerprint brought along (kFingerprintMissing when
//   none was brought) and is pinned to the id or the given scope;
//   a further signer that is not known must match a fingerprint too;
//   a fingerprint that matches no signer is kFingerprintMismatch, whatever else holds;
//   a scope must cover the id and not overlap another pin (kScopeInvalid).
// Policy and revocation packs: as many governors as TrustState::governor_threshold. No import makes a governor.
// Rotation packs: known publishers and governors only; the rest is decide_rotation's.
[[nodiscard]] base::Result<Decision> decide_signers(const TrustState& state, const pack::Header& header,
                                                    std::span<const crypto::PublicKey> signers, const Offer& offer);

// After decide_signers, when the pack's contents are known. The old key is pinned in exactly that scope
// (kScopeInvalid) and signed (kSignerMismatch); the new one is no key of another role (kRoleMismatch), not revoked
// (kSignerRevoked), not in the pin (kConflict). Then either enough governors signed, or the new key's fingerprint
// was brought along: kFingerprintMissing, kFingerprintMismatch. Gives which of the two it was.
[[nodiscard]] base::Result<Confirmation> decide_rotation(const TrustState& state, const Rotation& rotation,
                                                         std::span<const crypto::PublicKey> signers,
                                                         const Offer& offer);

// What every load asks again of a pack that was accepted once: kPackRevoked for anything revoked about it,
// kSignerNotPinned and kRoleMismatch for its signers. Not the pin, which may have moved on to other keys since.
[[nodiscard]] base::Result<> check_still_trusted(const TrustState& state, const PackRef& pack,
                                                 std::span<const base::KeyId> signers);

// An approver's token for `act` upon `subject`: the key is known, an approver's and not revoked, none of the
// `signers`, and its holder is none of `names`, which are those of whoever acts (kApprovalInvalid); signature and
// time hold (kApprovalInvalid, kApprovalExpired); the request is for exactly this (kApprovalInvalid); it was not
// used before (kApprovalUsed).
[[nodiscard]] base::Result<> decide_approval(const TrustState& state, const Approval& approval, std::string_view act,
                                             const json::Object& subject, std::span<const base::KeyId> signers,
                                             std::span<const std::string> names, base::Timestamp now);

// Where a version stands: kEpochBelowFloor (kPolicyRollback for a policy), kEpochReused (same id and epoch, other
// content), kConflict (same version text with another epoch, or an id that was of another kind). True when exactly this
// pack is here already.
[[nodiscard]] base::Result<bool> decide_epoch(const TrustState& state, const PackRef& pack);

// A fingerprint as people type it; what cannot be read is kFingerprintMismatch, since it is not the
// fingerprint of anything.
[[nodiscard]] base::Result<crypto::Digest> read_fingerprint(std::string_view typed);

}  // namespace stargraph::trust
