#include "stargraph/trust/key.hpp"

#include <algorithm>
#include <array>

namespace stargraph::trust {
namespace {

constexpr std::array<std::string_view, 3> kRoles{"publisher", "governor", "approver"};
constexpr std::array<std::string_view, 2> kConfirmations{"fingerprint", "governors"};

template <class Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto* const found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view role_name(Role role) { return kRoles.at(static_cast<std::size_t>(role)); }
std::optional<Role> role_from_name(std::string_view name) { return find_name<Role>(kRoles, name); }

bool may_sign(Role role, pack::PackKind kind) {
  switch (kind) {
    case pack::PackKind::kRules:
    case pack::PackKind::kExecution: return role == Role::kPublisher;
    case pack::PackKind::kPolicy:
    case pack::PackKind::kRevocation: return role == Role::kGovernor;
    case pack::PackKind::kRotation: return role != Role::kApprover;
  }
  return false;
}

std::string_view confirmation_name(Confirmation how) { return kConfirmations.at(static_cast<std::size_t>(how)); }
std::optional<Confirmation> confirmation_from_name(std::string_view name) {
  return find_name<Confirmation>(kConfirmations, name);
}

}  // namespace stargraph::trust
