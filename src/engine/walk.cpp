#include "walk.hpp"

#include <algorithm>

#include "events.hpp"
#include "facts.hpp"
#include "stargraph/engine/record.hpp"
#include "stargraph/graph/parse.hpp"
#include "stargraph/graph/template.hpp"
#include "stargraph/json/write.hpp"
#include "step_record.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::Error;
using base::fail;
using base::Result;

constexpr std::string_view kInterruptDomain = "stargraph.interrupt.v1";
constexpr auto kBatchTime = std::chrono::milliseconds(5);  // pure steps that share a transaction take no longer (law 2)
constexpr std::size_t kBatchBytes = 1 << 20;               // and their records end with the one that passes this

// What the first `count` stages left behind; what came after them is as if it had not been.
void keep_stages(rules::Outcome& outcome, std::size_t count) {
  const auto later = [&](const auto& one) { return one.stage >= count; };
  std::erase_if(outcome.actions, later);
  std::erase_if(outcome.violations, later);
  std::erase_if(outcome.provided, later);
  std::erase_if(outcome.trace, later);
}

// Faults of the appliance, not of the run.
bool is_ours(const Error& error) {
  return error.code == Code::kJailLost || error.code == Code::kIo || error.kind() == base::Kind::kInternal ||
         error.kind() == base::Kind::kBusy;
}

std::string text_of_member(const json::Object& config, std::string_view name) {
  const json::Value* const value = config.find(name);
  return value != nullptr && value->string() != nullptr ? *value->string() : std::string();
}

}  // namespace

Walk::Walk(base::Env& env, const Stepper::Settings& settings, RunRow run, const Basis& basis,
           const Stepper::Evaluate& evaluate)
    : env_(env), settings_(settings), basis_(basis), evaluate_(evaluate), now_(env.now()) {
  unit_.run = std::move(run);
}

Result<Unit> Walk::go() && {
  begin();
  const base::Duration began = env_.monotonic();
  std::size_t bytes = 0;
  for (int made = 0; made < settings_.limits.batch_steps && running() && bytes < kBatchBytes &&
                     (made == 0 || env_.monotonic() - began < kBatchTime);
       ++made) {
    now_ = env_.now();
    if (over_limits()) break;
    const auto stepped = step();
    if (!unit_.steps.empty()) bytes += unit_.steps.back().record.size();
    if (stepped) continue;
    if (is_ours(stepped.error())) return std::unexpected(stepped.error());
    fail_run(stepped.error());
  }
  return std::move(unit_);
}

void Walk::begin() {
  run().ready_at.reset();
  if (run().state != RunState::kPending) return;
  run().state = RunState::kRunning;
  unit_.audit.push_back(make_audit(audit::EventName::kRunStarted, audit::Outcome::kSuccess, run(), engine_actor(),
                                   {{"basis", basis_.basis_hash.hex()}}));
  transition("<start>", run().node.str(), "start", "");
}

bool Walk::over_limits() {
  if (now_ >= run().deadline) {
    finish(RunState::kExpired, "run-limit", "the run took longer than its wall clock allows");
    return true;
  }
  if (cursor().phase == Phase::kEnter && run().steps >= settings_.limits.run_steps) {
    finish(RunState::kFailed, "run-limit", "the run took more steps than it may");
    return true;
  }
  return false;
}

// The step in hand ends the run: it is recorded too, so that the chain tells where and why.
void Walk::fail_run(const Error& error) {
  if (error.code == Code::kPackLimit) {
    unit_.audit.push_back(make_audit(audit::EventName::kRulesLimit, audit::Outcome::kFailure, run(), engine_actor(),
                                     {{"basis", basis_.basis_hash.hex()}, {"node", run().node.str()}}));
  }
  if (!step_recorded_) record({{"class", "failed"}, {"reason", error.name()}}, {}, {});
  finish(RunState::kFailed, error.name(), error.message);
}

Result<> Walk::step() {
  step_recorded_ = false;
  if (cursor().phase == Phase::kEnter) {
    SG_TRY(enter());
  }
  if (running() && cursor().phase == Phase::kDecide) {
    SG_TRY(cursor().branches ? finish_branch() : decide());
  }
  return {};
}

