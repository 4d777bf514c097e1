#include "evaluators.hpp"

namespace stargraph::engine {

base::Result<rules::Outcome> Evaluators::evaluate(const Basis& basis, const rules::EvaluationInput& input) {
  auto outcome = evaluate_now(basis, input);
  if (outcome || outcome.error().kind() != base::Kind::kBusy) return outcome;
  std::map<std::string, std::vector<std::unique_ptr<rules::Evaluator>>> surplus;  // ends processes: outside the lock
  const std::scoped_lock lock(mutex_);
  surplus.swap(idle_);
  return outcome;
}

base::Result<rules::Outcome> Evaluators::evaluate_now(const Basis& basis, const rules::EvaluationInput& input) {
  const std::string& digest = basis.program->digest;
  std::unique_ptr<rules::Evaluator> evaluator = take(digest);
  if (!evaluator) {
    SG_TRY(evaluator, jail_.evaluator(*basis.program));
  }
  auto outcome = evaluator->evaluate(input);
  give(digest, std::move(evaluator));
  return outcome;
}

std::unique_ptr<rules::Evaluator> Evaluators::take(const std::string& digest) {
  const std::scoped_lock lock(mutex_);
  auto& idle = idle_[digest];
  if (idle.empty()) return nullptr;
  std::unique_ptr<rules::Evaluator> evaluator = std::move(idle.back());
  idle.pop_back();
  return evaluator;
}

void Evaluators::give(const std::string& digest, std::unique_ptr<rules::Evaluator> evaluator) {
  std::vector<std::unique_ptr<rules::Evaluator>> surplus;  // ends processes: outside the lock
  const std::scoped_lock lock(mutex_);
  auto& idle = idle_[digest];
  (idle.size() < keep_ ? idle : surplus).push_back(std::move(evaluator));
  for (auto entry = idle_.begin(); idle_.size() > bases_ && entry != idle_.end();) {
    if (entry->first == digest) {
      ++entry;
      continue;
    }
    for (auto& one : entry->second) surplus.push_back(std::move(one));
    entry = idle_.erase(entry);
  }
}

}  // namespace stargraph::engine
