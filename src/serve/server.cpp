#include "stargraph/serve/server.hpp"

#include <civetweb.h>

#include <algorithm>
#include <utility>

#include "serve/adopt.hpp"
#include "serve/pipeline.hpp"
#include "stargraph/audit/outbox.hpp"

namespace stargraph::serve {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr base::Duration kIdle = std::chrono::seconds(15);  // a connection between two requests
constexpr base::Duration kTellRefused = std::chrono::seconds(60);

// --- CivetWeb's callbacks: no exception may pass through C ---

Pipeline& pipeline_of(const mg_connection* connection) {
  return *static_cast<Pipeline*>(mg_get_user_data(mg_get_context(connection)));
}

int on_request(mg_connection* connection) noexcept {
  pipeline_of(connection).handle(connection);
  return 200;  // only CivetWeb's own access log would see it
}

int on_error(mg_connection* connection, int status, const char*) noexcept {
  pipeline_of(connection).refuse(connection, status);
  return 0;
}

int on_tls(void** context, void* user) noexcept {
  if (context != nullptr && *context == nullptr) *context = static_cast<const Pipeline*>(user)->tls().context();
  return 1;  // ours: neither filled nor freed by CivetWeb
}

int on_established(const mg_connection* connection, void**) noexcept {
  pipeline_of(connection).lobby().established(Tls::current_connection(), Tls::current_certificate());
  return 0;
}

void on_close(const mg_connection* connection) noexcept {
  pipeline_of(connection).lobby().closed(Tls::current_connection());
  Tls::forget_connection();
}

int on_log(const mg_connection*, const char*) noexcept { return 1; }  // its texts quote peers

mg_callbacks callbacks() {
  mg_callbacks all{};
  all.begin_request = on_request;
  all.http_error = on_error;
  all.external_ssl_ctx = on_tls;
  all.init_connection = on_established;
  all.connection_close = on_close;
  all.log_message = on_log;
  all.log_access = on_log;
  return all;
}

// The address is never bound: it tells CivetWeb which family the listener has (adopt.cpp).
Result<const char*> placeholder_of(int listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  int listening = 0;
  socklen_t size = sizeof listening;
  const bool asked = ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
                     ::getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0;
  if (asked && listening == 1 && address.ss_family == AF_INET) return "127.0.0.1:443s";
  if (asked && listening == 1 && address.ss_family == AF_INET6) return "[::1]:443s";
  return fail(Code::kNoInheritedSocket, "serve: listener: not a listening TCP socket");
}

}  // namespace

struct Server::State {
  State(const Services& given, std::unique_ptr<Tls> ready)
      : services(given), tls(std::move(ready)), pipeline(given, *tls) {}
  [[nodiscard]] Result<> open(int listener);
  [[nodiscard]] Result<> tell_refused(bool now_or_never);

  Services services;
  std::unique_ptr<Tls> tls;
  Pipeline pipeline;
  std::unique_ptr<Lobby> lobby;
  mg_context* civetweb = nullptr;
  Lobby::Refused told_refused{};
  base::Duration told_at{0};
  bool told_all = false;  // at the end
};

