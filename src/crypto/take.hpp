// Every algorithm that this module takes from OpenSSL is noted here, so that taken() is the whole list.
#pragma once

#include <openssl/evp.h>

#include "crypto/openssl.hpp"

namespace stargraph::crypto {

// From the provider that the default properties choose; never freed, never null: a fetch costs more than the digest of
// a short record.
[[nodiscard]] const EVP_MD* take_digest(const char* name);
[[nodiscard]] EVP_MAC* take_mac(const char* name);

// What OpenSSL fetched by itself. Any number of times; the list keeps one of each. A null provider is "none".
void note(const char* use, const char* algorithm, const OSSL_PROVIDER* provider);
// The key's own algorithm: who keeps it and computes with it.
void note_key(const char* use, const EVP_PKEY* key);
// The signature that an initialised context will make or check.
void note_signature(const char* use, const EVP_PKEY* key, const EVP_PKEY_CTX* context);
// The generators behind RAND_priv_bytes and RAND_bytes of this thread.
void note_generators();
// What PKCS#8 is encrypted with: PBKDF2 and AES-256-CBC, which OpenSSL fetches by these names and properties.
void note_pbes2();

// Whether anything was taken: the FIPS switch would come too late then.
[[nodiscard]] bool anything_taken();

}  // namespace stargraph::crypto
