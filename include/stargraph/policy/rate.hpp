// Token buckets: how often a principal may act.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "stargraph/base/env.hpp"
#include "stargraph/base/result.hpp"

namespace stargraph::policy {

// `burst` requests at once, then `per_second`. Time comes from env's monotonic clock. Any thread.
class RateLimiter {
 public:
  RateLimiter(base::Env& env, std::int64_t burst, std::int64_t per_second);  // env must outlive it
  // Takes one token of `key`'s bucket. kRateLimited when it is empty; `retry_after` says in how many
  // whole seconds, at least 1, a token will be there.
  struct Verdict {
    bool allowed = false;
    std::int64_t retry_after = 0;
  };
  [[nodiscard]] Verdict take(const std::string& key);
  // Buckets held now: full ones are forgotten, so that memory follows the principals that are active.
  [[nodiscard]] std::size_t buckets() const;

 private:
  struct Bucket {
    std::int64_t micro_tokens = 0;  // a millionth of a token
    base::Duration at{0};
  };
  void forget_full(base::Duration now);

  base::Env& env_;
  std::int64_t burst_;
  std::int64_t per_second_;
  mutable std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;
  std::size_t sweep_at_ = 1024;
};

}  // namespace stargraph::policy
