// The stages after structure. Each adds its faults; the caller stops at the first stage that did.
#pragma once

#include "graph/faults.hpp"
#include "stargraph/graph/document.hpp"

namespace stargraph::graph {

void check_ids(const Document& document, Faults& faults);
void check_duplicates(const Document& document, Faults& faults);
void check_version(const Document& document, Faults& faults);
void check_references(const Document& document, Faults& faults);  // targets, joins, guards, on_timeout
void check_executable(const Document& document, Faults& faults);  // what this engine would not run
void check_local_nodes(const Document& document,
                       Faults& faults);  // config of echo, halt, interrupt, passthrough, template
void check_conditions(const Document& document, Faults& faults);  // `when` text

}  // namespace stargraph::graph
