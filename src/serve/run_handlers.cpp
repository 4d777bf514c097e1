// Runs: start, look, act.
#include <utility>

#include "serve/api.hpp"
#include "serve/render.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::int64_t kMaxPage = 1000;
constexpr std::int64_t kUsualPage = 100;
constexpr std::size_t kMaxKeyBytes = 255;
constexpr base::Duration kPageWait = std::chrono::seconds(2);

Result<base::RunId> run_of(const Request& request) {
  const std::string& text = request.parameter("run");
  if (!is_uuid(text)) return fail(Code::kRunUnknown, "request: run: not an id");
  return base::RunId(text);
}

Result<json::Object> object_or_empty(const json::Value* value) {
  if (value == nullptr) return json::Object();
  if (value->object() == nullptr) return fail(Code::kMalformed, "request: expected an object");
  return *value->object();
}

Result<> no_body(const Request& request) {
  if (!request.body.is_null() && !request.body.object()->empty())
    return fail(Code::kUnknownField, "request: body: takes no members");
  return {};
}

Result<std::optional<base::Timestamp>> time_of(const std::optional<std::string>& text) {
  if (!text) return std::optional<base::Timestamp>();
  const auto time = base::parse_rfc3339(*text);
  if (!time) return fail(Code::kBadRequest, "query: time: not RFC 3339");
  return std::optional(*time);
}

// {"items":[...],"next":...}, written row by row: only one is there twice.
class Page {
 public:
  void add(const json::Value& item) {
    if (body_.size() > kOpen.size()) body_ += ',';
    body_ += json::compact(item);
  }
  Response response(const json::Value& next) {
    Response response;
    response.body = std::move(body_);
    response.body.append("],\"next\":").append(json::compact(next)).append("}");
    return response;
  }

 private:
  static constexpr std::string_view kOpen = "{\"items\":[";
  std::string body_{kOpen};
};

using RunAct = Result<engine::RunView> (engine::Engine::*)(const engine::Caller&, const base::RunId&);

Result<Response> act(Api& api, const Request& request, RunAct what, int status) {
  SG_TRY(no_body(request));
  SG_TRY(const base::RunId run, run_of(request));
  SG_TRY(const engine::RunView view, (api.engine().*what)(api.caller(request), run));
  return json_response(status, render(view));
}

}  // namespace

Result<Response> post_run(Api& api, const Request& request) {
  json::Reader in(request.body, "request");
  engine::StartRequest start;
  start.graph = base::GraphId(in.text("graph_id", 1, 256));
  const json::Value* const params = in.optional_value("params");
  const json::Value* const key = in.optional_value("idempotency_key");
  SG_TRY(in.finish());
  SG_TRY(start.params, object_or_empty(params));
  if (key != nullptr && !key->is_null()) {
    if (key->string() == nullptr) return fail(Code::kMalformed, "request: idempotency_key: not a text");
    start.idempotency_key = *key->string();
  }
  if (request.idempotency_key) {
    if (start.idempotency_key && start.idempotency_key != request.idempotency_key)
      return fail(Code::kBadRequest, "request: two idempotency keys");
    start.idempotency_key = request.idempotency_key;
  }
  if (start.idempotency_key && (start.idempotency_key->empty() || start.idempotency_key->size() > kMaxKeyBytes)) {
    return fail(Code::kBadRequest, "request: idempotency key: 1 to 255 bytes");
  }
  SG_TRY(const engine::StartReply reply, api.engine().start_run(api.caller(request), start));
  return json_response(202, json::Object{{"run_id", reply.run.str()},
                                         {"status", "pending"},
                                         {"state", engine::run_state_name(reply.state)},
                                         {"repeated", reply.repeated}});
}

Result<Response> get_runs(Api& api, const Request& request) {
  Query query = request.query;
  engine::RunFilter filter;
  filter.status = query.text("status");
  SG_TRY(filter.since, time_of(query.text("since")));
  SG_TRY(filter.until, time_of(query.text("until")));
  filter.trigger_source = query.text("trigger_source");
  filter.limit = query.integer("limit", 1, kMaxPage).value_or(kUsualPage);
  filter.offset = query.integer("offset", 0, json::kMaxInteger).value_or(0);
  SG_TRY(query.finish());
  SG_TRY(const engine::RunPage page, api.engine().list_runs(request.principal->tenant, filter));
  SG_TRY(const engine::Use use, api.engine().use(request.principal->tenant));
  json::Array items;
  for (const engine::RunView& run : page.items) items.emplace_back(render(run));
  return json_response(200, json::Object{{"items", std::move(items)},
                                         {"total", page.total},
                                         {"limit", filter.limit},
                                         {"offset", filter.offset},
                                         {"cursor", nullptr},
                                         {"record_bytes", use.held},
                                         {"record_bytes_limit", use.budget}});
}

