// What a run tells: its events (for streams) and its audit records (for the log).
#pragma once

#include <string>
#include <string_view>

#include "row.hpp"
#include "stargraph/engine/catalog.hpp"

namespace stargraph::engine {

inline constexpr std::string_view kEngineActor = "stargraphd";
[[nodiscard]] base::ActorName engine_actor();

// An event's body without what the store adds (run_id, seq, event_id).
[[nodiscard]] json::Object make_event(std::string_view type, const RunRow& run, base::Timestamp now,
                                      const std::string& actor, std::string_view origin);
// {from_node, to_node, rule_id, reason}; `rule` is empty when no rule decided it.
[[nodiscard]] json::Object make_transition(const RunRow& run, base::Timestamp now, const std::string& from,
                                           const std::string& to, std::string_view reason, const std::string& rule);
[[nodiscard]] audit::Event make_audit(audit::EventName name, audit::Outcome outcome, const RunRow& run,
                                      const base::ActorName& actor, json::Object data);

// The digest of the policy that a run rests on; null without one.
[[nodiscard]] json::Value policy_of(const Basis& basis);

// About one task, with the facts of its lease; `request_id` may be empty.
[[nodiscard]] audit::Event work_event(audit::EventName name, audit::Outcome outcome, const WorkRow& work,
                                      const base::ActorName& actor, const std::string& request_id);

// Ends the run of `unit` with state, event and audit record; what the run had open is closed. `cause` is for people.
void finish_run(Unit& unit, base::Timestamp now, RunState state, const base::ActorName& actor,
                std::string_view error_class, const std::string& cause);

// HMAC of a value under a salt of this entry's own: how values stand in audit (docs/formats/requests.md). The salt is
// drawn from the run's, which lies in the database, and from `place`, which no two entries of a run share; so one can
// be disclosed without the others, and the same value twice looks like two.
[[nodiscard]] std::string salted(const RunRow& run, std::string_view place, const json::Value& value);
// The place of what a worker said about a task.
[[nodiscard]] std::string work_place(std::string_view what, const WorkRow& work);

}  // namespace stargraph::engine
