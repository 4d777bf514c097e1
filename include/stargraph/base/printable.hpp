// Text from outside, made fit for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace stargraph::base {

// Control characters (C0, DEL and C1, line breaks too), characters without a shape or that turn the direction of
// text, and bytes that are no UTF-8 become "\xNN"; all else stays. So no text can steer a terminal, begin a line
// of its own, or look like another.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace stargraph::base
