// Client: calls a stargraphd over mutual TLS (libcurl with OpenSSL). For the operator's command line and
// the worker; the daemon never links it.
//
// TLS 1.3 only, the server checked against the given CA alone, no proxy, no redirect, https only, replies
// capped. One thread at a time; the connection is kept between calls.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stargraph/base/env.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::client {

// Where the daemon is and who we are.
struct Endpoint {
  std::string url;         // "https://host:8443", nothing behind the port
  base::Path certificate;  // PEM
  base::Path key;          // PEM, mode 0600
  base::Path ca;           // PEM of the CA that signed the server
};

// Reads `url`, `certificate`, `key`, `ca` of a YAML file; unknown keys are kConfigInvalid.
[[nodiscard]] base::Result<Endpoint> load_endpoint(base::Env& env, const base::Path& file);
// $XDG_CONFIG_HOME/stargraph/client.yaml, else ~/.config/stargraph/client.yaml where it exists, else
// /etc/stargraph/client.yaml.
[[nodiscard]] base::Path default_endpoint_file();
// kConfigInvalid unless all four are there and the URL is https without path or user.
[[nodiscard]] base::Result<> check_endpoint(const Endpoint& endpoint);

using Headers = std::vector<std::pair<std::string, std::string>>;

class Client {
 public:
  [[nodiscard]] static base::Result<std::unique_ptr<Client>> make(const Endpoint& endpoint);
  ~Client();

  // The reply's JSON when its status is 2xx. Otherwise an Error whose code is the reply's `code` (so exit
  // codes are those of the reason) and whose message is the reply's `detail`; kUnavailable when nobody
  // answers, kTimedOut after `timeout`, kUnauthenticated when TLS refuses us, kMalformed for an answer
  // that is not ours.
  [[nodiscard]] base::Result<json::Value> get(const std::string& path,
                                              base::Duration timeout = std::chrono::seconds(30));
  // What /health says of the appliance: also of an unhealthy one, whose 503 names no reason but the components.
  [[nodiscard]] base::Result<json::Value> get_health(base::Duration timeout = std::chrono::seconds(30));
  // The same as get() for a reply that is no JSON document: its bytes.
  [[nodiscard]] base::Result<std::string> get_text(const std::string& path,
                                                   base::Duration timeout = std::chrono::seconds(30));
  [[nodiscard]] base::Result<json::Value> post(const std::string& path, const json::Value& body,
                                               const Headers& headers = {},
                                               base::Duration timeout = std::chrono::seconds(30));

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// RFC 3986: everything but unreserved characters as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace stargraph::client
