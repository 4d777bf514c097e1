#include "stargraph/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace stargraph::base {

void check_failed(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "<0>check failed: %s: %s:%d\n", what, file, line);
  std::abort();
}

}  // namespace stargraph::base
