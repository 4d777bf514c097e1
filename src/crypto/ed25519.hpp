// The checks of Ed25519 values that EVP leaves out or does not promise (RFC 8032 5.1.3, 5.1.7).
#pragma once

#include "stargraph/base/bytes.hpp"

namespace stargraph::crypto {

// `point`, 32 bytes: y < p, on the curve, in the prime-order subgroup and not its identity. A key of
// small order would verify one signature for many messages.
[[nodiscard]] bool ed25519_point_is_safe(base::BytesView point);
// `signature`, 64 bytes R || S: S < L. Otherwise S + L would be a second signature of the same message.
[[nodiscard]] bool ed25519_scalar_is_reduced(base::BytesView signature);

}  // namespace stargraph::crypto
