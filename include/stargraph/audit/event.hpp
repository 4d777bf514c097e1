// Events: what may stand in the audit log.
//
// The names are one closed table that code, docs/formats/audit.md and tests read. Each name has the
// writers that may send it: the audit writer refuses `trust.pinned` from the daemon's socket, so a
// daemon that was taken over cannot write trust into the log.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "stargraph/base/result.hpp"
#include "stargraph/base/strong.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::audit {

enum class EventName : std::uint8_t {
  // the audit writer itself
  kAuditStarted,
  kAuditRecovered,
  kAuditCheckpoint,
  kAuditRotated,
  kAuditPruned,
  kAuditRefused,
  kAuditStopping,
  // the daemon
  kDaemonStarted,
  kPacksReloaded,
  kDaemonStopping,
  kRequest,
  kHandshakesRefused,
  kStreamOpened,
  kStreamClosed,
  kRunCreated,
  kRunStarted,
  kRunDecided,
  kRunWaiting,
  kRunResponded,
  kRunPaused,
  kRunResumed,
  kRunRecovered,
  kRunCompleted,
  kRunFailed,
  kRunCancelled,
  kRunExpired,
  kRunRemoved,
  kNodeFailed,
  kWorkLeased,
  kWorkCompleted,
  kWorkFailed,
  kWorkExpired,
  kArtifactWritten,
  kRulesLimit,
  kRulesViolation,
  kPolicyDenied,
  kPolicyLapsed,
  // trust, from the importer
  kPackImported,
  kPackRefused,
  kPackActivated,
  kPackRetired,
  kTrustKeyAdded,
  kTrustPinned,
  kTrustRepinned,
  kTrustThresholdSet,
  kTrustKeyRotated,
  kTrustFloorRaised,
  kTrustRevoked,
  kTrustRepaired,
  kPolicyActivated,
  kApprovalGiven,
};

// Who writes. The socket decides it, never what a packet says.
enum class Source : std::uint8_t { kWriter, kDaemon, kTrust };
inline constexpr std::size_t kSourceCount = 3;
// "stargraph-auditd", "stargraphd", "stargraph-pack".
[[nodiscard]] std::string_view source_name(Source source);
[[nodiscard]] std::optional<Source> source_from_name(std::string_view name);

enum class Outcome : std::uint8_t { kIntent, kSuccess, kFailure, kDenied };
[[nodiscard]] std::string_view outcome_name(Outcome outcome);  // "intent", "success", "failure", "denied"
[[nodiscard]] std::optional<Outcome> outcome_from_name(std::string_view name);

struct EventRow {
  EventName name;
  std::string_view text;  // "run.started"
  std::uint8_t sources;   // one bit a Source
  std::string_view meaning;
};

// All events, in the order of the enumeration.
[[nodiscard]] std::span<const EventRow> event_table();
[[nodiscard]] std::string_view event_text(EventName name);
[[nodiscard]] std::optional<EventName> event_from_text(std::string_view text);
[[nodiscard]] bool may_send(Source source, EventName name);

// The tenant of what belongs to the site and no tenant; no real tenant can have this name.
inline constexpr std::string_view kSiteTenantText = "-";
[[nodiscard]] inline base::TenantId site_tenant() { return base::TenantId(std::string(kSiteTenantText)); }

// One act as its writer tells it. `data` may hold null, booleans, integers, strings, arrays and
// objects with ASCII names, nesting at most 16; a number that is not an integer is refused (write it
// as text). Secret values never stand in it.
struct Event {
  EventName name = EventName::kRequest;
  Outcome outcome = Outcome::kSuccess;
  base::ActorName actor;
  base::TenantId tenant;
  std::optional<base::RunId> run;
  json::Object data;
};

// kMalformed, kNumberRange, kBadUtf8, kTooLarge or kTooDeep when the event cannot stand in a log. Control
// characters are fine: JSON escapes them, so they never make a second line.
[[nodiscard]] base::Result<> check_event(const Event& event);

// Bytes from outside as text that check_event takes: what is not UTF-8, and NUL, becomes U+FFFD, and the
// text ends at a whole character within `max_bytes`. Control characters stay; the log escapes them.
[[nodiscard]] std::string safe_text(std::string_view bytes, std::size_t max_bytes);

}  // namespace stargraph::audit
