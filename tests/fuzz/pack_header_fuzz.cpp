// A pack's header: what is accepted must be written back as the same header.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/pack/header.hpp"

namespace pack = stargraph::pack;
namespace base = stargraph::base;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto header = pack::decode_header(std::as_bytes(std::span(data, size)));
  if (!header) return 0;
  for (const pack::FileEntry& file : header->files) {
    if (!pack::check_path(file.path)) std::abort();
  }
  const std::string written = pack::encode_header(*header);
  const auto again = pack::decode_header(base::as_bytes(written));
  if (!again || pack::encode_header(*again) != written || again->files != header->files) std::abort();
  return 0;
}
