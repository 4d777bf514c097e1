// The verdict of a reload: what the daemon made of the last SIGHUP, for the one who waits for it (stargraph-pack
// reload).
//
// Table reload_verdict (module engine), one row:
//   id = 1, serial (counts verdicts from 1, so that a second one about the same acts is told from the first), acts (the
//   number of trust acts that were looked at), outcome ("done", or the reason's name), message, at (microseconds).
// It is written in the transaction that holds the audit entry "packs.reloaded"; a daemon that starts writes one too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/store/database.hpp"

namespace stargraph::engine {

inline constexpr std::string_view kVerdictDone = "done";

struct ReloadVerdict {
  std::int64_t serial = 0;
  std::int64_t acts = 0;
  std::string outcome{kVerdictDone};
  std::string message;
  base::Timestamp at{};
};

// Replaces the row and gives the new serial; `verdict.serial` is not looked at. Inside a ledger operation.
[[nodiscard]] base::Result<std::int64_t> write_verdict(store::Connection& connection, const ReloadVerdict& verdict);
// Nothing before the first. kInternal when the table is not there: no daemon of this version has had this database yet.
[[nodiscard]] base::Result<std::optional<ReloadVerdict>> read_verdict(store::Connection& connection);

}  // namespace stargraph::engine
