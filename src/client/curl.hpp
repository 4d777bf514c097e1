// libcurl as both of this module's callers use it.
#pragma once

#include <curl/curl.h>

#include <memory>

#include "stargraph/base/check.hpp"
#include "stargraph/base/result.hpp"

namespace stargraph::client {

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
using Curl = std::unique_ptr<CURL, FreeCurl>;

template <class T>
void set(CURL* curl, CURLoption option, T value) {
  SG_CHECK(curl_easy_setopt(curl, option, value) == CURLE_OK);
}

// A handle that speaks HTTP/1.1 over TLS 1.3 to the host it is told, and to no other: no proxy, no redirect. Whom it
// trusts is the caller's.
[[nodiscard]] inline base::Result<Curl> make_curl() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  Curl handle(ready ? curl_easy_init() : nullptr);
  if (!handle) return base::fail(base::Code::kInternal, "client: libcurl: cannot start");
  CURL* const curl = handle.get();
  set(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_3));
  set(curl, CURLOPT_PROTOCOLS_STR, "https");
  set(curl, CURLOPT_PROXY, "");
  set(curl, CURLOPT_FOLLOWLOCATION, 0L);
  set(curl, CURLOPT_NOSIGNAL, 1L);
  set(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  return handle;
}

}  // namespace stargraph::client
