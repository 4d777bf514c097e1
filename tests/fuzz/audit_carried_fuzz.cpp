// Proofs and slices, which anybody may bring: what is taken survives its own writer, and no key that did not sign the
// checkpoint verifies it.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/audit/export.hpp"
#include "stargraph/crypto/fips.hpp"

namespace audit = stargraph::audit;
namespace crypto = stargraph::crypto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool ready = crypto::initialise(crypto::FipsMode::kOff).has_value();
  static const auto stranger = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  if (!ready || !stranger) std::abort();
  const std::string_view text = stargraph::base::as_text(std::as_bytes(std::span(data, size)));
  const auto proof = audit::decode_proof(text);
  if (proof && (audit::encode_proof(*proof) != text || audit::verify_proof(*proof, stranger->public_key())))
    std::abort();
  const auto header = audit::decode_export_header(text);
  if (header && audit::encode_export_header(*header) != text) std::abort();

  audit::ExportVerifier verifier(stranger->public_key());
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (!verifier.line(rest.substr(0, end))) break;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (verifier.finish().good()) std::abort();
  return 0;
}
