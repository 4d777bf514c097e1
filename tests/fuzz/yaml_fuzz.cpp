// Any bytes into the YAML parser. What it takes is a JSON value that our writers and the strict JSON
// parser agree on.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/yaml/parse.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace json = stargraph::json;
  const auto document = stargraph::yaml::parse(stargraph::base::as_text(std::as_bytes(std::span(data, size))));
  if (!document) return 0;
  SG_CHECK(document->value.is_null() || document->lines.contains(""));
  const std::string text = json::compact(document->value);
  const auto again = json::parse(text, {.max_bytes = text.size()});
  SG_CHECK(again.has_value());
  SG_CHECK(*again == document->value);
  return 0;
}
