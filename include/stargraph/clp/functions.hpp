// The closed list of functions that rules may call: pure ones of CLIPS, assert/retract/modify/
// duplicate, and our regular expression search. Everything else (files, processes, time, random
// numbers, eval, build, printing, other environments) is refused by check_source() and undefined inside
// the jail.
#pragma once

#include <span>
#include <string_view>

namespace stargraph::clp {

// Our function (RE2 search of a text) and the name that packs written for Fathom use for it:
// (sg-matches TEXT PATTERN) gives TRUE or FALSE.
inline constexpr std::string_view kMatchesFunction = "sg-matches";
inline constexpr std::string_view kMatchesAlias = "fathom-matches";

// Sorted, without duplicates.
[[nodiscard]] std::span<const std::string_view> allowed_functions();
[[nodiscard]] bool is_allowed_function(std::string_view name);

}  // namespace stargraph::clp
