// Text with {field} places: config of `template` nodes and prompts of interrupts. A pure function: no
// expressions, no calls, no nesting; `{{` and `}}` are literal braces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::graph {

inline constexpr std::size_t kMaxRenderedBytes = std::size_t{256} << 10;
inline constexpr std::size_t kMaxPlaces = 256;  // different fields in one text

// Names of the places, in order of first use; kGraphInvalid for a brace that is no place
// and for more than kMaxPlaces.
[[nodiscard]] base::Result<std::vector<std::string>> template_fields(std::string_view text);

// Strings stand as they are, every other value as compact RFC 8785 JSON. What a value brings in is
// never read for places again. kStateField when state has no such field, kTooLarge over the cap.
[[nodiscard]] base::Result<std::string> render(std::string_view text, const json::Object& state);

}  // namespace stargraph::graph
