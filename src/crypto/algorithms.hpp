// Digest algorithms fetched once: a fetch costs more than the digest of a short record.
#pragma once

#include <openssl/evp.h>

namespace stargraph::crypto {

// From the provider that the default properties chose at the first call; never freed.
[[nodiscard]] const EVP_MD* sha384_algorithm();
[[nodiscard]] const EVP_MD* sha256_algorithm();

}  // namespace stargraph::crypto
