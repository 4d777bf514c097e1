// Rates: which of its buckets a request is paid from. Each principal, and each certificate that is nobody's, has its
// own.
#pragma once

#include <string>

#include "stargraph/config/limits.hpp"
#include "stargraph/policy/rate.hpp"
#include "stargraph/serve/route.hpp"

namespace stargraph::serve {

class Rates {
 public:
  Rates(base::Env& env, const config::Limits& limits);  // env must outlive it

  // One token for one request. Whatever is refused for another reason costs as much as a read: `allowed` says whether
  // the principal has the capability, `route` is null for a path that is none. Any thread.
  [[nodiscard]] policy::RateLimiter::Verdict take(const Route* route, bool allowed, const std::string& payer);

 private:
  policy::RateLimiter changes_;
  policy::RateLimiter settlements_;
  policy::RateLimiter reads_;
};

}  // namespace stargraph::serve
