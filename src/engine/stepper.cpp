#include "stepper.hpp"

#include <algorithm>

#include "facts.hpp"
#include "stargraph/engine/record.hpp"
#include "stargraph/graph/parse.hpp"
#include "stargraph/graph/state.hpp"
#include "stargraph/graph/template.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::Error;
using base::fail;
using base::Result;

constexpr std::string_view kInterruptDomain = "stargraph.interrupt.v1";

base::ActorName engine_actor() { return base::ActorName(std::string(kEngineActor)); }

// Faults of the appliance, not of the run.
bool is_ours(const Error& error) { return error.code == Code::kJailLost || error.kind() == base::Kind::kInternal; }

json::Array strings(const std::vector<std::string>& texts) {
  json::Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

}  // namespace

std::string salted(const RunRow& run, const json::Value& value) {
  return crypto::hmac_sha384(base::from_hex(run.salt).value_or(base::Bytes{}), base::as_bytes(json::canonical(value))).hex();
}

json::Object make_event(std::string_view type, const RunRow& run, base::Timestamp now, const std::string& actor, std::string_view origin) {
  return {{"type", type}, {"step", run.steps}, {"ts", base::format_rfc3339(now)}, {"actor", actor}, {"origin", origin}, {"branch_id", nullptr}};
}

audit::Event make_audit(audit::EventName name, audit::Outcome outcome, const RunRow& run, const base::ActorName& actor, json::Object data) {
  audit::Event event;
  event.name = name;
  event.outcome = outcome;
  event.actor = actor;
  event.tenant = run.tenant;
  event.run = run.id;
  event.data = std::move(data);
  return event;
}

void finish_run(Unit& unit, base::Timestamp now, RunState state, const base::ActorName& actor, std::string_view error_class, const std::string& cause) {
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
  json::Object data{{"decision_hash", run.decision_hash.hex()}, {"graph_hash", run.graph_hash.hex()}, {"step_hash", run.step_hash.hex()}, {"steps", run.steps}};
  if (!error_class.empty()) data.set("error_class", error_class);
  if (state == RunState::kDone && !run.reason.empty()) data.set("reason", run.reason);
  audit::EventName name = audit::EventName::kRunFailed;
  if (state == RunState::kDone) name = audit::EventName::kRunCompleted;
  if (state == RunState::kCancelled) name = audit::EventName::kRunCancelled;
  if (state == RunState::kExpired) name = audit::EventName::kRunExpired;
  const bool good = state == RunState::kDone || state == RunState::kCancelled;
  unit.audit.push_back(make_audit(name, good ? audit::Outcome::kSuccess : audit::Outcome::kFailure, run, actor, std::move(data)));
  json::Object event = make_event(state == RunState::kCancelled ? "run_cancelled" : "result", run, now, actor.str(), "runtime");
  event.set("status", wire_status(state));
  event.set("state", run_state_name(state));
  event.set("reason", run.reason);
  event.set("run_duration_ms", (now - run.started_at).count() / 1000);
  if (!error_class.empty()) event.set("error_class", error_class);
  unit.events.push_back(std::move(event));
}

// One advance(): holds the unit while it grows.
class Stepper::Walk {
 public:
  Walk(const Stepper& stepper, RunRow run, const Basis& basis, const Evaluate& evaluate)
      : stepper_(stepper), basis_(basis), evaluate_(evaluate), now_(stepper.env_.now()) {
    unit_.run = std::move(run);
  }

  Result<Unit> go() {
    begin();
    for (int made = 0; made < stepper_.settings_.coalesce && running(); ++made) {
      now_ = stepper_.env_.now();
      if (over_limits()) break;
      if (auto stepped = step(); !stepped) {
        if (is_ours(stepped.error())) return std::unexpected(std::move(stepped).error());
        fail_run(stepped.error());
      }
      if (run().ready_at) break;
    }
    return std::move(unit_);
  }

 private:
  RunRow& run() { return unit_.run; }
  bool running() { return run().state == RunState::kRunning && !unit_.ask && !unit_.work; }

  void begin() {
    run().ready_at.reset();
    if (run().state != RunState::kPending) return;
    run().state = RunState::kRunning;
    json::Object event = make_event("transition", run(), now_, std::string(kEngineActor), "runtime");
    event.set("from_node", "<start>");
    event.set("to_node", run().node.str());
    event.set("rule_id", "");
    event.set("reason", "start");
    unit_.events.push_back(std::move(event));
  }

