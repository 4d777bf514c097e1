// Decisions: what the facts that rules left behind add up to. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/graph/document.hpp"
#include "stargraph/json/value.hpp"
#include "stargraph/rules/program.hpp"

namespace stargraph::engine {

// In the order of their strength: the first class that any rule asked for wins.
enum class DecisionClass : std::uint8_t { kViolation, kInterrupt, kHalt, kGoto, kParallel, kRetry, kContinue };
[[nodiscard]] std::string_view decision_class_name(DecisionClass decision);

// A question as it would be put: places filled in.
struct Question {
  std::string prompt;
  json::Object payload;
  std::optional<std::string> requested_capability;
  std::optional<base::Duration> timeout;
  std::string on_timeout = "halt";
  std::vector<std::string> guards;
  std::string stage;  // empty: an interrupt node
  std::string rule;

  // An answer to this question is one to `other` too when that has the same prompt and payload and asks for no more: no
  // capability but this one's, no guard but one of this one's.
  [[nodiscard]] bool covers(const Question& other) const;
};

struct Decision {
  DecisionClass decision = DecisionClass::kContinue;
  std::string target;                // goto, retry
  std::vector<std::string> targets;  // parallel
  std::string join;
  std::string reason;  // halt, violation
  std::int64_t backoff_ms = 0;
  std::optional<Question> question;
  std::string stage;  // whose rule it was; empty for continue
  std::string stage_digest;
  std::string rule;
};

// Folds an outcome. `answered` are the questions this step has answers to: they do not count again.
// `state` fills the places of prompts. kRulesTemplate for an action whose slots make no sense (unknown
// kind, a target that is no node, a payload that is no JSON object).
[[nodiscard]] base::Result<Decision> fold(const rules::Program& program, const rules::Outcome& outcome,
                                          const std::vector<Question>& answered, const json::Object& state);

// The question of an interrupt node or action.
[[nodiscard]] base::Result<Question> make_question(const graph::Interrupt& interrupt, const json::Object& state);

// The node a question goes to when nobody answers in time; nothing: the run ends.
[[nodiscard]] std::optional<std::string> timeout_target(const Question& question);

[[nodiscard]] json::Object to_json(const Question& question);
[[nodiscard]] base::Result<Question> question_from_json(const json::Value& value);
// For the step record: class, target(s), reason, stage, pack digest and rule.
[[nodiscard]] json::Object to_json(const Decision& decision);

}  // namespace stargraph::engine
