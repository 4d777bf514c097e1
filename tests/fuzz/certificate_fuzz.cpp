// A certificate as a TLS peer shows it: refused, or names in printable ASCII.
#include <algorithm>

#include "stargraph/base/check.hpp"
#include "stargraph/crypto/certificate.hpp"

using namespace stargraph;

namespace {

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView input(reinterpret_cast<const std::byte*>(data), size);
  if (const auto names = crypto::certificate_names(input)) {
    SG_CHECK(printable(names->subject) && printable(names->issuer));
    SG_CHECK(std::ranges::all_of(names->san_uris, printable));
    SG_CHECK(names->fingerprint == crypto::sha384(input));
  }
  static_cast<void>(crypto::certificate_der_from_pem(base::as_text(input)));
  return 0;
}
