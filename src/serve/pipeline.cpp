#include "serve/pipeline.hpp"

#include <openssl/x509.h>

#include "stargraph/json/parse.hpp"

namespace stargraph::serve {

using base::Code;
using base::fail;
using base::Result;

Pipeline::Pipeline(const Services& services, const Tls& tls)
    : services_(services),
      tls_(tls),
      api_(services),
      journal_(services.env, services.ledger, services.committed,
               services.config.audit.reads == config::AuditReads::kRelaxed),
      rates_(services.env, services.config.limits) {
  api_.counters = [this] { return counters(); };
}

Counters Pipeline::counters() const {
  return {requests_.load(std::memory_order_relaxed), refused_.load(std::memory_order_relaxed), lobby_->refused()};
}

Asked Pipeline::asked_of(const Exchange& exchange) const {
  Asked asked;
  asked.request_id = base::make_uuid7(services_.env);
  asked.method = exchange.method();
  asked.path = exchange.path();
  asked.address = exchange.remote_address();
  asked.gate = services_.gate.get();
  return asked;
}

Result<> Pipeline::identify(const Exchange& exchange, Asked& asked) const {
  SG_TRY(const base::Bytes der, exchange.certificate());
  SG_TRY(const crypto::CertificateNames names, crypto::certificate_names(der));
  asked.fingerprint = names.fingerprint.hex();
  // The handshake checked it; a connection may outlive its certificate or the CRL it was checked with.
  if (!tls_.still_trusted(static_cast<X509*>(exchange.x509())))
    return fail(Code::kUnauthenticated, "request: certificate: no longer trusted");
  SG_TRY(asked.principal, asked.gate->identify(names));
  return {};
}

// Capability first, so that the right bucket pays; a refusal costs as much as a read.
Result<> Pipeline::admit(const Exchange& exchange, Asked& asked) {
  const Route& route = *asked.match.route;
  const Result<> may = Api::may_try(route, *asked.gate, *asked.principal);
  const policy::RateLimiter::Verdict verdict = rates_.take(&route, may.has_value(), payer(asked));
  if (!verdict.allowed) {
    asked.retry_after = verdict.retry_after;
    return fail(Code::kRateLimited, "request: too many");
  }
  if (!may) return may;
  if (!lobby_->claim(exchange.key(), asked.principal->name.str()))
    return fail(Code::kBusy, "request: too many connections of one principal");
  return {};
}

Result<Request> Pipeline::read_request(Exchange& exchange, const Asked& asked) const {
  Request request;
  request.route = asked.match.route;
  request.request_id = asked.request_id;
  SG_TRY(request.query, Query::parse(exchange.query()));
  SG_TRY(const auto key, exchange.header("Idempotency-Key"));
  if (key) request.idempotency_key = std::string(*key);
  if (request.route->method == Method::kPost) {
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
  request.parameters = asked.match.parameters;
  return request;
}

// A lost link refuses acts at once; reads go on while what they leave behind fits the limit. Health is what tells
// how it stands, so it answers always; what it says then is a refusal, whose entries are bounded.
Result<> Pipeline::check_audit(const Route& route) const {
  if (route.handler == get_health) return {};
  if (route.act != Act::kRead && services_.audit_lost())
    return fail(Code::kAuditUnavailable, "request: audit: the link to the writer is lost");
  if (audit_behind(services_.audit_lag(), services_.config.limits))
    return fail(Code::kAuditLag, "request: audit: the writer is behind");
  return {};
}

Result<Response> Pipeline::answer(Exchange& exchange, Asked& asked) {
  const Result<> known = identify(exchange, asked);
  if (known) return answer_known(exchange, asked);
  // Strangers share nothing with principals: each certificate has a bucket of its own.
  const policy::RateLimiter::Verdict verdict = rates_.take(nullptr, false, payer(asked));
  asked.retry_after = verdict.retry_after;
  return fail(verdict.allowed ? known.error().code : Code::kRateLimited, "request: refused");
}

Result<Response> Pipeline::answer_known(Exchange& exchange, Asked& asked) {
  SG_TRY(exchange.check_form());
  auto found = match_route(exchange.method(), exchange.path());
  if (!found) {
    const policy::RateLimiter::Verdict verdict = rates_.take(nullptr, false, payer(asked));
    asked.retry_after = verdict.retry_after;
    return std::unexpected(verdict.allowed ? std::move(found).error()
                                           : base::Error{Code::kRateLimited, "request: too many"});
  }
  asked.match = *std::move(found);
  SG_TRY(admit(exchange, asked));
  SG_TRY(Request request, read_request(exchange, asked));
  lobby_->request_read(exchange.key());
  // A body may take its time. What counts is what is in force when the request is carried out.
  request.gate = services_.gate.get();
  request.principal = request.gate->find(asked.principal->name);
  if (request.principal == nullptr) return fail(Code::kUnauthenticated, "request: principal: is none any more");
  asked.gate = request.gate;
  asked.principal = request.principal;
  SG_TRY(api_.may(request));
  SG_TRY(check_audit(*request.route));
  return request.route->handler(api_, request);
}

void Pipeline::finish(Exchange& exchange, const Asked& asked, const Response& response) {
  requests_.fetch_add(1, std::memory_order_relaxed);
  if (response.status >= 400) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    // Before a body was read nobody knows where the next request begins.
    const Route* const route = asked.match.route;
    if (route == nullptr || route->method == Method::kPost || asked.method != "GET") exchange.close_after_reply();
  }
  exchange.write(response, asked.request_id);
  lobby_->request_done(exchange.key());
}

void Pipeline::handle(mg_connection* connection) {
  Exchange exchange(connection);
  Asked asked = asked_of(exchange);
  const Response response = carry_out(journal_, asked, [&] { return answer(exchange, asked); });
  finish(exchange, asked, response);
}

void Pipeline::refuse(mg_connection* connection, int status) {
  Exchange exchange(connection);
  Asked asked = asked_of(exchange);
  const Response response = carry_out(journal_, asked, [&]() -> Result<Response> {
    static_cast<void>(identify(exchange, asked));
    return fail(status == 413 ? Code::kTooLarge : Code::kBadRequest, "request: not HTTP as it is served here");
  });
  finish(exchange, asked, response);
}

}  // namespace stargraph::serve
