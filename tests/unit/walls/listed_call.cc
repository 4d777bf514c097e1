// Compiled by a test with CALL as a name on a list. Every name that dials, executes or makes code must not compile.
#include <array>

#include "stargraph/walls/syscall_filter.hpp"

constexpr auto kList = std::to_array<stargraph::walls::Call>({CALL});
