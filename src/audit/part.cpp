#include "stargraph/audit/part.hpp"

namespace stargraph::audit {

std::string_view part_name(LogPart part) { return part == LogPart::kSegment ? "segment" : "tree"; }

std::optional<LogPart> part_from_name(std::string_view name) {
  if (name == "segment") return LogPart::kSegment;
  if (name == "tree") return LogPart::kTree;
  return std::nullopt;
}

}  // namespace stargraph::audit
