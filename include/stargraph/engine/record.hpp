// Step records and their two hash chains (docs/formats/run.md).
//
// step_hash covers everything of a step, times and workers included: tamper evidence. decision_hash
// covers only what must repeat: basis, node, input digest, output, decision. Two runs that were decided
// alike have equal decision hashes, on any machine.
#pragma once

#include <span>
#include <string_view>

#include "stargraph/base/result.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/engine/run.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::engine {

inline constexpr std::string_view kStepDomain = "stargraph.step.v1";
inline constexpr std::string_view kDecisionDomain = "stargraph.decision.v1";
inline constexpr std::string_view kInputDomain = "stargraph.input.v1";

// Where both chains of a run begin.
[[nodiscard]] crypto::Digest chain_start(const crypto::Digest& basis);
// What a node is given: its kind, its config and the run's fields.
[[nodiscard]] crypto::Digest input_digest(std::string_view kind, const json::Object& config, const json::Object& state);
// Of the record's canonical JSON, which holds "previous" already.
[[nodiscard]] crypto::Digest step_hash(std::string_view record);
// From the members of `record` that must repeat.
[[nodiscard]] crypto::Digest decision_hash(const crypto::Digest& previous, const json::Object& record);

// Recomputes both chains over the steps of one run, from number 0: kChainBroken at the first step whose
// number, previous hash or hashes do not follow.
[[nodiscard]] base::Result<> verify_steps(const crypto::Digest& basis, std::span<const StepView> steps);

}  // namespace stargraph::engine
