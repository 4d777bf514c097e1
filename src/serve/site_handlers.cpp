// The appliance itself: health, metrics, what is installed.
#include <array>

#include "serve/api.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

json::Value component(bool fine, std::string_view detail) {
  return json::Object{{"status", fine ? "ok" : "error"}, {"detail", detail}};
}

void metric(std::string& text, std::string_view name, std::string_view type, std::string_view help) {
  text.append("# HELP ")
      .append(name)
      .append(" ")
      .append(help)
      .append("\n# TYPE ")
      .append(name)
      .append(" ")
      .append(type)
      .append("\n");
}

void number(std::string& text, std::string_view name, std::int64_t value) {
  text.append(name).append(" ").append(std::to_string(value)).append("\n");
}

}  // namespace

// Upstream's four components; ours behind them. A component that fails makes the whole unhealthy (503). The daemon ends
// when its jail is lost, so whoever reads this answer has one.
Result<Response> get_health(Api& api, const Request& request) {
  const auto stored = api.engine().list_runs(
      request.principal->tenant,
      engine::RunFilter{.status = {}, .since = {}, .until = {}, .trigger_source = {}, .limit = 1, .offset = 0});
  const audit::Lag lag = api.services().audit_lag();
  const bool shipped = !api.services().audit_lost() && !audit_behind(lag, api.services().config.limits);
  const bool fine = stored.has_value() && shipped;
  const json::Object unconfigured{{"status", "unconfigured"}, {"detail", "not in this version"}};
  return json_response(
      fine ? 200 : 503,
      json::Object{{"status", fine ? "ok" : "unhealthy"},
                   {"components", json::Object{{"store", component(stored.has_value(), "encrypted database")},
                                               {"artifact_store", unconfigured},
                                               {"fathom", component(true, "rules jail")},
                                               {"registry", component(true, "active packs")},
                                               {"audit", component(shipped, "audit writer")}}}});
}

Result<Response> get_metrics(Api& api, const Request& request) {
  constexpr auto kStatuses = std::to_array<std::string_view>({"running", "done", "failed", "paused", "cancelled"});
  std::string text;
  metric(text, "stargraph_runs_total", "gauge", "Runs of the caller's tenant by status.");
  for (const std::string_view status : kStatuses) {
    engine::RunFilter filter;
    filter.status = std::string(status);
    filter.limit = 1;
    SG_TRY(const engine::RunPage page, api.engine().list_runs(request.principal->tenant, filter));
    number(text, "stargraph_runs_total{status=\"" + std::string(status) + "\"}", page.total);
  }
  SG_TRY(const engine::Use use, api.engine().use(request.principal->tenant));
  metric(text, "stargraph_tenant_record_bytes", "gauge", "What the records of the caller's tenant hold.");
  number(text, "stargraph_tenant_record_bytes", use.held);
  metric(text, "stargraph_tenant_record_bytes_limit", "gauge", "What they may hold; at nine tenths no run starts.");
  number(text, "stargraph_tenant_record_bytes_limit", use.budget);
  const audit::Lag lag = api.services().audit_lag();
  const Counters counters = api.counters();
  metric(text, "stargraph_audit_lag_entries", "gauge", "Audit records that the audit writer has not acknowledged yet.");
  number(text, "stargraph_audit_lag_entries", lag.entries);
  metric(text, "stargraph_requests_total", "counter", "Requests answered since start.");
  number(text, "stargraph_requests_total", static_cast<std::int64_t>(counters.requests));
  metric(text, "stargraph_requests_refused_total", "counter", "Requests answered with 4xx or 5xx since start.");
  number(text, "stargraph_requests_refused_total", static_cast<std::int64_t>(counters.refused));
  metric(text, "stargraph_handshakes_refused_total", "counter", "Connections that ended before TLS was up.");
  number(text, "stargraph_handshakes_refused_total", static_cast<std::int64_t>(counters.handshakes_refused));
  Response response;
  response.body = std::move(text);
  response.content_type = "text/plain; version=0.0.4";
  return response;
}

Result<Response> get_openapi(Api&, const Request&) {
  Response response;
  response.body = openapi_document();
  return response;
}

Result<Response> get_graphs(Api& api, const Request&) {
  json::Array graphs;
  const auto catalog = api.engine().catalog();
  for (const auto& [id, basis] : catalog->graphs()) {
    graphs.emplace_back(json::Object{
        {"graph_id", id.str()}, {"graph_hash", basis->graph_hash.hex()}, {"basis_hash", basis->basis_hash.hex()}});
  }
  return json_response(200, std::move(graphs));
}

Result<Response> get_packs(Api& api, const Request&) {
  json::Array items;
  const auto catalog = api.engine().catalog();
  for (const trust::LoadedPack& pack : catalog->packs()) {
    const trust::PackRef& ref = pack.ref();
    items.emplace_back(json::Object{{"id", ref.id.str()},
                                    {"version", ref.version},
                                    {"epoch", ref.epoch.value()},
                                    {"kind", pack::kind_name(ref.kind)},
                                    {"digest", ref.digest.hex()}});
  }
  return json_response(200, json::Object{{"items", std::move(items)}});
}

// Upstream's plug-in registries: there are none here.
Result<Response> get_registry(Api&, const Request& request) {
  const std::string& kind = request.parameter("kind");
  if (kind != "tools" && kind != "skills" && kind != "stores")
    return fail(Code::kNotFound, "request: registry: unknown kind");
  return json_response(200, json::Array());
}

Result<Response> not_available(Api&, const Request&) {
  return fail(Code::kNotAvailable, "request: not in this version");
}

}  // namespace stargraph::serve
