// An SBOM against a header of two files: what is accepted lists exactly them.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/pack/sbom.hpp"

namespace pack = stargraph::pack;
namespace base = stargraph::base;

namespace {

pack::Header two_files() {
  pack::Header header;
  header.id = base::PackId("soc.triage");
  header.version = "1.0.0";
  header.created = "2026-01-01T00:00:00.000000Z";
  for (const char* path : {"manifest.json", "rules.clp"}) {
    header.files.push_back({path, 0, stargraph::crypto::sha384(std::string_view())});
  }
  return header;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const pack::Header header = two_files();
  const base::BytesView bytes = std::as_bytes(std::span(data, size));
  const pack::SbomSummary summary = pack::summarise_sbom(bytes);
  if (pack::check_sbom(bytes, header) && summary.files != header.files.size()) std::abort();
  return 0;
}
