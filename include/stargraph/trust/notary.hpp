// Notary: where a trust act gets its receipt. The real one speaks to stargraph-auditd over trust.sock,
// which only root may open; tests bring their own.
#pragma once

#include <string>
#include <string_view>

#include "stargraph/base/result.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::trust {

class Notary {
 public:
  virtual ~Notary() = default;
  // Writes an entry and returns its receipt, durable on the audit writer's disk: kAuditUnavailable.
  // `outcome` is "success" for acts, "denied" or "failure" for what did not happen.
  [[nodiscard]] virtual base::Result<std::string> record(std::string_view event, std::string_view outcome,
                                                         const json::Value& data) = 0;
};

}  // namespace stargraph::trust
