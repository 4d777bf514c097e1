// OpenSSL's objects as owners, and PEM texts as it reads them; for the files that speak TLS.
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/free.hpp"

namespace stargraph::serve {

using base::Free;
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;

// Reads `bytes`, which must outlive it.
[[nodiscard]] inline Bio reader(base::BytesView bytes) {
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// No passphrase is ever asked for on a terminal.
inline int no_passphrase(char*, int, int, void*) { return 0; }

}  // namespace stargraph::serve