Result<const graph::Node*> Walk::node() {
  const auto index = basis_.plan->index_of(run().node.str());
  if (!index) return fail(Code::kGraphInvalid, "run: the graph has no such node");
  return &basis_.plan->nodes()[*index];
}

// --- executing the node

Result<> Walk::enter() {
  SG_TRY(const graph::Node* const current, node());
  cursor().input_digest = input_digest(current->kind, current->config, run().data).hex();
  SG_TRY(use_approval(*current));
  if (!graph::is_local_kind(current->kind)) return hand_out(*current);
  SG_TRY(const json::Object patch, execute(*current));
  return take_output(run(), basis_, patch, settings_.limits.state_bytes);
}

Result<> Walk::use_approval(const graph::Node& current) {
  bool same = true;
  std::erase_if(cursor().approvals, [&](const Approval& one) {  // an approval counts once
    if (one.node != current.id) return false;
    same = same && one.input_digest == cursor().input_digest;
    return true;
  });
  if (!same) return fail(Code::kApprovalStale, "run: what was approved for this node is not what would happen now");
  return {};
}

Result<json::Object> Walk::execute(const graph::Node& current) {
  if (current.kind != "template") return json::Object{};  // echo, passthrough, halt and interrupt change nothing
  SG_TRY(std::string rendered, graph::render(text_of_member(current.config, "template"), run().data));
  return json::Object{{text_of_member(current.config, "out"), std::move(rendered)}};
}

Result<> Walk::hand_out(const graph::Node& current) {
  if (!settings_.side_effects)
    return fail(Code::kSideEffectsDenied, "run: node " + current.id.str() + ": side effects are not allowed here");
  if (!basis_.any_worker_kind && !basis_.worker_kinds.contains(current.kind)) {
    return fail(Code::kKindNotDeclared, "run: node " + current.id.str() + ": no active pack declares its kind");
  }
  WorkRow work;
  work.id = base::TaskId(base::make_uuid7(env_));
  work.tenant = run().tenant;
  work.run = run().id;
  work.step = run().steps;
  work.node = current.id;
  work.kind = current.kind;
  work.config = current.config;
  work.input = run().data;
  work.deadline = std::min(now_ + settings_.limits.node_time, run().deadline);
  unit_.work = std::move(work);
  cursor().phase = Phase::kWork;
  run().state = RunState::kWorking;
  return {};
}

// --- deciding

Result<> Walk::decide() {
  SG_TRY(const graph::Node* const current, node());
  if (current->kind == "interrupt" && !cursor().error) {
    SG_TRY(const graph::Interrupt interrupt, graph::read_interrupt(current->config));
    SG_TRY(Question question, make_question(interrupt, run().data));
    const bool answered =
        std::ranges::any_of(cursor().answers, [&](const Answer& one) { return one.question.covers(question); });
    if (!answered) return ask(std::move(question));
  }
  SG_TRY(Judged judged, judge());
  if (judged.decision.decision == DecisionClass::kInterrupt) return ask(*std::move(judged.decision.question));
  return take(judged.decision, std::move(judged.facts), judged.outcome);
}

Result<Walk::Judged> Walk::judge() {
  Judged out;
  if (!basis_.program) return out;
  const bool in_branch = cursor().branches.has_value();
  const std::size_t packs = basis_.program->stages.size() - (basis_.plan->clips().empty() ? 0 : 1);
  if (in_branch && packs == 0) return out;
  rules::EvaluationInput input = make_facts(basis_, run());
  if (in_branch) input.stage_facts.resize(packs);
  SG_TRY(out.outcome, evaluate_(input));
  if (in_branch) keep_stages(out.outcome, packs);
  std::vector<Question> answered;
  for (const Answer& one : cursor().answers) answered.push_back(one.question);
  SG_TRY(out.decision, fold(*basis_.program, out.outcome, answered, run().data));
  out.facts = facts_to_json(basis_, input);
  return out;
}

