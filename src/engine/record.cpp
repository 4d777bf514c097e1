#include "stargraph/engine/record.hpp"

#include <array>

#include "stargraph/json/write.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::fail;

// Members of a record that decision_hash covers. `interrupts` without who answered and when.
constexpr auto kRepeating = std::to_array<std::string_view>(
    {"basis", "branch", "decision", "error", "input_digest", "node", "patch", "responses"});

}  // namespace

crypto::Digest chain_start(const crypto::Digest& basis) {
  return crypto::domain_digest(kStepDomain, json::canonical(json::Object{{"basis", basis.hex()}}));
}

crypto::Digest input_digest(std::string_view kind, const json::Object& config, const json::Object& state) {
  const json::Value kind_text(kind);
  const std::array<json::MemberView, 3> parts{{{"config", config}, {"kind", kind_text}, {"state", state}}};
  return crypto::domain_digest(kInputDomain, json::canonical_of(parts));
}

crypto::Digest step_hash(std::string_view record) { return crypto::domain_digest(kStepDomain, record); }

crypto::Digest decision_hash(const crypto::Digest& previous, const json::Object& record) {
  const json::Value before(previous.hex());
  std::vector<json::MemberView> parts{{"previous", before}};
  for (const std::string_view name : kRepeating) {
    if (const json::Value* const value = record.find(name)) parts.emplace_back(name, *value);
  }
  return crypto::domain_digest(kDecisionDomain, json::canonical_of(parts));
}

base::Result<> verify_steps(const crypto::Digest& basis, std::span<const StepView> steps) {
  crypto::Digest step = chain_start(basis);
  crypto::Digest decision = chain_start(basis);
  std::int64_t number = 0;
  for (const StepView& view : steps) {
    const std::string where = "steps: " + std::to_string(number) + ": ";
    const json::Object* const record = view.record.object();
    if (record == nullptr || view.number.value() != number)
      return fail(Code::kChainBroken, where + "not the next step");
    const auto is = [&](std::string_view name, const std::string& text) {
      const json::Value* const value = record->find(name);
      return value != nullptr && value->string() != nullptr && *value->string() == text;
    };
    if (!is("previous", step.hex()) || !is("basis", basis.hex()) || !is("node", view.node.str())) {
      return fail(Code::kChainBroken, where + "does not follow the step before it");
    }
    step = step_hash(json::canonical(*record));
    decision = decision_hash(decision, *record);
    if (step != view.step_hash || decision != view.decision_hash)
      return fail(Code::kChainBroken, where + "was changed");
    ++number;
  }
  return {};
}

}  // namespace stargraph::engine
