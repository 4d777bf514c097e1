#include "stargraph/clp/functions.hpp"

#include <algorithm>
#include <array>

namespace stargraph::clp {
namespace {

// In byte order. Left out on purpose though pure in themselves: sort and funcall (call by name), explode$ and
// string-to-field (CLIPS's scanner at run time), format (a C format string), trigonometry (the last digit
// differs between C libraries), halt and focus (one rule would silence the others).
constexpr auto kFunctions = std::to_array<std::string_view>({
    "!=",
    "*",
    "**",
    "+",
    "-",
    "/",
    "<",
    "<=",
    "<>",
    "=",
    ">",
    ">=",
    "abs",
    "and",
    "assert",
    "bind",
    "break",
    "create$",
    "delete$",
    "delete-member$",
    "div",
    "duplicate",
    "eq",
    "evenp",
    "fathom-matches",
    "first$",
    "float",
    "floatp",
    "foreach",
    "if",
    "implode$",
    "insert$",
    "integer",
    "integerp",
    "length",
    "length$",
    "lexemep",
    "loop-for-count",
    "lowcase",
    "max",
    "member$",
    "min",
    "mod",
    "modify",
    "multifieldp",
    "neq",
    "not",
    "nth$",
    "numberp",
    "oddp",
    "or",
    "progn",
    "progn$",
    "replace$",
    "replace-member$",
    "rest$",
    "retract",
    "return",
    "round",
    "sg-matches",
    "sqrt",
    "str-cat",
    "str-compare",
    "str-index",
    "str-length",
    "stringp",
    "sub-string",
    "subseq$",
    "subsetp",
    "switch",
    "sym-cat",
    "symbolp",
    "upcase",
    "while",
});
static_assert(std::ranges::is_sorted(kFunctions));

}  // namespace

std::span<const std::string_view> allowed_functions() { return kFunctions; }

bool is_allowed_function(std::string_view name) { return std::ranges::binary_search(kFunctions, name); }

}  // namespace stargraph::clp
