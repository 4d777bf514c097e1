#include "stargraph/crypto/secret.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "crypto/openssl.hpp"
#include "crypto/sodium.hpp"
#include "crypto/take.hpp"
#include "stargraph/base/check.hpp"

namespace stargraph::crypto {
namespace {

// OpenSSL counts in int. A generator that fails has no safe continuation, so it ends the process.
template <class Generator>
void fill(std::span<std::byte> out, Generator generate) {
  SG_CHECK(out.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  static const bool noted = (note_generators(), true);
  static_cast<void>(noted);
  if (!out.empty()) SG_CHECK(generate(writable_octets(out), static_cast<int>(out.size())) == 1);
}

// systemd gives a unit's user its credentials by an access list where the file system has them (257 on tmpfs): folder
// and file are root's, and the list's mask shows as the group's bits. Nobody else enters that folder, so those bits
// tell nothing to others. systemd.exec(5), LoadCredential=.
bool is_credential(base::Env& env, const base::Path& path) {
  const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  if (directory == nullptr || path.parent_path() != base::Path(directory)) return false;
  const auto folder = env.info(directory);
  const auto file = env.info(path);
  return folder && folder->directory && folder->uid == 0 && (folder->mode & 0027U) == 0 && file && file->regular &&
         file->uid == 0 && (file->mode & ~0440U) == 0;
}

}  // namespace

Secret::Secret(std::size_t size) : size_(size) {
  if (size == 0) return;
  start_sodium();
  data_ = static_cast<std::byte*>(sodium_malloc(size));
  SG_CHECK(data_ != nullptr);
  sodium_memzero(data_, size);
}

Secret Secret::copy(base::BytesView bytes) {
  Secret secret(bytes.size());
  std::ranges::copy(bytes, secret.writable().begin());
  return secret;
}

Secret Secret::random(std::size_t size) {
  Secret secret(size);
  fill(secret.writable(), RAND_priv_bytes);
  return secret;
}

// sodium_free wipes the bytes and aborts when the canary before them was overwritten.
Secret::~Secret() { sodium_free(data_); }

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  sodium_free(data_);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

base::BytesView Secret::view() const { return {data_, size_}; }
std::span<std::byte> Secret::writable() { return {data_, size_}; }

void wipe(std::span<std::byte> bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

void random_bytes(std::span<std::byte> out) { fill(out, RAND_bytes); }

base::Result<Secret> read_secret_file(base::Env& env, const base::Path& path, std::size_t max_bytes) {
  if (!is_credential(env, path)) SG_TRY(base::check_private_file(env, path));
  SG_TRY(base::Bytes bytes, env.read_file(path, max_bytes));
  Secret secret = Secret::copy(bytes);
  wipe(bytes);
  return secret;
}

}  // namespace stargraph::crypto