Result<> Server::State::open(int listener) {
  const config::Limits& limits = services.config.limits;
  SG_TRY(const char* const placeholder, placeholder_of(listener));
  Lobby::Limits waiting;
  waiting.waiting = static_cast<std::size_t>(limits.connections_waiting);
  waiting.waiting_per_address = static_cast<std::size_t>(limits.connections_waiting_per_address);
  // Whoever begins a handshake and leaves it holds a thread until its time is up: most threads are for those who are
  // in.
  waiting.handshakes = std::max<std::size_t>(1, static_cast<std::size_t>(limits.connections_in_service) / 4);
  waiting.per_principal = static_cast<std::size_t>(limits.connections_per_principal);
  waiting.request = std::chrono::milliseconds(limits.http_request_ms);
  waiting.idle = kIdle;
  SG_TRY(lobby, Lobby::open(listener, waiting));
  pipeline.use(*lobby);
  const std::string threads = std::to_string(limits.connections_in_service);
  const std::string header_bytes = std::to_string(limits.http_header_bytes);
  const std::string request_ms = std::to_string(limits.http_request_ms);
  const std::string idle_ms = std::to_string(kIdle / std::chrono::milliseconds(1));
  const char* options[] = {"listening_ports",
                           placeholder,
                           "num_threads",
                           threads.c_str(),
                           "max_request_size",
                           header_bytes.c_str(),
                           "request_timeout_ms",
                           request_ms.c_str(),
                           "keep_alive_timeout_ms",
                           idle_ms.c_str(),
                           "enable_keep_alive",
                           "yes",
                           "tcp_nodelay",
                           "1",
                           "decode_url",
                           "no",
                           "enable_directory_listing",
                           "no",
                           nullptr};
  if ((mg_init_library(MG_FEATURES_TLS) & MG_FEATURES_TLS) == 0)
    return fail(Code::kInternal, "serve: CivetWeb: built without TLS");
  const mg_callbacks all = callbacks();
  const Adoption adoption(*lobby);
  civetweb = mg_start(&all, &pipeline, options);
  if (civetweb == nullptr || !adoption.taken()) return fail(Code::kInternal, "serve: CivetWeb: did not start");
  return {};
}

// --- the server ---

bool audit_behind(const audit::Lag& lag, const config::Limits& limits) {
  return lag.entries > limits.audit_lag_entries || lag.age > std::chrono::milliseconds(limits.audit_lag_ms);
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Server>> Server::start(const Services& services, int listener) {
  SG_TRY(auto tls, Tls::make(services.env, services.config.tls));
  auto server = std::unique_ptr<Server>(new Server(std::make_unique<State>(services, std::move(tls))));
  server->state_->told_at = services.env.monotonic();
  services.engine.on_events([bell = &server->state_->pipeline.api().bell()](const base::RunId&) { bell->ring(); });
  SG_TRY(server->state_->open(listener));
  return server;
}

Server::~Server() { stop(); }

void Server::stop() {
  State& state = *state_;
  state.services.engine.on_events([](const base::RunId&) {});
  state.pipeline.api().bell().close();
  if (state.lobby) state.lobby->stop();
  if (state.civetweb != nullptr) {
    mg_stop(state.civetweb);
    mg_exit_library();
  }
  state.civetweb = nullptr;
  end_adoption();
  if (!state.lobby || std::exchange(state.told_all, true)) return;
  // Nobody is left to hear why one of them could not be written; the ledger's failure has ended the daemon before.
  static_cast<void>(state.tell_refused(true));
  static_cast<void>(state.pipeline.journal().tell_counted(true));
}

Result<> Server::State::tell_refused(bool now_or_never) {
  const base::Duration now = services.env.monotonic();
  const Lobby::Refused refused = lobby->refused_by_cause();
  if (refused == told_refused || (!now_or_never && now - told_at < kTellRefused)) return {};
  std::int64_t count = 0;
  json::Object causes;
  for (std::size_t i = 0; i < refused.size(); ++i) {
    const auto more = static_cast<std::int64_t>(refused[i] - told_refused[i]);
    if (more > 0) causes.set(std::string(cause_name(static_cast<Cause>(i))), more);
    count += more;
  }
  audit::Event event;
  event.name = audit::EventName::kHandshakesRefused;
  event.outcome = audit::Outcome::kDenied;
  event.actor = base::ActorName("stargraphd");
  event.tenant = audit::site_tenant();
  event.data = {{"count", count}, {"causes", std::move(causes)}};
  const base::Timestamp time = services.env.now();
  SG_TRY(services.ledger.run([&](store::Connection& connection) { return audit::append(connection, event, time); }));
  services.committed();
  told_refused = refused;
  told_at = now;
  return {};
}

Result<> Server::tick() {
  SG_TRY(state_->tell_refused(false));
  SG_TRY(state_->pipeline.journal().tell_counted(false));
  SG_TRY([[maybe_unused]] const bool changed, state_->tls->refresh());
  return {};
}

Counters Server::counters() const { return state_->pipeline.counters(); }

}  // namespace stargraph::serve
