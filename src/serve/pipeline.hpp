// Pipeline: what happens to one request, in this order: certificate -> principal -> form -> route -> capability and
// rate -> body -> handler -> audit entry -> reply. Each request that reaches it leaves exactly one audit entry.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "serve/api.hpp"
#include "serve/exchange.hpp"
#include "serve/lobby.hpp"
#include "serve/tls.hpp"
#include "stargraph/policy/rate.hpp"

namespace stargraph::serve {

class Pipeline {
 public:
  // Both must outlive it; `lobby` is set before the first request.
  Pipeline(const Services& services, const Tls& tls);
  void use(Lobby& lobby) { lobby_ = &lobby; }

  void handle(mg_connection* connection);
  // What CivetWeb refuses before it asks us: bytes that are no HTTP request, headers that are too long.
  void refuse(mg_connection* connection, int status);

  [[nodiscard]] Api& api() { return api_; }
  [[nodiscard]] const Tls& tls() const { return tls_; }
  [[nodiscard]] Lobby& lobby() const { return *lobby_; }
  [[nodiscard]] Counters counters() const;

 private:
  // Who asks, as far as that is known.
  struct Caller {
    explicit Caller(std::shared_ptr<const policy::Gate> in_force) : gate(std::move(in_force)) {}
    std::shared_ptr<const policy::Gate>
        gate;  // never null; in force when the request came, then when it is carried out
    const policy::Principal* principal = nullptr;  // of that gate
    std::string fingerprint;                       // of the certificate, hex
  };
  [[nodiscard]] base::Result<> identify(const Exchange& exchange, Caller& caller) const;
  [[nodiscard]] base::Result<Response> answer(Exchange& exchange, Caller& caller, Match& match,
                                              const std::string& request_id, std::int64_t& retry_after);
  [[nodiscard]] base::Result<> admit(const Exchange& exchange, const Caller& caller, const Route& route,
                                     std::int64_t& retry_after);
  [[nodiscard]] base::Result<Request> read_request(Exchange& exchange, const Match& match,
                                                   const std::string& request_id) const;
  [[nodiscard]] Response record(const Exchange& exchange, const Caller& caller, const Match& match, Response response,
                                const std::string& request_id);
  void finish(Exchange& exchange, const Caller& caller, const Match& match, Response response,
              const std::string& request_id);

  Services services_;
  const Tls& tls_;
  Lobby* lobby_ = nullptr;
  Api api_;
  policy::RateLimiter changes_;
  policy::RateLimiter reads_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace stargraph::serve
