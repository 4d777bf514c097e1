#include "audit/event_fields.hpp"

#include <span>

#include "stargraph/json/write.hpp"

namespace stargraph::audit {

std::string encode_head_fields(const Event& event) {
  std::string text = "{\"actor\":";
  text += json::quoted(event.actor.str());
  const json::MemberView data("data", event.data);
  const std::string with_data = json::canonical_of(std::span(&data, 1));  // {"data":{…}}
  text += ',';
  text += std::string_view(with_data).substr(1, with_data.size() - 2);
  text += ",\"event\":\"";
  text += event_text(event.name);
  text += "\",\"outcome\":\"";
  text += outcome_name(event.outcome);
  text += '"';
  return text;
}

std::string encode_run(const Event& event) { return event.run ? json::quoted(event.run->str()) : "null"; }

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
