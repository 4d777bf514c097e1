// X.509 certificates as identity: only what naming a principal needs. TLS itself lives in serve.
#pragma once

#include <string>
#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/crypto/digest.hpp"

namespace stargraph::crypto {

struct CertificateNames {
  Digest fingerprint;                 // SHA-384 of the DER certificate
  std::vector<std::string> san_uris;  // in order
  std::string subject;                // RFC 4514
  std::string issuer;                 // RFC 4514
  std::string serial;                 // hex, lower case
  base::Timestamp not_before{};
  base::Timestamp not_after{};
};

// One certificate in DER, at most 64 KiB (kTooLarge), nothing after it (kTrailingBytes). Names are
// printable ASCII: other bytes of a distinguished name come as \XX, of a URI they are kMalformed. Says
// nothing about who signed it.
[[nodiscard]] base::Result<CertificateNames> certificate_names(base::BytesView der);
// The first PEM block, which must be a CERTIFICATE; text before and after it is passed over. kMalformed.
[[nodiscard]] base::Result<base::Bytes> certificate_der_from_pem(std::string_view pem);

}  // namespace stargraph::crypto
