// Stage 2: the structure of a document, member by member.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "graph/faults.hpp"
#include "stargraph/graph/document.hpp"

namespace stargraph::graph {

struct Structure {
  Document document;
  // Rules whose `when` is a mapping, to be lowered in the next stage. Points into the JSON value.
  std::vector<std::pair<std::size_t, const json::Object*>> sugar;
};

// Faults go to `faults`; the result is meaningful only when none were added. `value` must outlive it.
[[nodiscard]] Structure read_structure(const json::Value& value, Faults& faults);

// The members of an interrupt besides "kind".
[[nodiscard]] Interrupt read_interrupt(Members& in);

}  // namespace stargraph::graph
