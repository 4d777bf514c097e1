// Rules of a document as CLIPS text.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/graph/document.hpp"

namespace stargraph::graph {

// One rule's condition, checked by clp.
struct Condition {
  std::size_t rule = 0;  // index into the document
  std::size_t patterns = 0;
  std::string text;
};

// "graph." + id: a slug may begin with a digit, a CLIPS name may not.
[[nodiscard]] std::string defrule_name(const Rule& rule);

// One defrule a condition, in the order of the document. Every text of the document stands in it as a quoted string.
[[nodiscard]] base::Result<std::string> compile_rules(const Document& document,
                                                      const std::vector<Condition>& conditions);

}  // namespace stargraph::graph
