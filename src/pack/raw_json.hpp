// Where a member's value stands in a JSON text, for a format that hashes it as it was typed.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stargraph::pack {

// The members of an object with the texts of their values, in the order they stand; none when `text` is no object.
// `text` was accepted by json::parse before: nothing is checked here.
[[nodiscard]] std::vector<std::pair<std::string, std::string_view>> raw_members(std::string_view text);
// The value of one of them; empty when there is none.
[[nodiscard]] std::string_view raw_member(std::string_view text, std::string_view name);

// Without white space outside strings, and with <, >, & and U+2028, U+2029 written as \uXXXX, as Go's encoder
// compacts a value that it passes through.
[[nodiscard]] std::string go_compact(std::string_view json);

// A string as Go's encoder writes it (1.22 and newer: \b and \f have short forms).
[[nodiscard]] std::string go_quoted(std::string_view text);

}  // namespace stargraph::pack
