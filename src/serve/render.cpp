#include "serve/render.hpp"

#include "stargraph/base/time.hpp"

namespace stargraph::serve {
namespace {

json::Value text_or_null(const std::optional<std::string>& text) { return text ? json::Value(*text) : json::Value(); }

json::Value time_or_null(const std::optional<base::Timestamp>& time) {
  return time ? json::Value(base::format_rfc3339(*time)) : json::Value();
}

json::Value duration_ms(const engine::RunView& run) {
  if (!run.finished_at) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(*run.finished_at - run.started_at).count();
}

json::Value render(const engine::InterruptView& interrupt) {
  return json::Object{
      {"interrupt_id", interrupt.id.str()},
      {"step", interrupt.step.value()},
      {"node", interrupt.node.str()},
      {"prompt", interrupt.prompt},
      {"payload", interrupt.payload},
      {"requested_capability", text_or_null(interrupt.requested_capability)},
      {"guards", interrupt.guards ? json::Value(interrupt.guards->str()) : json::Value()},
      {"rule", interrupt.rule},
      {"asked_at", base::format_rfc3339(interrupt.asked_at)},
      {"expires_at", time_or_null(interrupt.expires_at)},
  };
}

}  // namespace

json::Object render(const engine::RunView& run) {
  return {
      {"run_id", run.id.str()},
      {"graph_hash", run.graph_hash.hex()},
      {"started_at", base::format_rfc3339(run.started_at)},
      {"last_step_at", base::format_rfc3339(run.last_step_at)},
      {"status", engine::wire_status(run.state)},
      {"parent_run_id", run.parent ? json::Value(run.parent->str()) : json::Value()},
      {"error_class", text_or_null(run.error_class)},
      {"error_cause", text_or_null(run.error_cause)},
      {"trigger_source", run.trigger_source},
      {"finished_at", time_or_null(run.finished_at)},
      {"duration_ms", duration_ms(run)},
      {"graph_id", run.graph.str()},
      {"basis_hash", run.basis_hash.hex()},
      {"state", engine::run_state_name(run.state)},
      {"started_by", run.started_by.str()},
      {"steps", run.steps.value()},
      {"node", run.node.str()},
      {"reason", run.reason},
      {"interrupt", run.interrupt ? render(*run.interrupt) : json::Value()},
      {"data", run.data},
  };
}

json::Object render(const engine::StepView& step) {
  return {
      {"number", step.number.value()},
      {"node", step.node.str()},
      {"step_hash", step.step_hash.hex()},
      {"decision_hash", step.decision_hash.hex()},
      {"record", step.record},
  };
}

json::Object render(const engine::WorkItem& task) {
  return {
      {"task_id", task.id.str()},
      {"lease", task.lease},
      {"tenant", task.tenant.str()},
      {"run_id", task.run.str()},
      {"step", task.step.value()},
      {"node", task.node.str()},
      {"kind", task.kind},
      {"config", task.config},
      {"state", task.state},
      {"attempt", task.attempt},
      {"lease_until", base::format_rfc3339(task.lease_until)},
      {"deadline", base::format_rfc3339(task.deadline)},
  };
}

}  // namespace stargraph::serve
