// The checks of Ed25519 values that EVP leaves out or does not promise (RFC 8032 5.1.3, 5.1.7).
#pragma once

#include "stargraph/base/bytes.hpp"
#include "stargraph/crypto/fips.hpp"

namespace stargraph::crypto {

// `point`, 32 bytes: y < p, on the curve, in the prime-order subgroup and not its identity. A key of
// small order would verify one signature for many messages.
[[nodiscard]] bool ed25519_point_is_safe(base::BytesView point);
// `signature`, 64 bytes R || S: S < L. Otherwise S + L would be a second signature of the same message.
[[nodiscard]] bool ed25519_scalar_is_reduced(base::BytesView signature);

// FIPS 186-5 (2023) approved EdDSA, and OpenSSL's modules offer it as approved from 3.4 on; 3.0's offer it although
// their certificates say that it is not. True without FIPS; false for a version that is no number.
[[nodiscard]] bool ed25519_is_approved(const FipsState& state);

}  // namespace stargraph::crypto
