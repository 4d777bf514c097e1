// Engine values as the JSON of the interface: upstream's names first, ours beside them.
#pragma once

#include "stargraph/engine/run.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::serve {

[[nodiscard]] json::Object render(const engine::RunView& run);
[[nodiscard]] json::Object render(const engine::StepView& step);
[[nodiscard]] json::Object render(const engine::WorkItem& task);

}  // namespace stargraph::serve
