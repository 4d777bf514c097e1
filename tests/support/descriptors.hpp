// OnlyDescriptors: for as long as it lives this process can open so many descriptors more, and none besides.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include "stargraph/base/check.hpp"

namespace stargraph::test {

class OnlyDescriptors {
 public:
  explicit OnlyDescriptors(rlim_t more) {
    SG_CHECK(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int next = ::dup(0);
    SG_CHECK(next >= 0);
    ::close(next);
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(next) + more;
    SG_CHECK(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~OnlyDescriptors() { SG_CHECK(::setrlimit(RLIMIT_NOFILE, &before_) == 0); }
  OnlyDescriptors(const OnlyDescriptors&) = delete;
  OnlyDescriptors& operator=(const OnlyDescriptors&) = delete;

 private:
  rlimit before_{};
};

}  // namespace stargraph::test
