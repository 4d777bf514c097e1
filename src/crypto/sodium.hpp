// libsodium wants one call before any other; every use of it here starts with this.
#pragma once

#include <sodium.h>

#include "stargraph/base/check.hpp"

namespace stargraph::crypto {

inline void start_sodium() {
  static const int started = sodium_init();
  SG_CHECK(started >= 0);
}

}  // namespace stargraph::crypto
