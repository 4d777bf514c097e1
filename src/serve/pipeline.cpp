#include "serve/pipeline.hpp"

#include <openssl/x509.h>

#include "stargraph/audit/outbox.hpp"
#include "stargraph/json/parse.hpp"

namespace stargraph::serve {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::string_view kNobody = "unknown";  // the actor of a certificate that is nobody's

}  // namespace

Pipeline::Pipeline(const Services& services, const Tls& tls)
    : services_(services),
      tls_(tls),
      api_(services),
      changes_(services.env, services.config.limits.changes_burst, services.config.limits.changes_per_second),
      reads_(services.env, services.config.limits.reads_burst, services.config.limits.reads_per_second) {
  api_.counters = [this] { return counters(); };
}

Counters Pipeline::counters() const {
  return {requests_.load(std::memory_order_relaxed), refused_.load(std::memory_order_relaxed), lobby_->refused()};
}

Result<> Pipeline::identify(const Exchange& exchange, Caller& caller) const {
  SG_TRY(const base::Bytes der, exchange.certificate());
  SG_TRY(const crypto::CertificateNames names, crypto::certificate_names(der));
  caller.fingerprint = names.fingerprint.hex();
  // The handshake checked it; a connection may outlive its certificate or the CRL it was checked with.
  if (!tls_.still_trusted(static_cast<X509*>(exchange.x509())))
    return fail(Code::kUnauthenticated, "request: certificate: no longer trusted");
  SG_TRY(caller.principal, caller.gate->identify(names));
  return {};
}

// Capability first, so that the right bucket pays; a refusal costs as much as a read.
Result<> Pipeline::admit(const Exchange& exchange, const Caller& caller, const Route& route,
                         std::int64_t& retry_after) {
  const Result<> may = Api::may_try(route, *caller.gate, *caller.principal);
  policy::RateLimiter& limiter = may && route.act == Act::kChange ? changes_ : reads_;
  const policy::RateLimiter::Verdict verdict = limiter.take(caller.principal->name.str());
  if (!verdict.allowed) {
    retry_after = verdict.retry_after;
    return fail(Code::kRateLimited, "request: too many");
  }
  if (!may) return may;
  if (!lobby_->claim(exchange.key(), caller.principal->name.str()))
    return fail(Code::kBusy, "request: too many connections of one principal");
  return {};
}

Result<Request> Pipeline::read_request(Exchange& exchange, const Match& match, const std::string& request_id) const {
  Request request;
  request.route = match.route;
  request.request_id = request_id;
  SG_TRY(request.query, Query::parse(exchange.query()));
  SG_TRY(const auto key, exchange.header("Idempotency-Key"));
  if (key) request.idempotency_key = std::string(*key);
  if (match.route->method == Method::kPost) {
    SG_TRY(const std::string body,
           exchange.read_body(static_cast<std::size_t>(services_.config.limits.http_body_bytes)));
    SG_TRY(const auto type, exchange.header("Content-Type"));
    // A browser sends no cross-site form as application/json.
    if (!body.empty() && (!type || !type->starts_with(kJsonType)))
      return fail(Code::kBadRequest, "request: body: not application/json");
    request.body = json::Object();
    if (!body.empty()) {
      SG_TRY(request.body, json::parse(body, {.max_bytes = body.size(), .max_depth = 32}));
      if (request.body.object() == nullptr) return fail(Code::kMalformed, "request: body: expected an object");
    }
  }
  request.parameters = match.parameters;
  return request;
}

Result<Response> Pipeline::answer(Exchange& exchange, Caller& caller, Match& match, const std::string& request_id,
                                  std::int64_t& retry_after) {
  SG_TRY(exchange.check_form());
  auto found = match_route(exchange.method(), exchange.path());
  if (!found) {
    const policy::RateLimiter::Verdict verdict = reads_.take(caller.principal->name.str());
    retry_after = verdict.retry_after;
    return std::unexpected(verdict.allowed ? std::move(found).error()
                                           : base::Error{Code::kRateLimited, "request: too many"});
  }
  match = *std::move(found);
  SG_TRY(admit(exchange, caller, *match.route, retry_after));
  SG_TRY(Request request, read_request(exchange, match, request_id));
  lobby_->request_read(exchange.key());
  // A body may take its time. What counts is what is in force when the request is carried out.
  request.gate = services_.gate.get();
  request.principal = request.gate->find(caller.principal->name);
  if (request.principal == nullptr) return fail(Code::kUnauthenticated, "request: principal: is none any more");
  caller.gate = request.gate;
  caller.principal = request.principal;
  SG_TRY(api_.may(request));
  return match.route->handler(api_, request);
}

