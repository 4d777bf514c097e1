#include "audit/event_fields.hpp"

namespace stargraph::audit {

json::Object event_fields(const Event& event) {
  json::Object fields;
  fields.set("actor", event.actor.str());
  fields.set("data", event.data);
  fields.set("event", event_text(event.name));
  fields.set("outcome", outcome_name(event.outcome));
  fields.set("run_id", event.run ? json::Value(event.run->str()) : json::Value(nullptr));
  fields.set("tenant", event.tenant.str());
  return fields;
}

Event read_event_fields(json::Reader& in) {
  Event event;
  event.actor = base::ActorName(in.text("actor", 1, 256));
  const json::Value& data = in.value("data");
  if (data.object() != nullptr) {
    event.data = *data.object();
  } else {
    in.refuse("data", base::Code::kMalformed, "expected an object");
  }
  const auto name = event_from_text(in.text("event"));
  if (name) {
    event.name = *name;
  } else {
    in.refuse("event", base::Code::kMalformed, "not an event of the table");
  }
  const auto outcome = outcome_from_name(in.text("outcome"));
  if (outcome) {
    event.outcome = *outcome;
  } else {
    in.refuse("outcome", base::Code::kMalformed, "not an outcome");
  }
  const json::Value& run = in.value("run_id");
  if (run.string() != nullptr) {
    event.run = base::RunId(*run.string());
  } else if (!run.is_null()) {
    in.refuse("run_id", base::Code::kMalformed, "expected text or null");
  }
  event.tenant = base::TenantId(in.text("tenant", 1, 64));
  return event;
}

}  // namespace stargraph::audit
