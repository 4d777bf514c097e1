// A pack's signature block, which no signature covers: what is accepted has exactly one form.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/pack/header.hpp"

namespace pack = stargraph::pack;
namespace base = stargraph::base;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes = std::as_bytes(std::span(data, size));
  const auto entries = pack::decode_signatures(bytes);
  if (!entries) return 0;
  if (entries->empty() || entries->size() > pack::kMaxSignatures) std::abort();
  if (pack::encode_signatures(*entries) != base::as_text(bytes)) std::abort();
  for (const pack::SignatureEntry& entry : *entries) {
    const auto key = stargraph::crypto::PublicKey::from_der(entry.spki);
    if (key) static_cast<void>(key->verify(entry.algorithm, pack::kSignatureDomain, bytes, entry.signature));
  }
  return 0;
}