Result<Response> get_run(Api& api, const Request& request) {
  SG_TRY(const base::RunId run, run_of(request));
  SG_TRY(const engine::RunView view, api.engine().get_run(request.principal->tenant, run));
  return json_response(200, render(view));
}

Result<Response> get_steps(Api& api, const Request& request) {
  SG_TRY(const base::RunId run, run_of(request));
  Query query = request.query;
  const std::int64_t from = query.integer("from", 0, json::kMaxInteger).value_or(0);
  const std::int64_t limit = query.integer("limit", 1, kMaxPage).value_or(kUsualPage);
  SG_TRY(query.finish());
  const auto turn = api.pages().take(kPageWait);
  if (!turn) return fail(Code::kBusy, "request: steps: too many read at once");
  const base::TenantId& tenant = request.principal->tenant;
  SG_TRY(auto steps, api.engine().steps(tenant, run, base::StepNumber(from), limit));
  json::Value next;
  if (!steps.empty()) {  // a page may also end before its limit: after so many bytes
    const base::StepNumber behind(steps.back().number.value() + 1);
    SG_TRY(const auto more, api.engine().steps(tenant, run, behind, 1));
    if (!more.empty()) next = behind.value();
  }
  Page page;
  for (engine::StepView& step : steps) page.add(render(std::exchange(step, {})));
  return page.response(next);
}

Result<Response> get_events(Api& api, const Request& request) {
  SG_TRY(const base::RunId run, run_of(request));
  Query query = request.query;
  const std::int64_t after = query.integer("after", 0, json::kMaxInteger).value_or(0);
  const std::int64_t limit = query.integer("limit", 1, kMaxPage).value_or(kUsualPage);
  SG_TRY(query.finish());
  const auto turn = api.pages().take(kPageWait);
  if (!turn) return fail(Code::kBusy, "request: events: too many read at once");
  SG_TRY(auto events, api.engine().events(request.principal->tenant, run, base::EventSeq(after), limit));
  const std::int64_t next = events.empty() ? after : events.back().seq.value();
  Page page;
  for (engine::EventView& event : events) page.add(std::exchange(event.body, {}));
  return page.response(next);
}

Result<Response> post_cancel(Api& api, const Request& request) {
  return act(api, request, &engine::Engine::cancel, 200);
}

Result<Response> post_pause(Api& api, const Request& request) { return act(api, request, &engine::Engine::pause, 200); }

// Upstream answers a resume with the short form of a start; the whole summary holds those two members as well,
// but its `status` is the run's own.
Result<Response> post_resume(Api& api, const Request& request) {
  json::Reader in(request.body, "request");
  const json::Value* const from = in.optional_value("from_step");
  SG_TRY(in.finish());
  if (from != nullptr && !from->is_null()) return fail(Code::kNotAvailable, "request: from_step: needs replay");
  SG_TRY(const base::RunId run, run_of(request));
  SG_TRY(const engine::RunView view, api.engine().resume(api.caller(request), run));
  return json_response(202, render(view));
}

Result<Response> post_respond(Api& api, const Request& request) {
  json::Reader in(request.body, "request");
  engine::RespondRequest answer;
  const json::Value& response = in.value("response");
  const auto interrupt = in.optional_text("interrupt_id", 1, 128);
  SG_TRY(in.finish());
  SG_TRY(answer.response, object_or_empty(&response));
  if (interrupt) answer.interrupt = base::InterruptId(*interrupt);
  answer.lenient = api.services().config.profile == config::Profile::kOssDefault;
  SG_TRY(const base::RunId run, run_of(request));
  const auto may = [&](const std::string& capability) {
    return request.gate->check_named(*request.principal, capability);
  };
  SG_TRY(const engine::RunView view, api.engine().respond(api.caller(request), run, answer, may));
  return json_response(200, render(view));
}

}  // namespace stargraph::serve
