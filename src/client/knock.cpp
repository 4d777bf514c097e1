#include "stargraph/client/knock.hpp"

#include "client/curl.hpp"

namespace stargraph::client {
namespace {

using base::Result;

extern "C" std::size_t drop_reply(char*, std::size_t size, std::size_t count, void* came) {
  *static_cast<bool*>(came) = true;
  return size * count;
}

}  // namespace

Result<Welcome> knock(const std::string& url, base::Duration timeout) {
  SG_TRY(const Curl handle, make_curl());
  CURL* const curl = handle.get();
  bool came = false;
  set(curl, CURLOPT_URL, (url + "/").c_str());
  set(curl, CURLOPT_SSL_VERIFYPEER, 0L);
  set(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  set(curl, CURLOPT_HEADERFUNCTION, &drop_reply);
  set(curl, CURLOPT_HEADERDATA, &came);
  set(curl, CURLOPT_WRITEFUNCTION, &drop_reply);
  set(curl, CURLOPT_WRITEDATA, &came);
  set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count() / 1000));
  const CURLcode result = curl_easy_perform(curl);
  if (came) return Welcome::kAnswered;
  curl_off_t handshake = 0;  // microseconds until our half of it was done; 0: it was not
  SG_CHECK(curl_easy_getinfo(curl, CURLINFO_APPCONNECT_TIME_T, &handshake) == CURLE_OK);
  const bool ended = result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR || result == CURLE_GOT_NOTHING ||
                     result == CURLE_SSL_CONNECT_ERROR;
  return handshake > 0 && ended ? Welcome::kSentAway : Welcome::kUnknown;
}

}  // namespace stargraph::client
