// The strict scan that stands before cJSON. cJSON 1.7 takes duplicate names, invalid UTF-8, control
// characters as white space, trailing bytes and infinite numbers, and cuts a string at \u0000; after
// this scan none of them is left for it to take.
#pragma once

#include <string_view>
#include <vector>

#include "stargraph/json/parse.hpp"

namespace stargraph::json {

// Checks `text` as parse.hpp promises. Gives the numbers in the order they stand in the text, because
// cJSON keeps every number as a double and forgets whether it was written as an integer.
[[nodiscard]] base::Result<std::vector<Value>> scan(std::string_view text, const ParseLimits& limits);

}  // namespace stargraph::json
