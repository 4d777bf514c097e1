#include "stargraph/engine/run.hpp"

#include <algorithm>
#include <array>

namespace stargraph::engine {
namespace {

struct StateRow {
  RunState state;
  std::string_view name;
  std::string_view wire;
  bool terminal;
};

// `status` folds as upstream's GET /v1/runs/{id} does, but for `pending`, which it shows as failed.
constexpr auto kStates = std::to_array<StateRow>({
    {RunState::kPending, "pending", "running", false},
    {RunState::kRunning, "running", "running", false},
    {RunState::kWaiting, "waiting", "paused", false},
    {RunState::kWorking, "working", "running", false},
    {RunState::kPaused, "paused", "paused", false},
    {RunState::kDone, "done", "done", true},
    {RunState::kFailed, "failed", "failed", true},
    {RunState::kCancelled, "cancelled", "cancelled", true},
    {RunState::kExpired, "expired", "failed", true},
});

const StateRow& row(RunState state) { return kStates[static_cast<std::size_t>(state)]; }

}  // namespace

std::string_view run_state_name(RunState state) { return row(state).name; }

std::optional<RunState> run_state_from_name(std::string_view name) {
  const auto* const found = std::ranges::find(kStates, name, &StateRow::name);
  if (found == kStates.end()) return std::nullopt;
  return found->state;
}

bool is_terminal(RunState state) { return row(state).terminal; }
std::string_view wire_status(RunState state) { return row(state).wire; }

}  // namespace stargraph::engine