// The audit entry of a request, on disk when this returns (a read in `relaxed`: queued). A reply whose entry
// cannot be written is not given.
Response Pipeline::record(const Exchange& exchange, const Caller& caller, const Match& match, Response response,
                          const std::string& request_id) {
  audit::Event event;
  event.name = audit::EventName::kRequest;
  event.outcome = response.status < 400                              ? audit::Outcome::kSuccess
                  : response.status == 401 || response.status == 403 ? audit::Outcome::kDenied
                                                                     : audit::Outcome::kFailure;
  event.actor = caller.principal != nullptr ? caller.principal->name : base::ActorName(std::string(kNobody));
  event.tenant = caller.principal != nullptr ? caller.principal->tenant : audit::site_tenant();
  const auto& capability = match.route != nullptr ? match.route->capability : std::nullopt;
  event.data = {
      {"method", audit::safe_text(exchange.method(), 16)},
      {"route", match.route != nullptr ? std::string(match.route->pattern) : audit::safe_text(exchange.path(), 256)},
      {"capability", capability ? json::Value(policy::capability_name(*capability)) : json::Value()},
      {"status", response.status},
      {"code", response.code},
      {"request_id", request_id},
      {"address", audit::safe_text(exchange.remote_address(), 64)},
      {"certificate", caller.fingerprint},
      {"policy",
       caller.gate->policy() != nullptr ? json::Value(caller.gate->policy()->digest().hex()) : json::Value()}};
  for (const auto& [name, text] : match.parameters) {
    if (name == "run" && is_uuid(text)) event.run = base::RunId(text);
  }
  const base::Timestamp now = services_.env.now();
  const auto write = [event, now](store::Connection& connection) { return audit::append(connection, event, now); };
  const bool read = match.route != nullptr && match.route->act == Act::kRead;
  if (read && services_.config.audit.reads == config::AuditReads::kRelaxed) {
    services_.ledger.post(write, [committed = services_.committed](const Result<>& done) {
      if (done) committed();
    });
    return response;
  }
  const Result<> written = services_.ledger.run(write);
  if (!written) return error_response(Code::kAuditUnavailable, request_id);
  services_.committed();
  return response;
}

void Pipeline::finish(Exchange& exchange, const Caller& caller, const Match& match, Response response,
                      const std::string& request_id) {
  response = record(exchange, caller, match, std::move(response), request_id);
  requests_.fetch_add(1, std::memory_order_relaxed);
  if (response.status >= 400) refused_.fetch_add(1, std::memory_order_relaxed);
  exchange.write(response, request_id);
  lobby_->request_done(exchange.key());
}

void Pipeline::handle(mg_connection* connection) {
  Exchange exchange(connection);
  const std::string request_id = base::make_uuid7(services_.env);
  Caller caller(services_.gate.get());
  Match match;
  std::int64_t retry_after = 0;
  Result<Response> response = fail(Code::kInternal, "request: not answered");
  if (const auto known = identify(exchange, caller); !known) {
    // Strangers share nothing with principals: each certificate has a bucket of its own.
    const policy::RateLimiter::Verdict verdict = reads_.take("certificate:" + caller.fingerprint);
    retry_after = verdict.retry_after;
    response = fail(verdict.allowed ? known.error().code : Code::kRateLimited, "request: refused");
  } else {
    response = answer(exchange, caller, match, request_id, retry_after);
  }
  if (response) return finish(exchange, caller, match, *std::move(response), request_id);
  const Code code = response.error().code;
  Response refusal = error_response(code, request_id);
  refusal.retry_after = code == Code::kRateLimited ? retry_after : 0;
  // Before a body was read nobody knows where the next request begins.
  if (match.route == nullptr || match.route->method == Method::kPost || exchange.method() != "GET")
    exchange.close_after_reply();
  finish(exchange, caller, match, std::move(refusal), request_id);
}

void Pipeline::refuse(mg_connection* connection, int status) {
  Exchange exchange(connection);
  const std::string request_id = base::make_uuid7(services_.env);
  Caller caller(services_.gate.get());
  static_cast<void>(identify(exchange, caller));
  exchange.close_after_reply();
  finish(exchange, caller, Match{}, error_response(status == 413 ? Code::kTooLarge : Code::kBadRequest, request_id),
         request_id);
}

}  // namespace stargraph::serve