  bool over_limits() {
    if (now_ >= run().deadline) {
      stepper_.finish(unit_, RunState::kExpired, "run-limit", "the run took longer than its wall clock allows");
      return true;
    }
    if (run().cursor.phase == Phase::kEnter && run().steps >= stepper_.settings_.limits.run_steps) {
      stepper_.finish(unit_, RunState::kFailed, "run-limit", "the run took more steps than it may");
      return true;
    }
    return false;
  }

  void fail_run(const Error& error) {
    if (error.code == Code::kPackLimit) {
      unit_.audit.push_back(make_audit(audit::EventName::kRulesLimit, audit::Outcome::kFailure, run(), engine_actor(),
                                       {{"basis", basis_.basis_hash.hex()}, {"node", run().node.str()}}));
    }
    stepper_.finish(unit_, RunState::kFailed, error.name(), error.message);
  }

  Result<const graph::Node*> node() {
    const auto index = basis_.plan->index_of(run().node.str());
    if (!index) return fail(Code::kGraphInvalid, "run: the graph has no such node");
    return &basis_.plan->nodes()[*index];
  }

  Result<> step() {
    if (run().cursor.phase == Phase::kEnter) {
      SG_TRY(enter());
    }
    if (running() && run().cursor.phase == Phase::kDecide) {
      SG_TRY(run().cursor.branches ? finish_branch() : decide());
    }
    return {};
  }

  // --- executing the node

  Result<> enter() {
    SG_TRY(const graph::Node* const current, node());
    Cursor& cursor = run().cursor;
    cursor.input_digest = input_digest(current->kind, current->config, run().data).hex();
    SG_TRY(use_approval(*current));
    if (!graph::is_local_kind(current->kind)) return hand_out(*current);
    SG_TRY(json::Object patch, execute(*current));
    return accept(std::move(patch));
  }

  Result<> use_approval(const graph::Node& current) {
    auto& approvals = run().cursor.approvals;
    const auto found = std::ranges::find_if(approvals, [&](const Approval& one) { return one.node == current.id; });
    if (found == approvals.end()) return {};
    const bool same = found->input_digest == run().cursor.input_digest;
    approvals.erase(found);  // an approval counts once
    if (!same) return fail(Code::kApprovalStale, "run: what was approved for this node is not what would happen now");
    return {};
  }

  Result<json::Object> execute(const graph::Node& current) {
    if (current.kind != "template") return json::Object{};  // echo, passthrough, halt and interrupt change nothing
    const auto text = [&](std::string_view name) {
      const json::Value* const value = current.config.find(name);
      return value != nullptr && value->string() != nullptr ? *value->string() : std::string();
    };
    SG_TRY(std::string rendered, graph::render(text("template"), run().data));
    return json::Object{{text("out"), std::move(rendered)}};
  }

  Result<> accept(json::Object patch) {
    stepper_.accept_output(unit_, basis_, patch);
    return {};
  }

  Result<> hand_out(const graph::Node& current) {
    if (!stepper_.settings_.side_effects) return fail(Code::kSideEffectsDenied, "run: node " + current.id.str() + ": side effects are not allowed here");
    if (!basis_.any_worker_kind && !basis_.worker_kinds.contains(current.kind)) {
      return fail(Code::kKindNotDeclared, "run: node " + current.id.str() + ": no active pack declares its kind");
    }
    WorkRow work;
    work.id = base::TaskId(base::make_uuid7(stepper_.env_));
    work.tenant = run().tenant;
    work.run = run().id;
    work.step = run().steps;
    work.node = current.id;
    work.kind = current.kind;
    work.config = current.config;
    work.input = run().data;
    work.deadline = std::min(now_ + stepper_.settings_.limits.node_time, run().deadline);
    unit_.work = std::move(work);
    run().cursor.phase = Phase::kWork;
    run().state = RunState::kWorking;
    return {};
  }

  // --- deciding

