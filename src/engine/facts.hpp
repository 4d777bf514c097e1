// Facts: what rules see of a run at one decision.
#pragma once

#include "row.hpp"
#include "stargraph/engine/catalog.hpp"

namespace stargraph::engine {

// `run` stands in Phase::kDecide: its output is merged into `data`. The same run in the same place
// always gives the same facts: ids and times that differ between two runs are constants here.
[[nodiscard]] rules::EvaluationInput make_facts(const Basis& basis, const RunRow& run);

// A value as a slot holds it. `as_symbol`: strings that are plain symbols become symbols (records and
// `state`), otherwise they stay strings.
[[nodiscard]] std::optional<rules::SlotValue> slot_value(const json::Value& value, bool as_symbol);

// The facts for a step record: template and slots without provenance.
[[nodiscard]] json::Array facts_to_json(const Basis& basis, const rules::EvaluationInput& input);

}  // namespace stargraph::engine
