// manifest.json, and the SBOM beside it: what is accepted must be written back as the same.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/pack/manifest.hpp"
#include "stargraph/pack/sbom.hpp"

namespace pack = stargraph::pack;
namespace json = stargraph::json;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  pack::Header header;
  header.id = stargraph::base::PackId("soc.triage");
  header.version = "1.0.0";
  static_cast<void>(pack::check_sbom(bytes, header));
  const auto value = json::parse(bytes);
  if (!value) return 0;
  const auto manifest = pack::decode_manifest(*value);
  if (!manifest) return 0;
  const json::Value written = pack::encode_manifest(*manifest);
  const auto again = pack::decode_manifest(written);
  if (!again || json::canonical(pack::encode_manifest(*again)) != json::canonical(written)) std::abort();
  return 0;
}
