// X.509 certificates as identity: only what naming a principal needs. TLS itself lives in serve.
#pragma once

#include <string>
#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/crypto/digest.hpp"

namespace stargraph::crypto {

struct CertificateNames {
  Digest fingerprint;                  // SHA-384 of the DER certificate
  std::vector<std::string> san_uris;   // in order
  std::string subject;                 // RFC 4514
  std::string issuer;                  // RFC 4514
  std::string serial;                  // hex, lower case
  base::Timestamp not_before{};
  base::Timestamp not_after{};
};

[[nodiscard]] base::Result<CertificateNames> certificate_names(base::BytesView der);
[[nodiscard]] base::Result<base::Bytes> certificate_der_from_pem(std::string_view pem);  // first block

}  // namespace stargraph::crypto
