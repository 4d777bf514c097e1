#include "serve/journal.hpp"

#include <new>

#include "serve/api.hpp"
#include "stargraph/audit/outbox.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kNobody = "unknown";  // the actor of a certificate that is nobody's
constexpr std::string_view kNoRoute = "-";       // in a summary: whatever path it was

bool is_denied(int status) { return status == 401 || status == 403; }

audit::Outcome outcome_of(int status) {
  if (status < 400) return audit::Outcome::kSuccess;
  return is_denied(status) ? audit::Outcome::kDenied : audit::Outcome::kFailure;
}

json::Object tally(const std::map<std::string, std::int64_t>& counts) {
  json::Object object;
  for (const auto& [name, count] : counts) object.set(name, count);
  return object;
}

audit::Event event_of(const Asked& asked, const Response& response) {
  audit::Event event;
  event.name = audit::EventName::kRequest;
  event.outcome = outcome_of(response.status);
  event.actor = asked.principal != nullptr ? asked.principal->name : base::ActorName(std::string(kNobody));
  event.tenant = asked.principal != nullptr ? asked.principal->tenant : audit::site_tenant();
  const Route* const route = asked.match.route;
  const auto& capability = route != nullptr ? route->capability : std::nullopt;
  const policy::InForce* const policy = asked.gate->policy();
  event.data = {{"method", audit::safe_text(asked.method, 16)},
                {"route", route != nullptr ? std::string(route->pattern) : audit::safe_text(asked.path, 256)},
                {"capability", capability ? json::Value(policy::capability_name(*capability)) : json::Value()},
                {"status", response.status},
                {"code", response.code},
                {"request_id", asked.request_id},
                {"address", audit::safe_text(asked.address, 64)},
                {"certificate", asked.fingerprint},
                {"policy", policy != nullptr ? json::Value(policy->digest().hex()) : json::Value()}};
  for (const auto& [name, text] : asked.match.parameters) {
    if (name == "run" && is_uuid(text)) event.run = base::RunId(text);
  }
  return event;
}

}  // namespace

std::string payer(const Asked& asked) {
  return asked.principal != nullptr ? asked.principal->name.str() : "certificate:" + asked.fingerprint;
}

Journal::Journal(base::Env& env, store::Ledger& ledger, std::function<void()> committed, bool relaxed)
    : env_(env),
      ledger_(ledger),
      committed_(std::move(committed)),
      relaxed_(relaxed),
      singles_(env, kSinglesAtOnce, kSinglesPerSecond) {}

Result<> Journal::write(const Asked& asked, const Response& response) {
  if (response.status >= 400 && !singles_.take(payer(asked)).allowed) {
    count(asked, response);
    return {};
  }
  const audit::Event event = event_of(asked, response);
  const base::Timestamp now = env_.now();
  const bool read = asked.match.route != nullptr && asked.match.route->act == Act::kRead;
  if (!relaxed_ || !read) return commit(event, now);
  ledger_.post([event, now](store::Connection& connection) { return audit::append(connection, event, now); },
               [committed = committed_](const Result<>& done) {
                 if (done) committed();
               });
  return {};
}

Result<> Journal::commit(const audit::Event& event, base::Timestamp time) {
  SG_TRY(ledger_.run([&](store::Connection& connection) { return audit::append(connection, event, time); }));
  committed_();
  return {};
}

void Journal::count(const Asked& asked, const Response& response) {
  const base::Timestamp now = env_.now();
  const std::scoped_lock lock(mutex_);
  const auto [entry, is_new] = counted_.try_emplace(payer(asked));
  Counted& counted = entry->second;
  if (is_new) {
    counted.began = env_.monotonic();
    counted.from = now;
    counted.first_request = asked.request_id;
    counted.certificate = asked.fingerprint;
    counted.actor = asked.principal != nullptr ? asked.principal->name.str() : std::string(kNobody);
    counted.tenant = asked.principal != nullptr ? asked.principal->tenant.str() : audit::site_tenant().str();
  }
  counted.to = now;
  counted.last_request = asked.request_id;
  counted.all_denied = counted.all_denied && is_denied(response.status);
  ++counted.count;
  ++counted.codes[response.code];
  // Patterns of the table only: their number is bounded, that of paths is not.
  ++counted.routes[asked.match.route != nullptr ? std::string(asked.match.route->pattern) : std::string(kNoRoute)];
}

audit::Event Journal::summary(const Counted& counted) {
  audit::Event event;
  event.name = audit::EventName::kRequest;
  event.outcome = counted.all_denied ? audit::Outcome::kDenied : audit::Outcome::kFailure;
  event.actor = base::ActorName(counted.actor);
  event.tenant = base::TenantId(counted.tenant);
  event.data = {{"count", counted.count},
                {"codes", tally(counted.codes)},
                {"routes", tally(counted.routes)},
                {"from", base::format_rfc3339(counted.from)},
                {"to", base::format_rfc3339(counted.to)},
                {"first_request_id", counted.first_request},
                {"last_request_id", counted.last_request},
                {"certificate", counted.certificate}};
  return event;
}

Result<> Journal::tell_counted(bool all) {
  Payers due;
  {
    const base::Duration now = env_.monotonic();
    const std::scoped_lock lock(mutex_);
    for (auto at = counted_.begin(); at != counted_.end();) {
      const auto next = std::next(at);
      if (all || now - at->second.began >= kTellEvery) due.insert(counted_.extract(at));
      at = next;
    }
  }
  while (!due.empty()) {
    const Result<> told = commit(summary(due.begin()->second), env_.now());
    if (!told) {
      put_back(std::move(due));
      return told;
    }
    due.erase(due.begin());
  }
  return {};
}

// What was counted meanwhile is newer.
void Journal::put_back(Payers untold) {
  const std::scoped_lock lock(mutex_);
  for (auto& [payer, older] : untold) {
    const auto [entry, is_new] = counted_.try_emplace(payer, older);
    if (is_new) continue;
    Counted& newer = entry->second;
    newer.began = older.began;
    newer.from = older.from;
    newer.first_request = older.first_request;
    newer.count += older.count;
    newer.all_denied = newer.all_denied && older.all_denied;
    for (const auto& [name, count] : older.codes) newer.codes[name] += count;
    for (const auto& [name, count] : older.routes) newer.routes[name] += count;
  }
}

RequestEntry::~RequestEntry() {
  if (!open_) return;
  // Nobody is left to tell an error to; the reply was not given either.
  static_cast<void>(journal_.write(asked_, error_response(Code::kInternal, asked_.request_id)));
}

Response RequestEntry::close(Response response) {
  open_ = false;
  if (journal_.write(asked_, response)) return response;
  return error_response(Code::kAuditUnavailable, asked_.request_id);
}

Response carry_out(Journal& journal, const Asked& asked, const std::function<Result<Response>()>& act) {
  RequestEntry entry(journal, asked);
  Result<Response> response = fail(Code::kInternal, "request: not answered");
  try {
    response = act();
  } catch (const std::bad_alloc&) {
    throw;  // ends the process, as everywhere
  } catch (const std::exception&) {
    // A mistake of ours: 500, and its entry. What it said may quote the peer.
    response = fail(Code::kInternal, "request: threw");
  }
  if (response) return entry.close(*std::move(response));
  Response refusal = error_response(response.error(), asked.request_id);
  if (response.error().code == Code::kRateLimited) refusal.retry_after = asked.retry_after;
  return entry.close(std::move(refusal));
}

}  // namespace stargraph::serve
