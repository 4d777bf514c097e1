// Work: what workers lease, keep, complete and give back.
#include <algorithm>

#include "serve/api.hpp"
#include "serve/render.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::int64_t kMaxWaitMs = 10'000;
constexpr std::size_t kMaxKinds = 64;
constexpr std::size_t kMaxLeaseBytes = 256;
// A lease that ran out rings no bell: look again that often.
constexpr base::Duration kLookAgain = std::chrono::seconds(1);

Result<base::TaskId> task_of(const Request& request) {
  const std::string& text = request.parameter("task");
  if (!is_uuid(text)) return fail(Code::kTaskUnknown, "request: task: not an id");
  return base::TaskId(text);
}

Result<> check_kinds(const std::vector<std::string>& kinds) {
  if (kinds.empty()) return fail(Code::kMalformed, "request: kinds: none named");
  for (const std::string& kind : kinds) {
    if (kind.empty() || kind.size() > 256) return fail(Code::kMalformed, "request: kinds: not a name");
  }
  return {};
}

// By the gate in force now: a long poll may outlive the one it began with, and what it hands out then is new.
// A lease outlives it too.
Result<> may_work(const Api& api, const base::ActorName& name, const std::vector<std::string>& kinds) {
  const std::shared_ptr<const policy::Gate> gate = api.services().gate.get();
  const policy::Principal* const principal = gate->find(name);
  if (principal == nullptr) return fail(Code::kCapabilityDenied, "request: capability: not granted");
  for (const std::string& kind : kinds) {
    SG_TRY(gate->check(*principal, policy::Capability::kWork, kind));
  }
  return {};
}

engine::Engine::MayWork may_still_work(const Api& api, const Request& request) {
  return [&](const std::string& kind) { return may_work(api, request.principal->name, {kind}); };
}

}  // namespace

Result<Response> post_lease(Api& api, const Request& request) {
  json::Reader in(request.body, "request");
  const std::vector<std::string> kinds = in.texts("kinds", kMaxKinds);
  const std::int64_t wait_ms = in.optional_integer("wait_ms", 0, kMaxWaitMs).value_or(0);
  SG_TRY(in.finish());
  SG_TRY(check_kinds(kinds));
  base::Env& env = api.services().env;
  const base::Duration deadline = env.monotonic() + std::chrono::milliseconds(wait_ms);
  while (true) {
    SG_TRY(may_work(api, request.principal->name, kinds));
    const std::uint64_t heard = api.bell().rings();
    SG_TRY(const auto task, api.engine().lease(api.caller(request), request.principal->tenants, kinds));
    const base::Duration left = deadline - env.monotonic();
    if (task) return json_response(200, json::Object{{"task", render(*task)}});
    if (left <= base::Duration::zero() || !api.bell().wait(heard, std::min(left, kLookAgain))) {
      return json_response(200, json::Object{{"task", nullptr}});
    }
  }
}

Result<Response> post_heartbeat(Api& api, const Request& request) {
  json::Reader in(request.body, "request");
  const std::string lease = in.text("lease", 1, kMaxLeaseBytes);
  SG_TRY(in.finish());
  SG_TRY(const base::TaskId task, task_of(request));
  SG_TRY(const base::Timestamp until, api.engine().heartbeat(api.caller(request), request.principal->tenants, task,
                                                             lease, may_still_work(api, request)));
  return json_response(200, json::Object{{"lease_until", base::format_rfc3339(until)}});
}

Result<Response> post_complete(Api& api, const Request& request) {
  json::Reader in(request.body, "request");
  const std::string lease = in.text("lease", 1, kMaxLeaseBytes);
  const json::Value& output = in.value("output");
  SG_TRY(in.finish());
  if (output.object() == nullptr) return fail(Code::kMalformed, "request: output: expected an object");
  SG_TRY(const base::TaskId task, task_of(request));
  SG_TRY(api.engine().complete(api.caller(request), request.principal->tenants, task, lease, *output.object(),
                               may_still_work(api, request)));
  return json_response(200, json::Object{{"status", "completed"}});
}

Result<Response> post_fail(Api& api, const Request& request) {
  constexpr std::size_t kMaxMessageBytes = 4096;
  json::Reader in(request.body, "request");
  const std::string lease = in.text("lease", 1, kMaxLeaseBytes);
  const std::string message = in.text("message", 0, kMaxMessageBytes);
  const bool retryable = in.boolean("retryable");
  SG_TRY(in.finish());
  SG_TRY(const base::TaskId task, task_of(request));
  SG_TRY(api.engine().fail_task(api.caller(request), request.principal->tenants, task, lease, message, retryable,
                                may_still_work(api, request)));
  return json_response(200, json::Object{{"status", "failed"}});
}

}  // namespace stargraph::serve