  Result<> decide() {
    SG_TRY(const graph::Node* const current, node());
    if (current->kind == "interrupt" && !run().cursor.error) {
      SG_TRY(const graph::Interrupt interrupt, graph::read_interrupt(current->config));
      SG_TRY(Question question, make_question(interrupt, run().data));
      const bool answered = std::ranges::any_of(run().cursor.answers, [&](const Answer& one) { return one.question.same_as(question); });
      if (!answered) return ask(std::move(question));
    }
    Decision decision;
    json::Array facts;
    rules::Outcome outcome;
    if (basis_.program) {
      const rules::EvaluationInput input = make_facts(basis_, run());
      SG_TRY(outcome, evaluate_(input));
      std::vector<Question> answered;
      for (const Answer& one : run().cursor.answers) answered.push_back(one.question);
      SG_TRY(decision, fold(*basis_.program, outcome, answered, run().data));
      facts = facts_to_json(basis_, input);
    }
    if (decision.decision == DecisionClass::kInterrupt) return ask(*std::move(decision.question));
    return take(decision, std::move(facts), outcome);
  }

  Result<> ask(Question question) {
    InterruptRow row;
    row.step = run().steps;
    row.node = run().node;
    row.asked_at = now_;
    if (question.timeout) row.expires_at = now_ + *question.timeout;
    json::Array guards;
    for (const std::string& guarded : question.guards) {
      const auto index = basis_.plan->index_of(guarded);
      if (!index) return fail(Code::kRulesTemplate, "decision: an interrupt guards a node that does not exist");
      const graph::Node& target = basis_.plan->nodes()[*index];
      row.guards.push_back({target.id, input_digest(target.kind, target.config, run().data).hex()});
      guards.push_back(json::Object{{"input_digest", row.guards.back().input_digest}, {"node", guarded}});
    }
    const json::Object parts{{"basis", basis_.basis_hash.hex()}, {"guards", std::move(guards)}, {"payload", question.payload},
                             {"prompt", question.prompt}, {"run_id", run().id.str()}, {"step", run().steps}};
    row.id = base::InterruptId(crypto::domain_digest(kInterruptDomain, json::canonical(parts)).hex());
    row.question = question;
    run().state = RunState::kWaiting;
    json::Object event = make_event("waiting_for_input", run(), now_, std::string(kEngineActor), question.stage.empty() ? "runtime" : "rule");
    event.set("interrupt_id", row.id.str());
    event.set("prompt", question.prompt);
    event.set("interrupt_payload", question.payload);
    event.set("requested_capability", question.requested_capability ? json::Value(*question.requested_capability) : json::Value());
    unit_.events.push_back(std::move(event));
    unit_.audit.push_back(make_audit(audit::EventName::kRunWaiting, audit::Outcome::kSuccess, run(), engine_actor(),
                                     {{"basis", basis_.basis_hash.hex()}, {"interrupt_id", row.id.str()}, {"node", run().node.str()},
                                      {"rule", question.rule}, {"stage", question.stage}, {"step", run().steps}}));
    unit_.ask = std::move(row);
    return {};
  }

  // Records the step and goes where the decision says.
  Result<> take(const Decision& decision, json::Array facts, const rules::Outcome& outcome) {
    const bool unrouted = decision.decision == DecisionClass::kContinue;
    if (run().cursor.error && unrouted) {
      const std::string code = run().cursor.error->code;
      record(decision, std::move(facts), outcome);
      return fail(Code::kNodeFailed, "run: node " + run().node.str() + ": failed (" + code + ") and no rule said what then");
    }
    record(decision, std::move(facts), outcome);
    ++run().cursor.visible_steps;
    switch (decision.decision) {
      case DecisionClass::kViolation: return violate(decision);
      case DecisionClass::kHalt: return halt(decision.reason);
      case DecisionClass::kGoto: return go_to(decision.target, decision);
      case DecisionClass::kParallel: return fan_out(decision.targets, decision.join, decision);
      case DecisionClass::kRetry: return retry(decision);
      case DecisionClass::kInterrupt:
      case DecisionClass::kContinue: break;
    }
    const auto index = basis_.plan->index_of(run().node.str());
    const auto next = basis_.plan->successor(*index);
    if (!next) return halt("");
    return go_to(basis_.plan->nodes()[*next].id.str(), decision);
  }

  Result<> violate(const Decision& decision) {
    unit_.audit.push_back(make_audit(audit::EventName::kRulesViolation, audit::Outcome::kDenied, run(), engine_actor(),
                                     {{"node", run().node.str()}, {"pack_digest", decision.stage_digest}, {"rule", decision.rule}, {"stage", decision.stage}}));
    stepper_.finish(unit_, RunState::kFailed, "policy-denied", "rule " + decision.stage + "/" + decision.rule + ": " + decision.reason);
    return {};
  }

