// `when` sugar: {node: X, field: value, ...} lowered to CLIPS patterns.
#pragma once

#include <string>

#include "graph/structure.hpp"

namespace stargraph::graph {

// Fills rules[i].when for every mapping. Fields are written in the order of their names, so that the order
// of keys in the document decides nothing. Faults carry /rules/<i>/when.
void lower_sugar(Structure& structure, Faults& faults);

// "no node with id 'x'; declared: ['a', 'b']", cut short for large documents. `id` must be printable.
[[nodiscard]] std::string no_such_node(std::string_view id, const Document& document);

}  // namespace stargraph::graph
