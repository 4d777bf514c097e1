// A public key of a stranger, in DER or PEM: refused, or exactly the bytes that came in.
#include <algorithm>

#include "stargraph/base/check.hpp"
#include "stargraph/crypto/signature.hpp"

using namespace stargraph;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView input(reinterpret_cast<const std::byte*>(data), size);
  if (const auto key = crypto::PublicKey::from_der(input)) {
    SG_CHECK(std::ranges::equal(key->der(), input));
    SG_CHECK(crypto::PublicKey::from_pem(key->pem()).value() == *key);
    SG_CHECK(!key->verify(key->algorithm(), "stargraph.fuzz", input, input));
  }
  if (const auto key = crypto::PublicKey::from_pem(base::as_text(input)))
    SG_CHECK(crypto::PublicKey::from_der(key->der()).value() == *key);
  return 0;
}