Result<> Walk::ask(Question question) {
  InterruptRow row;
  row.step = run().steps;
  row.node = run().node;
  row.asked_at = now_;
  if (question.timeout) row.expires_at = now_ + *question.timeout;
  if (const auto other = timeout_target(question); other && !basis_.plan->index_of(*other)) {
    return fail(Code::kRulesTemplate,
                "decision: rule " + question.rule + ": on_timeout goes to a node that does not exist");
  }
  json::Array guards;
  for (const std::string& guarded : question.guards) {
    const auto index = basis_.plan->index_of(guarded);
    if (!index)
      return fail(Code::kRulesTemplate, "decision: rule " + question.rule + ": guards a node that does not exist");
    const graph::Node& target = basis_.plan->nodes()[*index];
    row.guards.push_back({target.id, input_digest(target.kind, target.config, run().data).hex()});
    guards.push_back(json::Object{{"input_digest", row.guards.back().input_digest}, {"node", guarded}});
  }
  json::Object parts{{"basis", basis_.basis_hash.hex()}, {"guards", std::move(guards)}, {"payload", question.payload},
                     {"prompt", question.prompt},        {"run_id", run().id.str()},    {"step", run().steps}};
  if (question.requested_capability) parts.set("requested_capability", *question.requested_capability);
  row.id = base::InterruptId(crypto::domain_digest(kInterruptDomain, json::canonical(parts)).hex());
  run().state = RunState::kWaiting;
  json::Object event = make_event("waiting_for_input", run(), now_, std::string(kEngineActor),
                                  question.stage.empty() ? "runtime" : "rule");
  event.set("interrupt_id", row.id.str());
  event.set("prompt", question.prompt);
  event.set("interrupt_payload", question.payload);
  event.set("requested_capability",
            question.requested_capability ? json::Value(*question.requested_capability) : json::Value());
  unit_.events.push_back(std::move(event));
  unit_.audit.push_back(make_audit(audit::EventName::kRunWaiting, audit::Outcome::kSuccess, run(), engine_actor(),
                                   {{"basis", basis_.basis_hash.hex()},
                                    {"interrupt_id", row.id.str()},
                                    {"node", run().node.str()},
                                    {"rule", question.rule},
                                    {"stage", question.stage},
                                    {"step", run().steps}}));
  row.question = std::move(question);
  unit_.ask = std::move(row);
  return {};
}

// Records the step and goes where the decision says.
Result<> Walk::take(const Decision& decision, json::Array facts, const rules::Outcome& outcome) {
  record(to_json(decision), std::move(facts), outcome);
  if (cursor().error && decision.decision == DecisionClass::kContinue) {
    return fail(Code::kNodeFailed,
                "run: node " + run().node.str() + ": failed (" + cursor().error->code + ") and no rule said what then");
  }
  ++cursor().decisions;
  if (!decision.stage.empty() && decision.stage != kGraphStage) {
    unit_.audit.push_back(make_audit(audit::EventName::kRunDecided, audit::Outcome::kSuccess, run(), engine_actor(),
                                     {{"class", decision_class_name(decision.decision)},
                                      {"node", run().node.str()},
                                      {"pack_digest", decision.stage_digest},
                                      {"policy", policy_of(basis_)},
                                      {"rule", decision.rule},
                                      {"stage", decision.stage},
                                      {"step", run().steps - 1}}));
  }
  switch (decision.decision) {
    case DecisionClass::kViolation: return violate(decision);
    case DecisionClass::kHalt: return halt(decision);
    case DecisionClass::kGoto: return go_to(decision.target, decision);
    case DecisionClass::kParallel: return fan_out(decision.targets, decision.join, decision);
    case DecisionClass::kRetry: return retry(decision);
    case DecisionClass::kInterrupt:
    case DecisionClass::kContinue: break;
  }
  return fall_through(decision);
}

Result<> Walk::violate(const Decision& decision) {
  unit_.audit.push_back(make_audit(audit::EventName::kRulesViolation, audit::Outcome::kDenied, run(), engine_actor(),
                                   {{"node", run().node.str()},
                                    {"pack_digest", decision.stage_digest},
                                    {"rule", decision.rule},
                                    {"stage", decision.stage}}));
  finish(RunState::kFailed, base::reason(Code::kPolicyDenied).name,
         "rule " + decision.stage + "/" + decision.rule + ": " + decision.reason);
  return {};
}

void Walk::record(json::Object decision, json::Array facts, const rules::Outcome& outcome) {
  append_step(unit_, basis_, now_, std::move(decision), std::move(facts), outcome);
  step_recorded_ = true;
}

void Walk::finish(RunState state, std::string_view error_class, const std::string& cause) {
  finish_run(unit_, now_, state, engine_actor(), error_class, cause);
}

}  // namespace stargraph::engine
