#include "stargraph/crypto/digest.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <algorithm>

#include "crypto/algorithms.hpp"
#include "crypto/openssl.hpp"
#include "crypto/take.hpp"
#include "stargraph/base/check.hpp"

namespace stargraph::crypto {
namespace {

using MacContext = std::unique_ptr<EVP_MAC_CTX, Free<EVP_MAC_CTX_free>>;

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
  static const EVP_MD* const algorithm = take_digest("SHA2-384");
  return algorithm;
}

const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = take_digest("SHA2-256");
  return algorithm;
}

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
  static EVP_MAC* const hmac = take_mac("HMAC");
  // OpenSSL takes a null key for "keep the last one"; an empty key must still be a key.
  static constexpr unsigned char kNothing = 0;
  const unsigned char* key_octets = key.empty() ? &kNothing : octets(key);
  std::string digest = "SHA2-384";  // OSSL_PARAM has no const pointers; init only reads
  const std::array params{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), digest.size()),
                          OSSL_PARAM_construct_end()};
  const MacContext context(EVP_MAC_CTX_new(hmac));
  std::array<std::byte, Digest::kSize> out{};
  std::size_t size = 0;
  SG_CHECK(context != nullptr && EVP_MAC_init(context.get(), key_octets, key.size(), params.data()) == 1 &&
           EVP_MAC_update(context.get(), octets(bytes), bytes.size()) == 1 &&
           EVP_MAC_final(context.get(), writable_octets(out), &size, out.size()) == 1);
  SG_CHECK(size == out.size());
  return Digest(out);
}

bool equal_constant_time(base::BytesView a, base::BytesView b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace stargraph::crypto