  Result<> halt(const std::string& reason) {
    run().reason = reason;
    transition("", reason.empty() ? "end" : "halt", "");
    stepper_.finish(unit_, RunState::kDone, "", "");
    return {};
  }

  void transition(const std::string& to, std::string_view reason, const std::string& rule) {
    json::Object event = make_event("transition", run(), now_, std::string(kEngineActor), rule.empty() ? "runtime" : "rule");
    event.set("from_node", run().node.str());
    event.set("to_node", to);
    event.set("rule_id", rule);
    event.set("reason", reason);
    unit_.events.push_back(std::move(event));
  }

  Result<> go_to(const std::string& target, const Decision& decision) {
    if (!basis_.plan->index_of(target)) return fail(Code::kRulesTemplate, "decision: rule " + decision.rule + ": goes to a node that does not exist");
    if (const graph::Parallel* const block = basis_.plan->parallel_at(target)) return fan_out(block->targets, block->join, decision);
    transition(target, decision_class_name(decision.decision), decision.rule);
    move_to(target);
    return {};
  }

  void move_to(const std::string& target) {
    Cursor& cursor = run().cursor;
    run().node = base::NodeId(target);
    cursor.phase = Phase::kEnter;
    cursor.input_digest.clear();
    cursor.patch = {};
    cursor.error.reset();
    cursor.answers.clear();
  }

  Result<> retry(const Decision& decision) {
    std::int64_t& count = run().cursor.retries[decision.target];
    if (++count > kMaxRetries) return fail(Code::kRunLimit, "decision: rule " + decision.rule + ": retried more often than a run may");
    SG_TRY(go_to(decision.target, decision));
    if (decision.backoff_ms > 0) run().ready_at = now_ + std::chrono::milliseconds(decision.backoff_ms);
    return {};
  }

  // --- fan-out

  Result<> fan_out(const std::vector<std::string>& targets, const std::string& join, const Decision& decision) {
    for (const std::string& target : targets) {
      if (!basis_.plan->index_of(target)) return fail(Code::kRulesTemplate, "decision: rule " + decision.rule + ": a branch that does not exist");
    }
    if (!join.empty() && !basis_.plan->index_of(join)) return fail(Code::kRulesTemplate, "decision: rule " + decision.rule + ": a join that does not exist");
    transition("parallel", "parallel", decision.rule);
    run().cursor.branches = Branches{targets, join, 0, run().data, {}};
    start_branch();
    return {};
  }

  void branch_event(std::string_view type) {
    const Branches& branches = *run().cursor.branches;
    json::Object event = make_event(type, run(), now_, std::string(kEngineActor), "runtime");
    event.set("branch_id", "branch-" + std::to_string(branches.index));
    event.set("target", branches.targets[branches.index]);
    event.set("strategy", "all");
    unit_.events.push_back(std::move(event));
  }

  void start_branch() {
    const std::string target = run().cursor.branches->targets[run().cursor.branches->index];
    run().data = run().cursor.branches->base;
    branch_event("branch_started");
    move_to(target);
  }

  Result<> finish_branch() {
    if (run().cursor.error) {
      return fail(Code::kNodeFailed, "run: branch " + run().node.str() + ": failed (" + run().cursor.error->code + ")");
    }
    record(Decision{}, {}, {});
    branch_event("branch_completed");
    Branches& branches = *run().cursor.branches;
    branches.patches.push_back(run().cursor.patch);
    if (++branches.index < branches.targets.size()) {
      start_branch();
      return {};
    }
    json::Object merged = branches.base;
    for (const json::Object& patch : branches.patches) {
      SG_TRY(merged, graph::merge(basis_.plan->schema(), merged, patch));
    }
    const Branches done = std::move(*run().cursor.branches);
    run().cursor.branches.reset();
    run().data = std::move(merged);
    return leave_branches(done);
  }

  Result<> leave_branches(const Branches& done) {
    std::string next = done.join;
    if (next.empty()) {
      const auto after = basis_.plan->successor(*basis_.plan->index_of(done.targets.back()));
      if (!after) return halt("");
      next = basis_.plan->nodes()[*after].id.str();
    }
    json::Object event = make_event("transition", run(), now_, std::string(kEngineActor), "runtime");
    event.set("from_node", "parallel");
    event.set("to_node", next);
    event.set("rule_id", "");
    event.set("reason", "join");
    unit_.events.push_back(std::move(event));
    move_to(next);
    return {};
  }

  // --- the step record

