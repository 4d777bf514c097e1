// SHA-384 (and SHA-256 where an upstream format needs it) through OpenSSL EVP, and the project's
// domain-separated digest D (docs/formats/README.md).
#pragma once

#include <array>
#include <compare>
#include <memory>
#include <string>
#include <string_view>

#include "stargraph/base/bytes.hpp"

namespace stargraph::crypto {

// A SHA-384 value. 48 bytes, value semantics, hex as text.
class Digest {
 public:
  static constexpr std::size_t kSize = 48;
  Digest() = default;  // all zero
  explicit Digest(std::array<std::byte, kSize> bytes) : bytes_(bytes) {}
  [[nodiscard]] static base::Result<Digest> from_hex(std::string_view hex);  // exactly 96 lower-case digits
  [[nodiscard]] static base::Result<Digest> from_bytes(base::BytesView bytes);
  [[nodiscard]] base::BytesView bytes() const { return bytes_; }
  [[nodiscard]] std::string hex() const { return base::to_hex(bytes_); }
  auto operator<=>(const Digest&) const = default;

 private:
  std::array<std::byte, kSize> bytes_{};
};

// Streaming SHA-384. Movable; finish() once.
class Sha384 {
 public:
  Sha384();
  ~Sha384();
  Sha384(Sha384&&) noexcept;
  Sha384& operator=(Sha384&&) noexcept;
  Sha384& update(base::BytesView bytes);
  Sha384& update(std::string_view text);
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Digest sha384(base::BytesView bytes);
[[nodiscard]] Digest sha384(std::string_view text);
[[nodiscard]] std::array<std::byte, 32> sha256(base::BytesView bytes);  // upstream formats only

// D(domain, bytes) = SHA-384(domain || 0x00 || bytes). `domain` is a literal like
// "stargraph.graph.v1" and holds no NUL.
[[nodiscard]] Digest domain_digest(std::string_view domain, base::BytesView bytes);
[[nodiscard]] Digest domain_digest(std::string_view domain, std::string_view text);

// HMAC-SHA-384.
[[nodiscard]] Digest hmac_sha384(base::BytesView key, base::BytesView bytes);

// Time independent of the contents; false when sizes differ.
[[nodiscard]] bool equal_constant_time(base::BytesView a, base::BytesView b);

}  // namespace stargraph::crypto
