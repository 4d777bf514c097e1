// What a FIPS module's self-test says of itself while it runs: OpenSSL tells of each known answer
// (OSSL_SELF_TEST_set_callback(3)). One watch at a time, before threads.
#pragma once

#include <set>
#include <string>

namespace stargraph::crypto {

class SelfTestWatch {
 public:
  SelfTestWatch();
  ~SelfTestWatch();
  SelfTestWatch(const SelfTestWatch&) = delete;
  SelfTestWatch& operator=(const SelfTestWatch&) = delete;

  // Since it began the module's integrity was checked, and at least one known answer came of each kind of algorithm
  // that we use; none was wrong. A module that lacks one more of them does not load (OpenSSL 3.0 to 3.5), or checks it
  // before its first use (later).
  [[nodiscard]] bool saw_it_pass() const;
  void hear(const char* phase, const char* type);

 private:
  std::set<std::string, std::less<>> passed_;
  bool failed_ = false;
};

}  // namespace stargraph::crypto
