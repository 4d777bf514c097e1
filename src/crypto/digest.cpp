#include "stargraph/crypto/digest.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <atomic>

#include "crypto/algorithms.hpp"
#include "crypto/openssl.hpp"
#include "stargraph/base/check.hpp"

namespace stargraph::crypto {
namespace {

std::atomic<bool> fetched = false;

const EVP_MD* fetch(const char* name) {
  fetched = true;
  const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  SG_CHECK(algorithm != nullptr);
  return algorithm;
}

template <std::size_t kSize>
std::array<std::byte, kSize> digest_of(const EVP_MD* algorithm, base::BytesView bytes) {
  std::array<std::byte, kSize> out{};
  unsigned int size = 0;
  SG_CHECK(EVP_Digest(bytes.data(), bytes.size(), writable_octets(out), &size, algorithm, nullptr) == 1);
  SG_CHECK(size == kSize);
  return out;
}

}  // namespace

const EVP_MD* sha384_algorithm() {
  static const EVP_MD* const algorithm = fetch("SHA2-384");
  return algorithm;
}

const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = fetch("SHA2-256");
  return algorithm;
}

bool algorithms_in_use() { return fetched; }

base::Result<Digest> Digest::from_hex(std::string_view hex) {
  const auto lower_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (hex.size() != 2 * kSize || !std::ranges::all_of(hex, lower_digit))
    return base::fail(base::Code::kMalformed, "digest: not 96 lower-case hex digits");
  SG_TRY(const base::Bytes bytes, base::from_hex(hex));
  return from_bytes(bytes);
}

base::Result<Digest> Digest::from_bytes(base::BytesView bytes) {
  if (bytes.size() != kSize) return base::fail(base::Code::kMalformed, "digest: not 48 bytes");
  std::array<std::byte, kSize> value{};
  std::ranges::copy(bytes, value.begin());
  return Digest(value);
}

struct Sha384::State {
  DigestContext context{EVP_MD_CTX_new()};
};

Sha384::Sha384() : state_(std::make_unique<State>()) {
  SG_CHECK(state_->context != nullptr);
  SG_CHECK(EVP_DigestInit_ex2(state_->context.get(), sha384_algorithm(), nullptr) == 1);
}
Sha384::~Sha384() = default;
Sha384::Sha384(Sha384&&) noexcept = default;
Sha384& Sha384::operator=(Sha384&&) noexcept = default;

Sha384& Sha384::update(base::BytesView bytes) {
  SG_CHECK(state_ != nullptr);
  SG_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
  return *this;
}

Sha384& Sha384::update(std::string_view text) { return update(base::as_bytes(text)); }

Digest Sha384::finish() {
  SG_CHECK(state_ != nullptr);
  std::array<std::byte, Digest::kSize> out{};
  unsigned int size = 0;
  SG_CHECK(EVP_DigestFinal_ex(state_->context.get(), writable_octets(out), &size) == 1);
  SG_CHECK(size == out.size());
  state_.reset();
  return Digest(out);
}

Digest sha384(base::BytesView bytes) { return Digest(digest_of<Digest::kSize>(sha384_algorithm(), bytes)); }
Digest sha384(std::string_view text) { return sha384(base::as_bytes(text)); }

std::array<std::byte, 32> sha256(base::BytesView bytes) { return digest_of<32>(sha256_algorithm(), bytes); }

Digest domain_digest(std::string_view domain, base::BytesView bytes) {
  SG_CHECK(!domain.empty() && domain.find('\0') == std::string_view::npos);
  return Sha384().update(domain).update(std::string_view("\0", 1)).update(bytes).finish();
}

Digest domain_digest(std::string_view domain, std::string_view text) {
  return domain_digest(domain, base::as_bytes(text));
}

Digest hmac_sha384(base::BytesView key, base::BytesView bytes) {
  // OpenSSL takes a null key for "keep the last one"; an empty key must still be a key.
  static constexpr unsigned char kNothing = 0;
  const unsigned char* key_octets = key.empty() ? &kNothing : octets(key);
  std::array<std::byte, Digest::kSize> out{};
  std::size_t size = 0;
  SG_CHECK(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA2-384", nullptr, key_octets, key.size(), octets(bytes), bytes.size(),
                     writable_octets(out), out.size(), &size) != nullptr);
  SG_CHECK(size == out.size());
  return Digest(out);
}

bool equal_constant_time(base::BytesView a, base::BytesView b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace stargraph::crypto
