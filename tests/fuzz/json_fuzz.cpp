// Any bytes into the JSON parser. What it takes must survive its own writers: the same value back from
// each layout, and one canonical form.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stargraph/base/check.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace json = stargraph::json;
  const auto value = json::parse(std::as_bytes(std::span(data, size)));
  if (!value) return 0;
  const std::string canonical = json::canonical(*value);
  for (const std::string& text : {canonical, json::compact(*value), json::pretty(*value)}) {
    const auto again = json::parse(text, {.max_bytes = text.size()});
    SG_CHECK(again.has_value());
    SG_CHECK(*again == *value);
    SG_CHECK(json::canonical(*again) == canonical);
  }
  return 0;
}
