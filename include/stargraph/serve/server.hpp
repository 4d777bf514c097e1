// Server: CivetWeb behind our own door, TLS, identity, limits and router.
//
// The listener is inherited; no Internet socket is ever made here (src/serve/adopt.cpp). A connection waits
// in the lobby until a whole ClientHello is there, so that a peer without a certificate costs no thread; TLS 1.3 with a
// client certificate of our CA comes before any byte of HTTP. Each request by a certificate we know or do not
// know leaves exactly one `request` audit entry, on disk before the reply is sent (reads may be `relaxed`: queued
// before it); refusals beyond a budget are counted in one entry together (src/serve/journal.hpp). When the audit writer
// is lost or behind, acts are refused with 503 and Retry-After, reads too once what waits is over its limit.
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
  std::function<bool()> audit_lost;       // its link is gone, and is not made again in this life
  std::function<void()> committed;        // audit rows were committed
  // What of the log there is, and a read-only descriptor of it: Shipper::log_shape, Shipper::open_part.
  std::function<audit::LogShape()> log_shape;
  std::function<base::Result<audit::OpenedPart>(audit::LogPart part, std::uint32_t segment)> open_log;
};

// Whether so much waits for the audit writer that nothing new may be let in.
[[nodiscard]] bool audit_behind(const audit::Lag& lag, const config::Limits& limits);

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

  // Ends waiting requests, finishes those in hand, closes all connections, and writes the summaries of what was counted
  // and not yet told. Any thread; once.
  void stop();
  // Once a second, by the main thread: takes up a CRL that changed (a broken one is kept out and told as
  // an error; the old one stays in force), and audits what is counted rather than written singly: refused handshakes
  // by cause, once a minute, and refused requests beyond their budget, ten seconds after the first.
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
