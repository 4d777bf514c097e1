// Verdict: what the daemon said to the last reload, in one row of the database.
//
// `stargraph-pack reload` records the acts, sends SIGHUP and waits until a verdict names at least that many acts.
// The daemon writes it in the same transaction as its audit entry. It is an answer, not a claim of trust: nothing is
// decided by it but the exit code of the command.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "stargraph/base/reason.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/store/database.hpp"

namespace stargraph::trust {

struct ReloadVerdict {
  std::int64_t acts = 0;             // how many trust acts the daemon had read when it decided
  std::int64_t serial = 0;           // rises by one with every verdict; set by put_verdict
  std::optional<base::Code> reason;  // nothing: taken up; else why the packs before stay in force
  std::string message;
  base::Timestamp time{};
};

// Inside the caller's transaction. A message is cut at 4,096 bytes.
[[nodiscard]] base::Result<> put_verdict(store::Connection& connection, const ReloadVerdict& verdict);
// Nothing when the daemon never gave one.
[[nodiscard]] base::Result<std::optional<ReloadVerdict>> get_verdict(store::Connection& connection);

// The number of the last act: a cheap read for who looks often whether something changed. The acts themselves
// are believed only as load_state() reads them.
[[nodiscard]] base::Result<std::int64_t> last_act_number(store::Connection& connection);

}  // namespace stargraph::trust
