#include "stargraph/audit/event.hpp"

#include <algorithm>
#include <array>

#include "stargraph/base/bytes.hpp"
#include "stargraph/json/reader.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::uint8_t bit(Source source) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(source)); }
constexpr std::uint8_t kOwn = bit(Source::kWriter);
constexpr std::uint8_t kDaemon = bit(Source::kDaemon);
constexpr std::uint8_t kTrust = bit(Source::kTrust);

constexpr auto kEvents = std::to_array<EventRow>({
    {EventName::kAuditStarted, "audit.started", kOwn, "the audit writer opened and verified the log"},
    {EventName::kAuditRecovered, "audit.recovered", kOwn, "a torn last line, never acknowledged, was cut"},
    {EventName::kAuditCheckpoint, "audit.checkpoint", kOwn, "a signed statement of all entries before it"},
    {EventName::kAuditRotated, "audit.rotated", kOwn, "first entry of a new segment"},
    {EventName::kAuditPruned, "audit.pruned", kOwn, "archived segments are about to leave this disk"},
    {EventName::kAuditRefused, "audit.refused", kOwn, "a client sent what may not stand in the log"},
    {EventName::kAuditStopping, "audit.stopping", kOwn, "the audit writer ends on request"},
    {EventName::kDaemonStarted, "daemon.started", kDaemon, "the daemon is about to serve"},
    {EventName::kPacksReloaded, "packs.reloaded", kDaemon, "the packs now active were taken up, or refused"},
    {EventName::kDaemonStopping, "daemon.stopping", kDaemon, "the daemon ends"},
    {EventName::kRequest, "request", kDaemon, "one request of an authenticated principal"},
    {EventName::kHandshakesRefused, "handshakes.refused", kDaemon,
     "how many connections failed before they had a name"},
    {EventName::kStreamOpened, "stream.opened", kDaemon, "a principal began to follow a run"},
    {EventName::kStreamClosed, "stream.closed", kDaemon, "a principal ceased to follow a run"},
    {EventName::kRunCreated, "run.created", kDaemon, "a run was accepted"},
    {EventName::kRunStarted, "run.started", kDaemon, "a run took its first step"},
    {EventName::kRunDecided, "run.decided", kDaemon, "rules decided what happens next"},
    {EventName::kRunWaiting, "run.waiting", kDaemon, "a run asked a person"},
    {EventName::kRunResponded, "run.responded", kDaemon, "a person answered"},
    {EventName::kRunPaused, "run.paused", kDaemon, "a run was held"},
    {EventName::kRunResumed, "run.resumed", kDaemon, "a held run goes on"},
    {EventName::kRunRecovered, "run.recovered", kDaemon, "a run goes on after a restart"},
    {EventName::kRunCompleted, "run.completed", kDaemon, "a run ended as its graph says"},
    {EventName::kRunFailed, "run.failed", kDaemon, "a run ended with an error"},
    {EventName::kRunCancelled, "run.cancelled", kDaemon, "a principal ended a run"},
    {EventName::kRunExpired, "run.expired", kDaemon, "a run reached a limit of time"},
    {EventName::kRunRemoved, "run.removed", kDaemon, "what a run had recorded is removed: its time is over"},
    {EventName::kNodeFailed, "node.failed", kDaemon, "a node could not do its work"},
    {EventName::kWorkLeased, "work.leased", kDaemon, "a worker took a task"},
    {EventName::kWorkCompleted, "work.completed", kDaemon, "a worker gave a task's result"},
    {EventName::kWorkFailed, "work.failed", kDaemon, "a worker gave a task up"},
    {EventName::kWorkExpired, "work.expired", kDaemon, "a lease ran out"},
    {EventName::kArtifactWritten, "artifact.written", kDaemon, "a run stored an artifact"},
    {EventName::kRulesLimit, "rules.limit", kDaemon, "a pack exceeded its limits and was ended"},
    {EventName::kRulesViolation, "rules.violation", kDaemon, "a pack found a violation"},
    {EventName::kPolicyDenied, "policy.denied", kDaemon, "the policy in force does not let an execution pack run"},
    {EventName::kPolicyLapsed, "policy.lapsed", kDaemon, "the policy in force counts no more"},
    {EventName::kPackImported, "pack.imported", kTrust, "a verified pack was stored"},
    {EventName::kPackRefused, "pack.refused", kTrust | kDaemon, "a pack failed a check"},
    {EventName::kPackActivated, "pack.activated", kTrust, "a stored pack became the one in force"},
    {EventName::kPackRetired, "pack.retired", kTrust, "a pack is in force no more"},
    {EventName::kTrustKeyAdded, "trust.key_added", kTrust, "a person confirmed a key's fingerprint"},
    {EventName::kTrustPinned, "trust.pinned", kTrust, "an id or scope was bound to a key"},
    {EventName::kTrustRepinned, "trust.repinned", kTrust, "an id or scope was bound to another key"},
    {EventName::kTrustThresholdSet, "trust.threshold_set", kTrust, "how many pinned keys must sign was changed"},
    {EventName::kTrustKeyRotated, "trust.key_rotated", kTrust, "a pinned key handed over to its successor"},
    {EventName::kTrustFloorRaised, "trust.floor_raised", kTrust, "the lowest allowed epoch of a pack rose"},
    {EventName::kTrustRevoked, "trust.revoked", kTrust, "a key, digest or epoch range was revoked"},
    {EventName::kTrustRepaired, "trust.repaired", kTrust, "acts that the trust store had lost came back from the log"},
    {EventName::kPolicyActivated, "policy.activated", kTrust | kDaemon, "a policy pack became the one in force"},
    {EventName::kApprovalGiven, "approval.given", kTrust, "an approver's token was accepted"},
});

