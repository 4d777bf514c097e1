// The eight points of Curve25519's Edwards form whose order divides 8, encoded as RFC 8032 5.1.2 says and computed from
// the curve equation: keys and signature parts that a sound verifier refuses.
#pragma once

#include <string_view>

namespace stargraph::test {

inline constexpr std::string_view kSmallOrder[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
};
// L, the order of the base point, little-endian (RFC 8032 5.1).
inline constexpr std::string_view kGroupOrder = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

}  // namespace stargraph::test
