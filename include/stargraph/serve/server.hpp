// Server: CivetWeb behind our own door, TLS, identity, limits and router.
//
// The listener is inherited; no Internet socket is ever made here (src/serve/adopt.cpp). A connection waits
// in the lobby until a whole ClientHello is there, so that a peer without a certificate costs no thread; TLS 1.3 with a
// client certificate of our CA comes before any byte of HTTP. Each request by a certificate we know or do not
// know leaves exactly one `request` audit entry, on disk before the reply is sent (reads may be
// `relaxed`: queued before it).
#pragma once

#include <functional>
#include <memory>

#include "stargraph/audit/shipper.hpp"
#include "stargraph/base/env.hpp"
#include "stargraph/config/config.hpp"
#include "stargraph/engine/engine.hpp"
#include "stargraph/policy/principal.hpp"
#include "stargraph/store/ledger.hpp"

namespace stargraph::serve {

// All must outlive the server.
struct Services {
  base::Env& env;
  const config::Config& config;
  const policy::CurrentGate& gate;
  engine::Engine& engine;
  store::Ledger& ledger;
  std::function<audit::Lag()> audit_lag;  // what waits for the audit writer
  std::function<void()> committed;        // audit rows were committed
};

struct Counters {
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;             // answered with 4xx or 5xx
  std::uint64_t handshakes_refused = 0;  // connections that ended before TLS was up
};

class Server {
 public:
  // `listener` is a listening TCP socket (v4 or v6), not owned. kConfigInvalid or the file's code when certificate,
  // key, CA or CRL cannot be used. Accepts connections when it returns. One server in a process at a time.
  [[nodiscard]] static base::Result<std::unique_ptr<Server>> start(const Services& services, int listener);
  ~Server();  // stop()

  // Ends waiting requests, finishes those in hand, closes all connections. Any thread; once.
  void stop();
  // Once a second, by the main thread: takes up a CRL that changed (a broken one is kept out and told as
  // an error; the old one stays in force), and audits how many handshakes were refused since last told (once a minute).
  [[nodiscard]] base::Result<> tick();
  [[nodiscard]] Counters counters() const;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// docs/openapi.json as it was when this was compiled.
[[nodiscard]] std::string_view openapi_document();

}  // namespace stargraph::serve
