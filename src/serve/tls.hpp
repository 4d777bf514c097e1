// Tls: our own SSL_CTX, so that nothing of CivetWeb's options decides who may connect.
//
// TLS 1.3 only; a client certificate of our CA is required; AES-256-GCM first; P-384, P-256 and, outside FIPS, X25519;
// no tickets, no resumption, no early data. The trust store (client CA and CRL) is replaced whole when the CRL file
// changes: handshakes that began keep the old one.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>

#include "serve/client_trust.hpp"
#include "serve/openssl.hpp"
#include "stargraph/base/env.hpp"
#include "stargraph/config/config.hpp"

namespace stargraph::serve {

class Tls {
 public:
  // kConfigInvalid with the file's name when one cannot be used; the codes of check_private_file for the key.
  [[nodiscard]] static base::Result<std::unique_ptr<Tls>> make(base::Env& env, const config::Tls& files);

  [[nodiscard]] SSL_CTX* context() const { return context_.get(); }
  // Takes up a CRL file that changed; true when it did. After an error the old one stays in force.
  [[nodiscard]] base::Result<bool> refresh();
  // The descriptor of the connection whose handshake this thread began last, until it forgets it; -1: none.
  [[nodiscard]] static int current_connection();
  static void forget_connection();
  // SHA-384 of that connection's client certificate, hex; empty while it has none.
  [[nodiscard]] static std::string current_certificate();
  // Whether `certificate` still stands (signature, time, CRL) under the trust store as it is now: for connections that
  // are older. A verdict lasts as ClientTrust says, and never over a CRL that was taken up.
  [[nodiscard]] bool still_trusted(X509* certificate) const;
  [[nodiscard]] std::shared_ptr<const ClientTrust> trust() const;

 private:
  Tls(base::Env& env, const config::Tls& files) : env_(env), files_(files) {}
  [[nodiscard]] base::Result<> prepare();
  [[nodiscard]] base::Result<> use_key();
  [[nodiscard]] base::Result<> use_chain();
  [[nodiscard]] base::Result<std::shared_ptr<const ClientTrust>> read_trust(const base::Bytes& crl) const;
  [[nodiscard]] base::Result<base::Bytes> read_crl() const;
  static void on_progress(const SSL* connection, int where, int result);
  static int on_hello(SSL* connection, int* alert, void* self);

  base::Env& env_;
  config::Tls files_;
  std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>> context_;
  base::Bytes ca_;
  base::Bytes crl_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ClientTrust> trust_;
};

}  // namespace stargraph::serve
