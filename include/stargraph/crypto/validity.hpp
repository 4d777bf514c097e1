// Until when certificates and revocation lists stand, read from PEM as OpenSSL reads it: what somebody must know before
// TLS refuses everybody. Whether a certificate is trusted is TLS's question, not this one's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::crypto {

struct Validity {
  std::string name;  // of a certificate its subject, of a list its issuer; RFC 4514
  base::Timestamp from;
  std::optional<base::Timestamp> until;  // nothing: a list that names no next one
};

// Each certificate in `pem`, in order; other text is passed over. kMalformed when there is none, or one cannot be read.
[[nodiscard]] base::Result<std::vector<Validity>> certificate_validity(std::string_view pem);

// Each list in `pem`, in order. kMalformed as above; kSignatureInvalid when a list is signed by no certificate in
// `authorities` (PEM), kSignatureMissing when one of those certificates has no list: TLS that asks for lists refuses
// whoever is below it.
[[nodiscard]] base::Result<std::vector<Validity>> revocation_list_validity(std::string_view pem,
                                                                           std::string_view authorities);

}  // namespace stargraph::crypto
