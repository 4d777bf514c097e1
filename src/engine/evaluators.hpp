// Warm evaluators, kept per basis between evaluations.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "stargraph/engine/catalog.hpp"
#include "stargraph/rules/jail.hpp"

namespace stargraph::engine {

class Evaluators {
 public:
  // `jail` must outlive it. At most `keep` idle ones of one basis, and of `bases` bases, are kept.
  Evaluators(rules::Jail& jail, std::size_t keep, std::size_t bases) : jail_(jail), keep_(keep), bases_(bases) {}

  // Any thread. Takes an idle evaluator or makes one. When the machine has no process left (kBusy) all idle ones are
  // ended, so that there is one for whoever tries again.
  [[nodiscard]] base::Result<rules::Outcome> evaluate(const Basis& basis, const rules::EvaluationInput& input);

 private:
  base::Result<rules::Outcome> evaluate_now(const Basis& basis, const rules::EvaluationInput& input);
  std::unique_ptr<rules::Evaluator> take(const std::string& digest);
  void give(const std::string& digest, std::unique_ptr<rules::Evaluator> evaluator);

  rules::Jail& jail_;
  std::size_t keep_;
  std::size_t bases_;
  std::mutex mutex_;
  std::map<std::string, std::vector<std::unique_ptr<rules::Evaluator>>> idle_;
};

}  // namespace stargraph::engine
