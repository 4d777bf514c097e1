// The members that an event has in common in records and entries.
#pragma once

#include "stargraph/audit/event.hpp"
#include "stargraph/json/reader.hpp"

namespace stargraph::audit {

[[nodiscard]] json::Object event_fields(const Event& event);
// Errors stick in the reader; what comes back must still pass check_event.
[[nodiscard]] Event read_event_fields(json::Reader& in);

}  // namespace stargraph::audit
