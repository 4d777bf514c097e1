// One request and its reply over a CivetWeb connection: headers, body, bytes. Only here and in server.cpp is
// CivetWeb known.
#pragma once

#include <civetweb.h>

#include <optional>
#include <string>
#include <string_view>

#include "serve/http.hpp"
#include "serve/lobby.hpp"
#include "stargraph/crypto/certificate.hpp"

namespace stargraph::serve {

class Exchange {
 public:
  explicit Exchange(mg_connection* connection);

  [[nodiscard]] ConnectionKey key() const { return key_; }
  [[nodiscard]] std::string_view method() const;
  [[nodiscard]] std::string_view path() const;  // as it was sent, without the query
  [[nodiscard]] std::string_view query() const;
  [[nodiscard]] std::string_view remote_address() const;
  // The only header of that name. kBadRequest when it is there twice.
  [[nodiscard]] base::Result<std::optional<std::string_view>> header(std::string_view name) const;

  // The client's certificate as DER. TLS made sure that there is one.
  [[nodiscard]] base::Result<base::Bytes> certificate() const;
  [[nodiscard]] void* x509() const;

  // What HTTP allows and we do not: another version than 1.1, Content-Length together with Transfer-Encoding, either
  // of them twice, a control character or a byte above 0x7e in a header, bodies of GET.
  [[nodiscard]] base::Result<> check_form() const;
  // The whole body; kTooLarge as soon as it must be longer than `limit`, kTimedOut when it stops coming.
  [[nodiscard]] base::Result<std::string> read_body(std::size_t limit);
  // Whole or cut off: no second request may be read behind a body that was not.
  void close_after_reply();
  void write(const Response& response, const std::string& request_id);

 private:
  mg_connection* connection_;
  const mg_request_info* info_;
  ConnectionKey key_;
  bool closing_ = false;
};

}  // namespace stargraph::serve
