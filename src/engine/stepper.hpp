// Stepper: takes a run from one durable point to the next. Knows no database and no threads; what it
// changes comes back as a Unit for one transaction.
#pragma once

#include <functional>
#include <memory>

#include "row.hpp"
#include "stargraph/base/env.hpp"
#include "stargraph/engine/catalog.hpp"
#include "stargraph/engine/engine.hpp"
#include "stargraph/rules/program.hpp"

namespace stargraph::engine {

class Stepper {
 public:
  // One evaluation of the basis' program.
  using Evaluate = std::function<base::Result<rules::Outcome>(const rules::EvaluationInput&)>;

  struct Settings {
    EngineLimits limits;
    bool side_effects = false;
  };

  Stepper(base::Env& env, const Settings& settings) : env_(env), settings_(settings) {}

  // From `run`, which is pending or running, to the next visible point or the end of the batch. The run's
  // own faults end the run, inside the unit; an Error is ours (kJailLost, kInternal) and changes nothing.
  [[nodiscard]] base::Result<Unit> advance(RunRow run, const Basis& basis, const Evaluate& evaluate) const;

  // What follows happens to a run from outside. A paused run takes it and stays paused.

  // A worker's output for the node in hand: merged, or the run fails. The next advance() decides.
  void accept_output(Unit& unit, const Basis& basis, const json::Object& output, const base::ActorName& worker) const;
  // The node in hand failed for good: rules may route that.
  void accept_failure(Unit& unit, const NodeError& error) const;
  // The open question ran out of time: the step is recorded, and the run goes where the question says or fails.
  void accept_timeout(Unit& unit, const Basis& basis, const InterruptRow& question) const;

  // The run ends here. `cause` is for people.
  void finish(Unit& unit, RunState state, std::string_view error_class, const std::string& cause) const;

 private:
  base::Env& env_;
  Settings settings_;
};

// Merges a node's output into the run, which then decides.
[[nodiscard]] base::Result<> take_output(RunRow& run, const Basis& basis, const json::Object& output,
                                         std::size_t state_bytes);
// Puts the run in front of another node; nothing of the step before stays in the cursor.
void move_to(RunRow& run, const std::string& node);

}  // namespace stargraph::engine
