// What the readers of certificates and of revocation lists share.
#pragma once

#include <openssl/x509.h>

#include <string>

#include "crypto/openssl.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::crypto {

using Certificate = std::unique_ptr<X509, Free<X509_free>>;

// RFC 4514; kMalformed.
[[nodiscard]] base::Result<std::string> rfc4514(const X509_NAME* name);
// RFC 5280 4.1.2.5; kMalformed.
[[nodiscard]] base::Result<base::Timestamp> instant(const ASN1_TIME* time);

}  // namespace stargraph::crypto
