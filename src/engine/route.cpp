// Where a run goes after a decision: one node, several branches and their join, or the end.
#include "events.hpp"
#include "stargraph/graph/state.hpp"
#include "walk.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::int64_t kMaxRetries = 10;  // of one target in one run

std::unexpected<base::Error> bad_target(const Decision& decision, std::string_view why) {
  return fail(Code::kRulesTemplate, "decision: rule " + decision.rule + ": " + std::string(why));
}

}  // namespace

void Walk::transition(const std::string& from, const std::string& to, std::string_view reason,
                      const std::string& rule) {
  unit_.events.push_back(make_transition(run(), now_, from, to, reason, rule));
}

Result<> Walk::halt(const Decision& decision) {
  run().reason = decision.reason;
  transition(run().node.str(), "", decision.rule.empty() ? "end" : "halt", decision.rule);
  finish(RunState::kDone, "", "");
  return {};
}

Result<> Walk::fall_through(const Decision& decision) {
  const auto index = basis_.plan->index_of(run().node.str());
  const auto next = index ? basis_.plan->successor(*index) : std::nullopt;
  if (!next) return halt(decision);
  return go_to(basis_.plan->nodes()[*next].id.str(), decision);
}

Result<> Walk::go_to(const std::string& target, const Decision& decision) {
  if (!basis_.plan->index_of(target)) return bad_target(decision, "goes to a node that does not exist");
  if (const graph::Parallel* const block = basis_.plan->parallel_at(target))
    return fan_out(block->targets, block->join, decision);
  transition(run().node.str(), target, decision_class_name(decision.decision), decision.rule);
  move_to(run(), target);
  return {};
}

Result<> Walk::retry(const Decision& decision) {
  std::int64_t& count = cursor().retries[decision.target];
  if (++count > kMaxRetries)
    return fail(Code::kRunLimit, "decision: rule " + decision.rule + ": retried more often than a run may");
  SG_TRY(go_to(decision.target, decision));
  if (decision.backoff_ms > 0) run().ready_at = now_ + std::chrono::milliseconds(decision.backoff_ms);
  return {};
}

// --- fan-out

Result<> Walk::fan_out(const std::vector<std::string>& targets, const std::string& join, const Decision& decision) {
  if (targets.size() > graph::kMaxNodes) return bad_target(decision, "more branches than a graph has nodes");
  for (const std::string& target : targets) {
    SG_TRY(check_branch(target, decision));
  }
  if (!join.empty() && !basis_.plan->index_of(join)) return bad_target(decision, "a join that does not exist");
  transition(run().node.str(), "parallel", "parallel", decision.rule);
  cursor().branches = Branches{targets, join, 0, run().data, run().data};
  start_branch();
  return {};
}

Result<> Walk::check_branch(const std::string& target, const Decision& decision) {
  const auto index = basis_.plan->index_of(target);
  if (!index) return bad_target(decision, "a branch that does not exist");
  if (basis_.plan->nodes()[*index].kind == "interrupt") return bad_target(decision, "a branch cannot ask a person");
  return {};
}

void Walk::branch_event(std::string_view type) {
  const Branches& branches = *cursor().branches;
  json::Object event = make_event(type, run(), now_, std::string(kEngineActor), "runtime");
  event.set("branch_id", "branch-" + std::to_string(branches.index));
  event.set("target", branches.targets[branches.index]);
  event.set("strategy", "all");
  if (type == "branch_completed") event.set("result", cursor().patch);
  unit_.events.push_back(std::move(event));
}

void Walk::start_branch() {
  const std::string target = cursor().branches->targets[cursor().branches->index];
  run().data = cursor().branches->base;
  branch_event("branch_started");
  move_to(run(), target);
}

// The output of each branch is merged in declared order, so that the order of completion decides nothing.
Result<> Walk::finish_branch() {
  if (cursor().error)
    return fail(Code::kNodeFailed, "run: branch " + run().node.str() + ": failed (" + cursor().error->code + ")");
  Branches& branches = *cursor().branches;
  SG_TRY(branches.merged,
         graph::merge(basis_.plan->schema(), branches.merged, cursor().patch, settings_.limits.state_bytes));
  SG_TRY(Judged judged, judge());
  if (judged.decision.decision != DecisionClass::kContinue) return end_in_branch(std::move(judged));
  record(to_json(judged.decision), std::move(judged.facts), judged.outcome);
  branch_event("branch_completed");
  if (branches.index + 1 == branches.targets.size()) return join();
  ++branches.index;
  start_branch();
  return {};
}

// A pack may end the run from a branch, and nothing else: there is nobody to ask and nowhere to go before the join.
Result<> Walk::end_in_branch(Judged judged) {
  const Decision& decision = judged.decision;
  if (decision.decision == DecisionClass::kViolation || decision.decision == DecisionClass::kHalt) {
    run().data = cursor().branches->merged;
    return take(decision, std::move(judged.facts), judged.outcome);
  }
  record(to_json(decision), std::move(judged.facts), judged.outcome);
  return bad_target(decision, "a branch cannot ask a person or choose where to go");
}

Result<> Walk::join() {
  const Branches done = std::move(*cursor().branches);
  cursor().branches.reset();
  run().data = done.merged;
  std::string next = done.join;
  if (next.empty()) {
    const auto after = basis_.plan->successor(*basis_.plan->index_of(done.targets.back()));
    if (!after) return halt({});
    next = basis_.plan->nodes()[*after].id.str();
  }
  transition("parallel", next, "join", "");
  move_to(run(), next);
  return {};
}

}  // namespace stargraph::engine
