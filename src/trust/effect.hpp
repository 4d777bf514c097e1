// What a revocation or rotation pack says, from its checked contents. kFileMissing, and what the parsers give.
#pragma once

#include "stargraph/pack/verify.hpp"
#include "stargraph/trust/revocation.hpp"
#include "stargraph/trust/rotation.hpp"

namespace stargraph::trust {

[[nodiscard]] base::Result<Revocations> revocations_in(const pack::Contents& contents);
[[nodiscard]] base::Result<Rotation> rotation_in(const pack::Contents& contents);

}  // namespace stargraph::trust
