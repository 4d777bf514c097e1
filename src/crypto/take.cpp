#include "crypto/take.hpp"

#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include <mutex>
#include <set>

#include "stargraph/base/check.hpp"
#include "stargraph/crypto/fips.hpp"

namespace stargraph::crypto {
namespace {

std::mutex lock;

std::set<Taken>& all() {
  static auto* const list = new std::set<Taken>;  // threads may still sign while statics are destroyed
  return *list;
}

void note_generator(const char* use, EVP_RAND_CTX* context) {
  SG_CHECK(context != nullptr);
  const EVP_RAND* const generator = EVP_RAND_CTX_get0_rand(context);
  note(use, EVP_RAND_get0_name(generator), EVP_RAND_get0_provider(generator));
}

}  // namespace

void note(const char* use, const char* algorithm, const OSSL_PROVIDER* provider) {
  Taken one{use, algorithm, provider == nullptr ? "none" : OSSL_PROVIDER_get0_name(provider)};
  const std::scoped_lock hold(lock);
  all().insert(std::move(one));
}

const EVP_MD* take_digest(const char* name) {
  const EVP_MD* const digest = EVP_MD_fetch(nullptr, name, nullptr);
  SG_CHECK(digest != nullptr);
  note("digest", name, EVP_MD_get0_provider(digest));
  return digest;
}

EVP_MAC* take_mac(const char* name) {
  EVP_MAC* const mac = EVP_MAC_fetch(nullptr, name, nullptr);
  SG_CHECK(mac != nullptr);
  note("mac", name, EVP_MAC_get0_provider(mac));
  return mac;
}

void note_key(const char* use, const EVP_PKEY* key) {
  note(use, EVP_PKEY_get0_type_name(key), EVP_PKEY_get0_provider(key));
}

void note_signature(const char* use, const EVP_PKEY* key, const EVP_PKEY_CTX* context) {
  note(use, EVP_PKEY_get0_type_name(key), EVP_PKEY_CTX_get0_provider(context));
}

void note_generators() {
  note_generator("random, private", RAND_get0_private(nullptr));
  note_generator("random, public", RAND_get0_public(nullptr));
}

void note_pbes2() {
  EVP_KDF* const derivation = EVP_KDF_fetch(nullptr, "PBKDF2", nullptr);
  EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  if (derivation != nullptr) note("key file", "PBKDF2", EVP_KDF_get0_provider(derivation));
  if (cipher != nullptr) note("key file", "AES-256-CBC", EVP_CIPHER_get0_provider(cipher));
  EVP_KDF_free(derivation);
  EVP_CIPHER_free(cipher);
}

bool anything_taken() {
  const std::scoped_lock hold(lock);
  return !all().empty();
}

std::vector<Taken> taken() {
  const std::scoped_lock hold(lock);
  return {all().begin(), all().end()};
}

}  // namespace stargraph::crypto
