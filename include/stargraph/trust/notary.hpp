// Notary: where a trust act gets its receipt, and who knows which acts there are. The real one speaks to
// stargraph-auditd over trust.sock, which only root may open; tests bring their own.
#pragma once

#include <memory>

#include "stargraph/audit/client.hpp"
#include "stargraph/audit/receipt.hpp"
#include "stargraph/base/env.hpp"
#include "stargraph/base/result.hpp"

namespace stargraph::trust {

class Notary {
 public:
  virtual ~Notary() = default;
  // The receipt of an entry that is on the audit writer's disk: kAuditUnavailable.
  [[nodiscard]] virtual base::Result<audit::Receipt> record(const audit::Event& event) = 0;
  // Where the log stands now, signed by the audit key: kAuditUnavailable.
  [[nodiscard]] virtual base::Result<audit::Head> head() = 0;
  // The receipt of an entry that stands in the log already: kNotFound when it was archived away.
  [[nodiscard]] virtual base::Result<audit::Receipt> again(audit::SourceSeq number) = 0;
};

// Over trust.sock. Connects at once and never again, so that the caller may give up root, and making sockets,
// afterwards. When that failed each call gives the reason; after a call that failed each later one is
// kAuditUnavailable. So is an act that another importer was faster than. `env` and `audit_key` must outlive it.
[[nodiscard]] std::unique_ptr<Notary> socket_notary(base::Env& env, const base::Path& trust_socket,
                                                    const crypto::PublicKey& audit_key);

}  // namespace stargraph::trust
