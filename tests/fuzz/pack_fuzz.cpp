// A pack file: whatever is taken apart must go together again to the same bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "stargraph/pack/verify.hpp"

namespace pack = stargraph::pack;
namespace base = stargraph::base;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes = std::as_bytes(std::span(data, size));
  const auto container = pack::parse(bytes);
  if (!container) return 0;
  const base::Bytes again =
      pack::assemble(container->header_bytes, pack::encode_signatures(container->signatures), container->payload);
  if (!std::ranges::equal(again, bytes)) std::abort();
  if (!pack::decode_header(base::as_bytes(pack::encode_header(container->header)))) std::abort();
  static_cast<void>(pack::check_signatures(*container));
  static_cast<void>(pack::check_contents(*container));  // whatever the signatures say, to reach the parsers behind
  return 0;
}
