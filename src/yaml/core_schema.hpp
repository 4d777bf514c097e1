// Types of plain scalars: the core schema of YAML 1.2 (10.3.2), with one difference: a number that
// begins with 0 and goes on with a digit stays text, because YAML 1.1 reads 0777 as octal and a person
// may mean either.
#pragma once

#include <string_view>

#include "stargraph/base/result.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::yaml {

// kNumberRange for .inf, .nan, integers beyond +-(2^53-1) and floats that do not fit a double; the
// message is only the reason.
[[nodiscard]] base::Result<json::Value> plain_value(std::string_view text);

}  // namespace stargraph::yaml
