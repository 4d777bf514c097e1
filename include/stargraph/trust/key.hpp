// A key that a person confirmed, and the one role it has: publishers sign rules and execution packs,
// governors policy and revocation packs, approvers nothing but approvals (docs/formats/trust.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stargraph/base/strong.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/pack/header.hpp"

namespace stargraph::trust {

enum class Role : std::uint8_t { kPublisher, kGovernor, kApprover };
[[nodiscard]] std::string_view role_name(Role role);  // "publisher", "governor", "approver"
[[nodiscard]] std::optional<Role> role_from_name(std::string_view name);
// Whether a key of `role` may stand among the signers of such a pack. A rotation is signed by the old
// publisher key, and by governors when they confirm it.
[[nodiscard]] bool may_sign(Role role, pack::PackKind kind);

// How it came to be known here.
enum class Confirmation : std::uint8_t {
  kFingerprint,  // a person compared the fingerprint with one brought by another way
  kGovernors,    // governors signed the rotation that names it
};
[[nodiscard]] std::string_view confirmation_name(Confirmation how);
[[nodiscard]] std::optional<Confirmation> confirmation_from_name(std::string_view name);

struct ConfirmedKey {
  crypto::PublicKey key;
  Role role = Role::kPublisher;
  std::string holder;  // a person's name; empty when nobody said
  Confirmation how = Confirmation::kFingerprint;
  std::optional<base::Timestamp> review_by;
};

// With what its entry in the log says of who confirmed it, and when.
struct KnownKey {
  ConfirmedKey confirmed;
  base::ActorName confirmed_by;
  base::Timestamp confirmed_at{};
  [[nodiscard]] const crypto::PublicKey& key() const { return confirmed.key; }
  [[nodiscard]] Role role() const { return confirmed.role; }
};

inline constexpr std::size_t kMaxHolderBytes = 128;

}  // namespace stargraph::trust
