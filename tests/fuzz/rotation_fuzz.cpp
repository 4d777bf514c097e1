// rotation.json: what is taken names two different safe keys and survives its own writer.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/base/bytes.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/trust/rotation.hpp"

namespace json = stargraph::json;
namespace trust = stargraph::trust;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto rotation = trust::parse_rotation(stargraph::base::as_text(std::as_bytes(std::span(data, size))));
  if (!rotation) return 0;
  if (rotation->old_key == rotation->new_key.key_id()) std::abort();
  const auto again = trust::parse_rotation(json::canonical(trust::encode_rotation(*rotation)));
  if (!again || json::canonical(trust::encode_rotation(*again)) != json::canonical(trust::encode_rotation(*rotation))) {
    std::abort();
  }
  return 0;
}