constexpr bool in_order() {
  for (std::size_t i = 0; i < kEvents.size(); ++i) {
    if (static_cast<std::size_t>(kEvents[i].name) != i) return false;
  }
  return true;
}
static_assert(in_order());
static_assert(kEvents.size() == static_cast<std::size_t>(EventName::kApprovalGiven) + 1);

constexpr std::array<std::string_view, kSourceCount> kSources = {"stargraph-auditd", "stargraphd", "stargraph-pack"};
constexpr std::array<std::string_view, 4> kOutcomes = {"intent", "success", "failure", "denied"};

constexpr std::size_t kMaxActorBytes = 256;
constexpr std::size_t kMaxNameBytes = 128;
constexpr int kMaxDepth = 16;

bool is_text(std::string_view text) { return text.find('\0') == std::string_view::npos && base::is_utf8(text); }

bool is_tenant(std::string_view text) {
  if (text == kSiteTenantText) return true;
  const auto begins = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const auto goes_on = [&](char c) { return begins(c) || c == '_' || c == '.' || c == '-'; };
  return !text.empty() && text.size() <= 64 && begins(text.front()) && std::ranges::all_of(text, goes_on);
}

bool is_run_id(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  const auto fits = [](char c, char form) {
    return form == '-' ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  };
  return std::ranges::equal(text, kForm, fits);
}
bool is_member_name(std::string_view name) {
  const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
  return !name.empty() && name.size() <= kMaxNameBytes && name != "entry_hash" && std::ranges::all_of(name, printable);
}

Result<> check_value(const json::Value& value, int depth) {
  if (depth > kMaxDepth) return fail(Code::kTooDeep, "audit: data: nested deeper than 16");
  if (value.is_double()) return fail(Code::kNumberRange, "audit: data: a number that is not an integer");
  if (const auto* number = value.integer(); number != nullptr) {
    if (*number > json::kMaxInteger || *number < -json::kMaxInteger) {
      return fail(Code::kNumberRange, "audit: data: an integer beyond 2^53-1");
    }
  }
  if (const auto* text = value.string(); text != nullptr && !is_text(*text)) {
    return fail(Code::kBadUtf8, "audit: data: text that is not UTF-8 or holds NUL");
  }
  if (const auto* array = value.array(); array != nullptr) {
    for (const json::Value& item : *array) SG_TRY(check_value(item, depth + 1));
  }
  if (const auto* object = value.object(); object != nullptr) {
    for (const auto& [name, member] : *object) {
      if (!is_member_name(name)) return fail(Code::kMalformed, "audit: data: a member's name is not allowed");
      SG_TRY(check_value(member, depth + 1));
    }
  }
  return {};
}

}  // namespace

std::string_view source_name(Source source) { return kSources.at(static_cast<std::size_t>(source)); }

std::optional<Source> source_from_name(std::string_view name) {
  const auto found = std::ranges::find(kSources, name);
  if (found == kSources.end()) return std::nullopt;
  return static_cast<Source>(found - kSources.begin());
}

std::string_view outcome_name(Outcome outcome) { return kOutcomes.at(static_cast<std::size_t>(outcome)); }

std::optional<Outcome> outcome_from_name(std::string_view name) {
  const auto found = std::ranges::find(kOutcomes, name);
  if (found == kOutcomes.end()) return std::nullopt;
  return static_cast<Outcome>(found - kOutcomes.begin());
}

std::span<const EventRow> event_table() { return kEvents; }

std::string_view event_text(EventName name) { return kEvents.at(static_cast<std::size_t>(name)).text; }

std::optional<EventName> event_from_text(std::string_view text) {
  const auto found = std::ranges::find(kEvents, text, &EventRow::text);
  if (found == kEvents.end()) return std::nullopt;
  return found->name;
}

bool may_send(Source source, EventName name) {
  return (kEvents.at(static_cast<std::size_t>(name)).sources & bit(source)) != 0;
}

std::string safe_text(std::string_view bytes, std::size_t max_bytes) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    // The longest prefix of at most four bytes that is one whole character.
    std::size_t length = 1;
    while (length <= 4 && at + length <= bytes.size() && !base::is_utf8(bytes.substr(at, length))) ++length;
    const bool whole = length <= 4 && at + length <= bytes.size() && bytes[at] != '\0';
    const std::string_view next = whole ? bytes.substr(at, length) : kReplacement;
    if (out.size() + next.size() > max_bytes) break;
    out += next;
    at += whole ? length : 1;
  }
  return out;
}

Result<> check_event(const Event& event) {
  if (event.actor.empty() || event.actor.str().size() > kMaxActorBytes || !is_text(event.actor.str())) {
    return fail(Code::kMalformed, "audit: actor: not 1 to 256 bytes of UTF-8");
  }
  if (!is_tenant(event.tenant.str())) return fail(Code::kMalformed, "audit: tenant: not a tenant's name");
  if (event.run && !is_run_id(event.run->str())) return fail(Code::kMalformed, "audit: run_id: not a UUID");
  for (const auto& [name, member] : event.data) {
    if (!is_member_name(name)) return fail(Code::kMalformed, "audit: data: a member's name is not allowed");
    SG_TRY(check_value(member, 1));
  }
  return {};
}

}  // namespace stargraph::audit