  void record(const Decision& decision, json::Array facts, const rules::Outcome& outcome) {
    const Cursor& cursor = run().cursor;
    json::Object record{{"basis", basis_.basis_hash.hex()}, {"decision", to_json(decision)}, {"input_digest", cursor.input_digest},
                        {"node", run().node.str()}, {"number", run().steps}, {"patch", cursor.patch}, {"previous", run().step_hash.hex()},
                        {"ts", base::format_rfc3339(now_)}};
    if (cursor.branches) record.set("branch", static_cast<std::int64_t>(cursor.branches->index));
    if (cursor.error) record.set("error", cursor.error->code);
    if (!facts.empty()) record.set("facts", std::move(facts));
    if (!outcome.trace.empty()) record.set("trace", trace_json(outcome));
    if (!cursor.answers.empty()) add_answers(record);
    StepRow row;
    row.number = run().steps;
    row.node = run().node;
    row.step_hash = step_hash(record);
    row.decision_hash = decision_hash(run().decision_hash, record);
    row.record = std::move(record);
    run().step_hash = row.step_hash;
    run().decision_hash = row.decision_hash;
    run().last_step_at = now_;
    ++run().steps;
    unit_.steps.push_back(std::move(row));
  }

  json::Array trace_json(const rules::Outcome& outcome) {
    json::Array trace;
    for (const rules::Firing& firing : outcome.trace) {
      std::vector<std::string> facts;
      for (const rules::FactReference& fact : firing.facts) facts.push_back(fact.template_name);
      trace.push_back(json::Object{{"facts", strings(facts)}, {"rule", firing.rule}, {"stage", basis_.program->stages[firing.stage].name}});
    }
    return trace;
  }

  void add_answers(json::Object& record) {
    json::Array interrupts;  // whole, for the record; responses alone repeat
    json::Array responses;
    for (const Answer& one : run().cursor.answers) {
      interrupts.push_back(json::Object{{"actor", one.actor.str()}, {"interrupt_id", one.interrupt.str()}, {"question", to_json(one.question)}});
      responses.push_back(one.response);
    }
    record.set("interrupts", std::move(interrupts));
    record.set("responses", std::move(responses));
  }

  const Stepper& stepper_;
  const Basis& basis_;
  const Evaluate& evaluate_;
  base::Timestamp now_;
  Unit unit_;
};

Result<Unit> Stepper::advance(RunRow run, const Basis& basis, const Evaluate& evaluate) const {
  return Walk(*this, std::move(run), basis, evaluate).go();
}

void Stepper::accept_output(Unit& unit, const Basis& basis, const json::Object& output) const {
  RunRow& run = unit.run;
  auto merged = graph::merge(basis.plan->schema(), run.data, output);
  if (!merged) {
    finish(unit, RunState::kFailed, merged.error().name(), merged.error().message);
    return;
  }
  run.data = *std::move(merged);
  run.cursor.patch = output;
  run.cursor.phase = Phase::kDecide;
  run.state = RunState::kRunning;
}

void Stepper::accept_failure(Unit& unit, const NodeError& error) const {
  unit.run.cursor.error = error;
  unit.run.cursor.patch = {};
  unit.run.cursor.phase = Phase::kDecide;
  unit.run.state = RunState::kRunning;
}

void Stepper::accept_timeout(Unit& unit, const Basis& basis, const InterruptRow& question) const {
  constexpr std::string_view kGoto = "goto:";
  RunRow& run = unit.run;
  unit.close_waits = true;
  json::Object event = make_event("interrupt_timeout", run, env_.now(), std::string(kEngineActor), "runtime");
  event.set("interrupt_id", question.id.str());
  event.set("on_timeout", question.question.on_timeout);
  unit.events.push_back(std::move(event));
  const std::string& then = question.question.on_timeout;
  if (then.starts_with(kGoto) && basis.plan->index_of(then.substr(kGoto.size()))) {
    run.node = base::NodeId(then.substr(kGoto.size()));
    run.cursor.phase = Phase::kEnter;
    run.cursor.patch = {};
    run.cursor.answers.clear();
    run.state = RunState::kRunning;
    return;
  }
  finish(unit, RunState::kFailed, "timed-out", "nobody answered in time");
}

void Stepper::finish(Unit& unit, RunState state, std::string_view error_class, const std::string& cause) const {
  finish_run(unit, env_.now(), state, engine_actor(), error_class, cause);
}

}  // namespace stargraph::engine
