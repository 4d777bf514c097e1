// Graph documents as JSON, YAML and short form: what is accepted must dump, read and hash the same, and its plan must
// hold its own rules and nothing else.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "stargraph/clp/source.hpp"
#include "stargraph/graph/hash.hpp"
#include "stargraph/graph/parse.hpp"
#include "stargraph/graph/plan.hpp"

namespace graph = stargraph::graph;

namespace {

void check(const stargraph::base::Result<graph::Document>& document) {
  if (!document) return;
  const auto again = graph::load_json(graph::canonical_dump(*document));
  // A dump may be longer than the text it came from, never another document.
  if (!again && again.error().code != stargraph::base::Code::kTooLarge) std::abort();
  if (again && graph::graph_hash(*again) != graph::graph_hash(*document)) std::abort();
  const auto plan = graph::make_plan(*document);
  if (!plan) return;
  const auto source = stargraph::clp::check_source(plan->clips());
  if (!source || source->rules.size() != document->rules.size() || !source->functions.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(graph::load_json(text));
  check(graph::load_yaml(text));
  return 0;
}
