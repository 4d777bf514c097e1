#include "serve/rates.hpp"

namespace stargraph::serve {

Rates::Rates(base::Env& env, const config::Limits& limits)
    : changes_(env, limits.changes_burst, limits.changes_per_second),
      settlements_(env, limits.changes_burst, limits.changes_per_second),
      reads_(env, limits.reads_burst, limits.reads_per_second) {}

policy::RateLimiter::Verdict Rates::take(const Route* route, bool allowed, const std::string& payer) {
  if (route == nullptr || !allowed) return reads_.take(payer);
  switch (route->act) {
    case Act::kRead: return reads_.take(payer);
    case Act::kSettle: return settlements_.take(payer);
    case Act::kChange: break;
  }
  return changes_.take(payer);
}

}  // namespace stargraph::serve
