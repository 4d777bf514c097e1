// Receipts, which the trust store reads back from the database: what is taken survives its own writer, and no key
// that did not sign it verifies it.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/audit/receipt.hpp"
#include "stargraph/base/bytes.hpp"
#include "stargraph/crypto/fips.hpp"

namespace audit = stargraph::audit;
namespace crypto = stargraph::crypto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool ready = crypto::initialise(crypto::FipsMode::kOff).has_value();
  static const auto stranger = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  if (!ready || !stranger) std::abort();
  const auto receipt = audit::decode_receipt(stargraph::base::as_text(std::as_bytes(std::span(data, size))));
  if (!receipt) return 0;
  const auto again = audit::decode_receipt(audit::encode_receipt(*receipt));
  if (!again || again->line != receipt->line) std::abort();
  if (audit::verify_receipt(*receipt, stranger->public_key())) std::abort();
  return 0;
}
