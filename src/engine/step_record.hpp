// Step records: what a run did at one node, and why (docs/formats/run.md).
#pragma once

#include "row.hpp"
#include "stargraph/engine/catalog.hpp"

namespace stargraph::engine {

// Appends the record of the step in hand to the unit and moves both chains of the run on. `decision` is what was
// decided; `facts` and `outcome` are what it was decided from.
void append_step(Unit& unit, const Basis& basis, base::Timestamp now, json::Object decision, json::Array facts,
                 const rules::Outcome& outcome);

}  // namespace stargraph::engine
