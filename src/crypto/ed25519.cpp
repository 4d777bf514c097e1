#include "crypto/ed25519.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "crypto/openssl.hpp"
#include "crypto/sodium.hpp"

namespace stargraph::crypto {
namespace {

constexpr std::size_t kScalarSize = 32;
using Value = std::array<std::byte, kScalarSize>;  // little-endian, as in RFC 8032

consteval Value value(std::string_view big_endian_hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Value bytes{};
  for (std::size_t i = 0; i < kScalarSize; ++i)
    bytes[kScalarSize - 1 - i] =
        static_cast<std::byte>(digit(big_endian_hex[2 * i]) * 16 + digit(big_endian_hex[2 * i + 1]));
  return bytes;
}

// p = 2^255 - 19
constexpr Value kFieldPrime = value("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
// L = 2^252 + 27742317777372353535851937790883648493
constexpr Value kGroupOrder = value("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed");
constexpr std::byte kSignBit{0x80};

// Public values: time may depend on them.
bool less(const Value& a, const Value& b) {
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}

}  // namespace

bool ed25519_point_is_safe(base::BytesView point) {
  if (point.size() != kScalarSize) return false;
  Value y{};
  std::ranges::copy(point, y.begin());
  y.back() &= ~kSignBit;
  if (!less(y, kFieldPrime)) return false;
  start_sodium();
  return crypto_core_ed25519_is_valid_point(octets(point)) == 1;
}

bool ed25519_scalar_is_reduced(base::BytesView signature) {
  if (signature.size() != 2 * kScalarSize) return false;
  Value s{};
  std::ranges::copy(signature.last(kScalarSize), s.begin());
  return less(s, kGroupOrder);
}

bool ed25519_is_approved(const FipsState& state) {
  if (!state.enforced) return true;
  constexpr std::pair kFirst{3, 4};
  std::pair version{0, 0};
  const char* const end = state.version.data() + state.version.size();
  const auto major = std::from_chars(state.version.data(), end, version.first);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return false;
  if (std::from_chars(major.ptr + 1, end, version.second).ec != std::errc()) return false;
  return version >= kFirst;
}

}  // namespace stargraph::crypto
