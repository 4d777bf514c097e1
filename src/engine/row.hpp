// A run as the database holds it, between two transactions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "decision.hpp"
#include "stargraph/audit/event.hpp"
#include "stargraph/engine/run.hpp"

namespace stargraph::engine {

// What happens next at the run's node.
enum class Phase : std::uint8_t {
  kEnter,   // execute the node
  kWork,    // a worker has it
  kDecide,  // its output is merged: rules decide
};

// An answered question of the step in hand.
struct Answer {
  base::InterruptId interrupt;
  Question question;
  json::Object response;
  base::ActorName actor;
};

// What a person approved: the node may run once with exactly this input.
struct Approval {
  base::NodeId node;
  std::string input_digest;
  std::optional<std::string> capability = std::nullopt;  // what the question asked of who approved
};

struct NodeError {
  std::string code;  // a reason's name
  std::int64_t attempt = 1;
};

// A fan-out being worked off, one branch after another in declared order, each from the same state.
struct Branches {
  std::vector<std::string> targets;
  std::string join;
  std::size_t index = 0;
  json::Object base;
  json::Object merged;  // base and the outputs of the branches before `index`
};

struct Cursor {
  Phase phase = Phase::kEnter;
  std::string input_digest;        // of the node in hand, from kWork on
  std::string worker;              // whose output `patch` is; empty: the daemon's own
  json::Object patch;              // its output, in kDecide
  std::optional<NodeError> error;  // it failed, in kDecide
  std::vector<Answer> answers;     // of this step
  std::vector<Approval> approvals;
  std::optional<Branches> branches;
  std::map<std::string, std::int64_t> retries;  // by target
  std::int64_t decisions = 0;                   // routing decisions so far: 0 means the run starts
};

// What the answer to `question` approves. It takes the place of an earlier approval of the node, unless that one asked
// for a capability which this one does not: then both must hold.
void add_approvals(Cursor& cursor, const std::vector<Approval>& guards, const Question& question);

[[nodiscard]] json::Value to_json(const Cursor& cursor);
[[nodiscard]] base::Result<Cursor> cursor_from_json(const json::Value& value);

struct RunRow {
  base::RunId id;
  base::TenantId tenant;
  base::GraphId graph;
  crypto::Digest graph_hash;
  crypto::Digest basis_hash;
  RunState state = RunState::kPending;
  std::optional<RunState> paused_state;  // what it goes on with
  std::string trigger_source;
  base::ActorName started_by;
  base::Timestamp started_at{};
  base::Timestamp last_step_at{};
  std::optional<base::Timestamp> finished_at;
  base::Timestamp deadline{};
  std::optional<base::Timestamp> ready_at;  // of a retry with backoff
  std::optional<base::RunId> parent;
  std::int64_t steps = 0;
  base::NodeId node;
  std::string reason;
  std::optional<std::string> error_class;
  std::optional<std::string> error_cause;
  json::Object data;
  Cursor cursor;
  crypto::Digest step_hash;  // of the last step; of the start before the first
  crypto::Digest decision_hash;
  std::string salt;             // hex; keys the HMACs of this run's values in audit
  std::int64_t event_seq = 0;   // the last one
  std::int64_t row_bytes = 0;   // what this row held when it was read; docs/formats/run.md, Budget
  std::int64_t held_bytes = 0;  // what all rows of the run held then
  std::int64_t version = 0;     // optimistic lock: every transaction adds one
};

struct StepRow {
  std::int64_t number = 0;
  base::NodeId node;
  std::string record;  // canonical JSON, the bytes that step_hash covers
  crypto::Digest step_hash;
  crypto::Digest decision_hash;
};

struct InterruptRow {
  base::InterruptId id;
  std::int64_t step = 0;
  base::NodeId node;
  Question question;
  std::vector<Approval> guards;
  base::Timestamp asked_at{};
  std::optional<base::Timestamp> expires_at;
};

enum class WorkState : std::uint8_t { kReady, kLeased, kDone, kFailed, kClosed };

struct WorkRow {
  base::TaskId id;
  base::TenantId tenant;
  base::RunId run;
  std::int64_t step = 0;
  base::NodeId node;
  std::string kind;
  json::Object config;
  json::Object input;
  WorkState state = WorkState::kReady;
  std::int64_t attempt = 0;  // leases so far
  std::string lease;
  base::ActorName owner;
  std::optional<base::Timestamp> lease_until;
  base::Timestamp deadline{};
  std::string output_digest;  // of the completion that counted
};

// Everything one transaction changes of one run.
struct Unit {
  RunRow run;  // new values; `version` is the one they replace
  std::vector<StepRow> steps;
  std::vector<json::Object> events;  // without seq, event_id, run_id: the store numbers them
  std::vector<audit::Event> audit;
  std::optional<InterruptRow> ask;
  std::optional<WorkRow> work;
  bool close_waits = false;  // open questions and tasks of the run are closed
  std::int64_t written = 0;  // bytes that rows hold which the change wrote itself, in the same transaction
};

}  // namespace stargraph::engine
