// Walk: one advance() of a run; holds the unit while it grows. walk.cpp executes nodes and decides, route.cpp goes
// where the decision says.
#pragma once

#include "stepper.hpp"

namespace stargraph::engine {

class Walk {
 public:
  // Everything given must outlive the walk.
  Walk(base::Env& env, const Stepper::Settings& settings, RunRow run, const Basis& basis,
       const Stepper::Evaluate& evaluate);
  [[nodiscard]] base::Result<Unit> go() &&;

 private:
  RunRow& run() { return unit_.run; }
  Cursor& cursor() { return unit_.run.cursor; }
  [[nodiscard]] bool running() const {
    return unit_.run.state == RunState::kRunning && !unit_.ask && !unit_.work && !unit_.run.ready_at;
  }

  void begin();
  [[nodiscard]] bool over_limits();
  void fail_run(const base::Error& error);
  base::Result<> step();

  // Executing the node in hand.
  base::Result<const graph::Node*> node();
  base::Result<> enter();
  base::Result<> use_approval(const graph::Node& current);
  base::Result<json::Object> execute(const graph::Node& current);
  base::Result<> hand_out(const graph::Node& current);

  // Deciding what comes after it.
  struct Judged {
    Decision decision;
    json::Array facts;  // what rules saw, for the record
    rules::Outcome outcome;
  };
  // What rules say of the step in hand. Of a branch only packs are asked: the graph's own rules route after the join.
  base::Result<Judged> judge();
  base::Result<> decide();
  base::Result<> ask(Question question);
  base::Result<> take(const Decision& decision, json::Array facts, const rules::Outcome& outcome);
  base::Result<> violate(const Decision& decision);

  // Going there (route.cpp).
  base::Result<> halt(const Decision& decision);
  base::Result<> go_to(const std::string& target, const Decision& decision);
  base::Result<> fall_through(const Decision& decision);
  base::Result<> retry(const Decision& decision);
  base::Result<> fan_out(const std::vector<std::string>& targets, const std::string& join, const Decision& decision);
  base::Result<> check_branch(const std::string& target, const Decision& decision);
  void branch_event(std::string_view type);
  void start_branch();
  base::Result<> finish_branch();
  base::Result<> end_in_branch(Judged judged);
  base::Result<> join();
  void transition(const std::string& from, const std::string& to, std::string_view reason, const std::string& rule);

  void record(json::Object decision, json::Array facts, const rules::Outcome& outcome);
  void finish(RunState state, std::string_view error_class, const std::string& cause);

  base::Env& env_;
  const Stepper::Settings& settings_;
  const Basis& basis_;
  const Stepper::Evaluate& evaluate_;
  base::Timestamp now_;
  Unit unit_;
  bool step_recorded_ = false;  // the step in hand has its record
};

}  // namespace stargraph::engine
