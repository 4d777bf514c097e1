// revocations.json: what is taken adds up to a list whose form inside a trust act gives the same list back.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/base/bytes.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/trust/revocation.hpp"

namespace json = stargraph::json;
namespace trust = stargraph::trust;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto list = trust::parse_revocation_list(stargraph::base::as_text(std::as_bytes(std::span(data, size))));
  if (!list) return 0;
  const json::Object encoded = trust::encode_revocations(*list);
  if (json::canonical(encoded).size() > trust::kMaxRevocationBytes || list->size() > trust::kMaxRevocations)
    std::abort();
  const auto again = trust::decode_revocations(encoded);
  if (!again || !(*again == *list)) std::abort();
  trust::Revocations twice = *list;
  twice.add(*again);
  if (!(twice == *list)) std::abort();
  return 0;
}
