// Approvals, as a request that a person hands over and as a token that comes back: one form each, so that a digest can
// say whether it was used.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/base/bytes.hpp"
#include "stargraph/trust/approval.hpp"

namespace trust = stargraph::trust;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = stargraph::base::as_text(std::as_bytes(std::span(data, size)));
  const auto request = trust::decode_request(text);
  if (request && trust::encode_request(*request) != text) std::abort();
  const auto approval = trust::decode_token(text);
  if (!approval) return 0;
  const auto again = trust::decode_token(trust::encode_token(*approval));
  if (!again || again->request != approval->request || again->signature != approval->signature) std::abort();
  return 0;
}
