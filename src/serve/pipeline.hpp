// Pipeline: what happens to one request, in this order: audit entry opened -> certificate -> principal -> form -> route
// -> capability and rate -> body -> audit writer not behind -> handler -> audit entry closed -> reply. Each request
// that reaches it leaves exactly one audit entry, or is counted in one (journal.hpp).
#pragma once

#include <atomic>
#include <cstdint>

#include "serve/api.hpp"
#include "serve/exchange.hpp"
#include "serve/journal.hpp"
#include "serve/lobby.hpp"
#include "serve/rates.hpp"
#include "serve/tls.hpp"

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
  [[nodiscard]] Journal& journal() { return journal_; }
  [[nodiscard]] Counters counters() const;

 private:
  [[nodiscard]] Asked asked_of(const Exchange& exchange) const;
  [[nodiscard]] base::Result<> identify(const Exchange& exchange, Asked& asked) const;
  [[nodiscard]] base::Result<Response> answer(Exchange& exchange, Asked& asked);
  [[nodiscard]] base::Result<Response> answer_known(Exchange& exchange, Asked& asked);
  [[nodiscard]] base::Result<> admit(const Exchange& exchange, Asked& asked);
  [[nodiscard]] base::Result<Request> read_request(Exchange& exchange, const Asked& asked) const;
  [[nodiscard]] base::Result<> check_audit(const Route& route) const;
  void finish(Exchange& exchange, const Asked& asked, const Response& response);

  Services services_;
  const Tls& tls_;
  Lobby* lobby_ = nullptr;
  Api api_;
  Journal journal_;
  Rates rates_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace stargraph::serve
