#include "events.hpp"

#include "stargraph/crypto/digest.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::engine {
namespace {

constexpr std::string_view kSaltDomain = "stargraph.audit.salt.v1";
constexpr std::size_t kMaxAuditKind = 256;
constexpr std::size_t kMaxAuditText = 1024;  // rules write reasons; a log line has its limit

audit::EventName ending(RunState state) {
  if (state == RunState::kDone) return audit::EventName::kRunCompleted;
  if (state == RunState::kCancelled) return audit::EventName::kRunCancelled;
  if (state == RunState::kExpired) return audit::EventName::kRunExpired;
  return audit::EventName::kRunFailed;
}

}  // namespace

base::ActorName engine_actor() { return base::ActorName(std::string(kEngineActor)); }

std::string salted(const RunRow& run, std::string_view place, const json::Value& value) {
  const base::Bytes of_run = base::from_hex(run.salt).value_or(base::Bytes{});
  const std::string named = std::string(kSaltDomain) + '\0' + std::string(place);
  const crypto::Digest salt = crypto::hmac_sha384(of_run, base::as_bytes(named));
  return crypto::hmac_sha384(salt.bytes(), base::as_bytes(json::canonical(value))).hex();
}

std::string work_place(std::string_view what, const WorkRow& work) {
  return std::string(what) + ":" + work.id.str() + ":" + std::to_string(work.attempt);
}

json::Object make_event(std::string_view type, const RunRow& run, base::Timestamp now, const std::string& actor,
                        std::string_view origin) {
  return {{"type", type},   {"step", run.steps}, {"ts", base::format_rfc3339(now)},
          {"actor", actor}, {"origin", origin},  {"branch_id", nullptr}};
}

json::Object make_transition(const RunRow& run, base::Timestamp now, const std::string& from, const std::string& to,
                             std::string_view reason, const std::string& rule) {
  json::Object event = make_event("transition", run, now, std::string(kEngineActor), rule.empty() ? "runtime" : "rule");
  event.set("from_node", from);
  event.set("to_node", to);
  event.set("rule_id", rule);
  event.set("reason", reason);
  return event;
}

audit::Event make_audit(audit::EventName name, audit::Outcome outcome, const RunRow& run, const base::ActorName& actor,
                        json::Object data) {
  audit::Event event;
  event.name = name;
  event.outcome = outcome;
  event.actor = actor;
  event.tenant = run.tenant;
  event.run = run.id;
  event.data = std::move(data);
  return event;
}

json::Value policy_of(const Basis& basis) {
  return basis.policy ? json::Value(basis.policy->digest.hex()) : json::Value();
}

audit::Event work_event(audit::EventName name, audit::Outcome outcome, const WorkRow& work,
                        const base::ActorName& actor, const std::string& request_id) {
  audit::Event event;
  event.name = name;
  event.outcome = outcome;
  event.actor = actor;
  event.tenant = work.tenant;
  event.run = work.run;
  event.data = {{"attempt", work.attempt},
                {"kind", audit::safe_text(work.kind, kMaxAuditKind)},
                {"node", work.node.str()},
                {"step", work.step},
                {"task_id", work.id.str()}};
  if (!request_id.empty()) event.data.set("request_id", request_id);
  return event;
}

void finish_run(Unit& unit, base::Timestamp now, RunState state, const base::ActorName& actor,
                std::string_view error_class, const std::string& cause) {
  RunRow& run = unit.run;
  run.state = state;
  run.paused_state.reset();
  run.ready_at.reset();
  run.finished_at = now;
  if (!error_class.empty()) {
    run.error_class = std::string(error_class);
    run.error_cause = cause;
  }
  unit.close_waits = true;
  unit.ask.reset();
  unit.work.reset();
  json::Object data{{"decision_hash", run.decision_hash.hex()},
                    {"graph_hash", run.graph_hash.hex()},
                    {"step_hash", run.step_hash.hex()},
                    {"steps", run.steps}};
  if (!error_class.empty()) data.set("error_class", error_class);
  if (state == RunState::kDone && !run.reason.empty()) data.set("reason", audit::safe_text(run.reason, kMaxAuditText));
  const bool good = state == RunState::kDone || state == RunState::kCancelled;
  unit.audit.push_back(make_audit(ending(state), good ? audit::Outcome::kSuccess : audit::Outcome::kFailure, run, actor,
                                  std::move(data)));
  json::Object event =
      make_event(state == RunState::kCancelled ? "run_cancelled" : "result", run, now, actor.str(), "runtime");
  event.set("status", wire_status(state));
  event.set("state", run_state_name(state));
  event.set("reason", state == RunState::kCancelled ? "user" : run.reason);
  event.set("final_state", run.data);
  event.set("run_duration_ms", (now - run.started_at).count() / 1000);
  if (!error_class.empty()) event.set("error_class", error_class);
  unit.events.push_back(std::move(event));
}

}  // namespace stargraph::engine
