#include "stepper.hpp"

#include "events.hpp"
#include "stargraph/graph/state.hpp"
#include "stargraph/json/write.hpp"
#include "step_record.hpp"
#include "walk.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::Result;

// The run has something to do: now, or when it is resumed.
void make_ready(RunRow& run) {
  if (run.state == RunState::kPaused) {
    run.paused_state = RunState::kRunning;
  } else {
    run.state = RunState::kRunning;
  }
}

}  // namespace

Result<Unit> Stepper::advance(RunRow run, const Basis& basis, const Evaluate& evaluate) const {
  return Walk(env_, settings_, std::move(run), basis, evaluate).go();
}

Result<> take_output(RunRow& run, const Basis& basis, const json::Object& output, std::size_t state_bytes) {
  SG_TRY(json::check_portable(output));
  SG_TRY(run.data, graph::merge(basis.plan->schema(), run.data, output, state_bytes));
  run.cursor.patch = output;
  run.cursor.phase = Phase::kDecide;
  return {};
}

void move_to(RunRow& run, const std::string& node) {
  run.node = base::NodeId(node);
  Cursor& cursor = run.cursor;
  cursor.phase = Phase::kEnter;
  cursor.input_digest.clear();
  cursor.worker.clear();
  cursor.patch = {};
  cursor.error.reset();
  cursor.answers.clear();
}

void Stepper::accept_output(Unit& unit, const Basis& basis, const json::Object& output,
                            const base::ActorName& worker) const {
  unit.run.cursor.worker = worker.str();
  if (const auto taken = take_output(unit.run, basis, output, settings_.limits.state_bytes); !taken) {
    // Types of state are the graph's promise to its rules: an output that breaks them ends the run.
    append_step(unit, basis, env_.now(), {{"class", "failed"}, {"reason", taken.error().name()}}, {}, {});
    finish(unit, RunState::kFailed, taken.error().name(), taken.error().message);
    return;
  }
  make_ready(unit.run);
}

void Stepper::accept_failure(Unit& unit, const NodeError& error) const {
  RunRow& run = unit.run;
  run.cursor.error = error;
  run.cursor.patch = {};
  run.cursor.phase = Phase::kDecide;
  unit.audit.push_back(
      make_audit(audit::EventName::kNodeFailed, audit::Outcome::kFailure, run, engine_actor(),
                 {{"attempt", error.attempt}, {"code", error.code}, {"node", run.node.str()}, {"step", run.steps}}));
  make_ready(run);
}

void Stepper::accept_timeout(Unit& unit, const Basis& basis, const InterruptRow& question) const {
  RunRow& run = unit.run;
  const base::Timestamp now = env_.now();
  unit.close_waits = true;
  json::Object event = make_event("interrupt_timeout", run, now, std::string(kEngineActor), "runtime");
  event.set("interrupt_id", question.id.str());
  event.set("on_timeout", question.question.on_timeout);
  unit.events.push_back(std::move(event));
  const auto target = timeout_target(question.question);
  json::Object decision{{"class", "timeout"}, {"reason", question.question.on_timeout}};
  if (target) decision.set("target", *target);
  append_step(unit, basis, now, std::move(decision), {}, {});
  if (!target || !basis.plan->index_of(*target)) {
    finish(unit, RunState::kFailed, base::reason(Code::kTimedOut).name, "nobody answered in time");
    return;
  }
  ++run.cursor.decisions;
  unit.events.push_back(make_transition(run, now, run.node.str(), *target, "timeout", ""));
  move_to(run, *target);
  make_ready(run);
}

void Stepper::finish(Unit& unit, RunState state, std::string_view error_class, const std::string& cause) const {
  finish_run(unit, env_.now(), state, engine_actor(), error_class, cause);
}

}  // namespace stargraph::engine
