// Runs as others see them: states, views and requests. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/strong.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::engine {

enum class RunState : std::uint8_t {
  kPending,  // accepted, not begun
  kRunning,  // a scheduler thread has it or will take it
  kWaiting,  // for a person (an interrupt)
  kWorking,  // for a worker (a leased task)
  kPaused,   // by an operator or a revocation
  kDone,
  kFailed,
  kCancelled,
  kExpired,  // over its wall clock
};
[[nodiscard]] std::string_view run_state_name(RunState state);
[[nodiscard]] std::optional<RunState> run_state_from_name(std::string_view name);
[[nodiscard]] bool is_terminal(RunState state);
// Upstream's five-valued `status`: running, done, failed, paused, cancelled.
[[nodiscard]] std::string_view wire_status(RunState state);

struct StartRequest {
  base::GraphId graph;
  json::Object params;
  std::optional<std::string> idempotency_key;  // at most 255 bytes; unique in its tenant
  std::string trigger_source = "manual";
};

struct StartReply {
  base::RunId run;
  RunState state = RunState::kPending;
  bool repeated = false;  // the key was used before with the same request: that run, no second one
};

// A question that waits for a person.
struct InterruptView {
  base::InterruptId id;
  base::StepNumber step;
  base::NodeId node;
  std::string prompt;  // fields filled in
  json::Object payload;
  std::optional<std::string> requested_capability;
  std::optional<base::NodeId> guards;
  std::string rule;  // "<pack or graph>/<rule>", empty for an interrupt node
  base::Timestamp asked_at{};
  std::optional<base::Timestamp> expires_at;
};

struct RunView {
  base::RunId id;
  base::TenantId tenant;
  base::GraphId graph;
  crypto::Digest graph_hash;
  crypto::Digest basis_hash;
  RunState state = RunState::kPending;
  std::string trigger_source;
  base::ActorName started_by;
  base::Timestamp started_at{};
  base::Timestamp last_step_at{};
  std::optional<base::Timestamp> finished_at;
  std::optional<base::RunId> parent;
  base::StepNumber steps;                  // how many are recorded
  base::NodeId node;                       // where it stands
  std::string reason;                      // of a halt
  std::optional<std::string> error_class;  // a reason code
  std::optional<std::string> error_cause;  // for people; no input echoed
  std::optional<InterruptView> interrupt;
  json::Object data;  // the run's state (fields); filled by get_run only
};

struct RunFilter {
  std::optional<std::string> status;  // one of the five, or a full state name
  std::optional<base::Timestamp> since;
  std::optional<base::Timestamp> until;
  std::optional<std::string> trigger_source;
  std::int64_t limit = 100;  // 1 to 1000
  std::int64_t offset = 0;
};
struct RunPage {
  std::vector<RunView> items;
  std::int64_t total = 0;
};

// Of one tenant, in bytes (docs/formats/run.md, Budget).
struct Use {
  std::int64_t held = 0;
  std::int64_t budget = 0;
};

// One recorded step; `record` is the step record (docs/formats/run.md) as canonical JSON.
struct StepView {
  base::StepNumber number;
  base::NodeId node;
  crypto::Digest step_hash;
  crypto::Digest decision_hash;
  json::Value record;
};

// One event of a run, as the stream and GET /events give it; `body` has type, seq, event_id, actor, origin ...
struct EventView {
  base::EventSeq seq;
  json::Value body;
};

struct RespondRequest {
  std::optional<base::InterruptId> interrupt;  // needed, unless `lenient` and exactly one waits
  json::Object response;
  bool lenient = false;  // upstream's clients (profile oss-default)
};

// Work for a worker.
struct WorkItem {
  base::TaskId id;
  std::string lease;  // token that heartbeat, complete and fail must carry
  base::TenantId tenant;
  base::RunId run;
  base::StepNumber step;
  base::NodeId node;
  std::string kind;
  json::Object config;  // the node's
  json::Object state;   // the run's fields
  std::int64_t attempt = 1;
  base::Timestamp lease_until{};
  base::Timestamp deadline{};  // of the node
};

}  // namespace stargraph::engine
