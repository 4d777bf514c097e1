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
#include "stargraph/trust/state.hpp"

namespace stargraph::trust {

inline constexpr int kMaxFingerprintTries = 3;

// What came with the import.
struct Offer {
  std::vector<crypto::Digest> fingerprints;  // brought out of band
  std::optional<std::string> scope;          // for the pin; the pack's id when absent
};

struct Decision {
  std::vector<crypto::PublicKey> confirmed;  // signers that become known keys
  std::optional<Pin> pin;                    // to be made; nothing when a pin covers the id already
  Pin governing;                             // the pin under which the pack is accepted
};

// `signers` come from pack::check_signatures.
//   a pin covers the id: its key must be among the signers (kSignerMismatch);
//   no pin does: one of the signers must match a fingerprint brought along (kFingerprintMissing when
//   none was brought) and is pinned to the id or the given scope;
//   each further signer must be known or match a fingerprint (kSignerNotPinned);
//   a fingerprint that matches no signer is kFingerprintMismatch, whatever else holds;
//   a scope must cover the id and not overlap a pin of another key (kScopeInvalid);
//   kRoleMismatch when a key's role may not sign this kind.
[[nodiscard]] base::Result<Decision> decide_signers(const TrustState& state, const pack::Header& header,
                                                    std::span<const crypto::PublicKey> signers, const Offer& offer);

// Where a version stands: kEpochBelowFloor, kEpochReused (same id and epoch, other content), kConflict
// (same version text with another epoch). True when exactly this pack is here already.
[[nodiscard]] base::Result<bool> decide_epoch(const TrustState& state, const PackRef& pack);

// A fingerprint as people type it; what cannot be read is kFingerprintMismatch, since it is not the
// fingerprint of anything.
[[nodiscard]] base::Result<crypto::Digest> read_fingerprint(std::string_view typed);

}  // namespace stargraph::trust
