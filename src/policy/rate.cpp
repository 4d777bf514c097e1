#include "stargraph/policy/rate.hpp"

#include <algorithm>

#include "stargraph/base/check.hpp"

namespace stargraph::policy {
namespace {

constexpr std::int64_t kToken = 1'000'000;  // micro-tokens; a microsecond brings per_second of them

}  // namespace

RateLimiter::RateLimiter(base::Env& env, std::int64_t burst, std::int64_t per_second)
    : env_(env), burst_(burst), per_second_(per_second) {
  SG_CHECK(burst > 0 && per_second > 0);
}

RateLimiter::Verdict RateLimiter::take(const std::string& key) {
  const base::Duration now = env_.monotonic();
  const std::scoped_lock lock(mutex_);
  const auto [entry, is_new] = buckets_.try_emplace(key, Bucket{burst_ * kToken, now});
  Bucket& bucket = entry->second;
  // After so many microseconds the bucket is full whatever it held; the product stays far from overflow.
  const std::int64_t full_after = burst_ * kToken / per_second_ + 1;
  const std::int64_t passed = std::min((now - bucket.at).count(), full_after);
  bucket.micro_tokens = std::min(bucket.micro_tokens + passed * per_second_, burst_ * kToken);
  bucket.at = now;
  if (bucket.micro_tokens < kToken) {
    const std::int64_t micros = (kToken - bucket.micro_tokens + per_second_ - 1) / per_second_;
    return {false, std::max<std::int64_t>(1, (micros + 999'999) / 1'000'000)};
  }
  bucket.micro_tokens -= kToken;
  if (buckets_.size() >= sweep_at_) forget_full(now);
  return {true, 0};
}

std::size_t RateLimiter::buckets() const {
  const std::scoped_lock lock(mutex_);
  return buckets_.size();
}

void RateLimiter::forget_full(base::Duration now) {
  std::erase_if(buckets_, [&](const auto& entry) {
    const Bucket& bucket = entry.second;
    const std::int64_t missing = burst_ * kToken - bucket.micro_tokens;
    return (now - bucket.at).count() >= missing / per_second_ + 1;
  });
  sweep_at_ = std::max<std::size_t>(1024, buckets_.size() * 2);
}

}  // namespace stargraph::policy
