// Where a program begins.
#pragma once

#include <cstdio>
#include <exception>

#include "stargraph/base/reason.hpp"

namespace stargraph {

// What `run` returns. Errors are values everywhere, so an exception that gets here is no memory or a mistake of ours:
// it is named on stderr and the program fails.
inline int run_program(const char* name, int (*run)(int, char**), int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return base::kExitFailed;
  }
}

}  // namespace stargraph
