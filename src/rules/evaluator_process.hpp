// What runs inside an evaluator process.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "rules/wire.hpp"

namespace stargraph::rules {

// Loads a program from the first frame on kJailFd, then answers evaluations until the socket closes. Ends the process.
[[noreturn]] void run_evaluator();

// The same work on one request, for tests in the process itself.
class Stages {
 public:
  Stages();
  ~Stages();
  Stages(const Stages&) = delete;
  Stages& operator=(const Stages&) = delete;
  // The frame that answers.
  [[nodiscard]] std::string answer(std::string_view body);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stargraph::rules
