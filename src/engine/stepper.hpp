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
    // Pure steps that may share a transaction (law 2: none of them is a visible point).
    int coalesce = 16;
  };

  Stepper(base::Env& env, const Settings& settings) : env_(env), settings_(settings) {}

  // From `run`, which is pending or running, to the next visible point or the end of the batch. The run's
  // own faults end the run, inside the unit; an Error is ours (kJailLost, kInternal) and changes nothing.
  [[nodiscard]] base::Result<Unit> advance(RunRow run, const Basis& basis, const Evaluate& evaluate) const;

  // A worker's output for the node in hand: merged, or the run fails. The next advance() decides.
  void accept_output(Unit& unit, const Basis& basis, const json::Object& output) const;
  // The node in hand failed for good: rules may route that.
  void accept_failure(Unit& unit, const NodeError& error) const;
  // The open question ran out of time.
  void accept_timeout(Unit& unit, const Basis& basis, const InterruptRow& question) const;

  // The run ends here. `cause` is for people.
  void finish(Unit& unit, RunState state, std::string_view error_class, const std::string& cause) const;

 private:
  class Walk;
  base::Env& env_;
  Settings settings_;
};

// Ends the run of `unit` with state, event and audit record; what the run had open is closed.
void finish_run(Unit& unit, base::Timestamp now, RunState state, const base::ActorName& actor, std::string_view error_class,
                const std::string& cause);
// An event's body without what the store adds (run_id, seq, event_id).
[[nodiscard]] json::Object make_event(std::string_view type, const RunRow& run, base::Timestamp now, const std::string& actor,
                                      std::string_view origin);
[[nodiscard]] audit::Event make_audit(audit::EventName name, audit::Outcome outcome, const RunRow& run, const base::ActorName& actor,
                                      json::Object data);
// HMAC-SHA-384 of a value under the run's salt, hex: what stands in the log for a value that may be secret.
[[nodiscard]] std::string salted(const RunRow& run, const json::Value& value);

inline constexpr std::string_view kEngineActor = "stargraphd";
inline constexpr std::int64_t kMaxRetries = 10;  // of one target in one run

}  // namespace stargraph::engine
