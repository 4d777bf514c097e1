// manifest.yaml of a Bosun directory: what is accepted is a manifest of ours too.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "stargraph/pack/bosun.hpp"

namespace pack = stargraph::pack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = pack::decode_bosun_manifest(text);
  if (manifest && !pack::decode_manifest(pack::encode_manifest(pack::Manifest(*manifest)))) std::abort();
  return 0;
}
