#include "bin/stargraphd/packs.hpp"

#include "bin/stargraphd/system.hpp"
#include "stargraph/audit/outbox.hpp"
#include "stargraph/trust/verdict.hpp"

namespace stargraph::daemon {
namespace {

using base::Code;
using base::Error;
using base::fail;
using base::Result;

constexpr std::size_t kMostListed = 100;
constexpr int kMostBlind = 20;  // about five seconds

std::optional<Code> revoked(const trust::TrustState& state, const trust::PackRef& ref) {
  const trust::ImportedPack* const imported = state.find(ref.id, ref.epoch);
  if (imported == nullptr || imported->ref.digest != ref.digest) return std::nullopt;
  return state.is_revoked(imported->ref, imported->signers);
}

// Nothing at all when nothing was ever revoked: then nobody need ask.
engine::RevokedBecause because_of(std::shared_ptr<const trust::TrustState> state) {
  if (state->revocation_number() == 0) return {};
  return [state = std::move(state)](const trust::PackRef& ref) -> std::optional<std::string> {
    const auto code = revoked(*state, ref);
    if (!code) return std::nullopt;
    return std::string(base::reason(*code).name) + " (list " + std::to_string(state->revocation_number()) + ")";
  };
}

bool last_policy_was_revoked(const trust::TrustState& state) {
  const trust::ImportedPack* const last = state.last_policy();
  return last != nullptr && state.active_policy() == nullptr && state.is_revoked(last->ref, last->signers).has_value();
}

audit::Event event_of(audit::EventName name, audit::Outcome outcome, json::Object data) {
  audit::Event event;
  event.name = name;
  event.outcome = outcome;
  event.actor = base::ActorName("stargraphd");
  event.tenant = audit::site_tenant();
  event.data = std::move(data);
  return event;
}

json::Value digest_or_null(const policy::InForce* policy) {
  return policy == nullptr ? json::Value() : json::Value(policy->digest().hex());
}

audit::Event activated(const policy::InForce& policy) {
  const policy::Bundle& bundle = policy.bundle;
  return event_of(audit::EventName::kPolicyActivated, audit::Outcome::kSuccess,
                  {{"digest", policy.digest().hex()},
                   {"epoch", policy.pack.epoch.value()},
                   {"label", audit::safe_text(bundle.label, 256)},
                   {"mode", policy::mode_name(bundle.mode)},
                   {"not_after", base::format_rfc3339(bundle.not_after)},
                   {"not_before", base::format_rfc3339(bundle.not_before)},
                   {"pack", policy.pack.id.str()},
                   {"version", policy.pack.version}});
}

bool passes(const Error& error) { return error.kind() == base::Kind::kBusy || error.code == Code::kIo; }

}  // namespace

json::Array describe(const std::vector<trust::LoadedPack>& packs) {
  json::Array list;
  for (const trust::LoadedPack& pack : packs) {
    if (list.size() == kMostListed) break;
    list.emplace_back(json::Object{
        {"id", pack.ref().id.str()}, {"version", pack.ref().version}, {"digest", pack.ref().digest.hex()}});
  }
  return list;
}

Result<Packs::Taken> Packs::take() const {
  Taken taken;
  SG_TRY(database_.read([&](store::Connection& reader) -> Result<> {
    SG_TRY(trust::TrustState state, trust::load_state(reader, preflight_.audit_key));
    taken.state = std::make_shared<const trust::TrustState>(std::move(state));
    const trust::PackSource stored = trust::packs_in(reader);
    SG_TRY(trust::check_effects(stored, *taken.state));
    SG_TRY(static_cast<active::Active&>(taken),
           active::take(stored, *taken.state, preflight_.config, preflight_.graphs));
    return {};
  }));
  return taken;
}

// What a policy pack once governed stays closed when that policy is revoked, in every profile.
Result<> Packs::check_cleared(const Taken& taken) const {
  if (last_policy_was_revoked(*taken.state)) {
    return fail(Code::kPolicyRevoked, "policy: " + taken.state->last_policy()->ref.id.str() +
                                          ": was revoked; import and activate a newer one");
  }
  if (preflight_.config.profile != config::Profile::kCleared) return {};
  if (!taken.policy)
    return fail(Code::kPolicyMissing, "policy: no policy pack is active; profile cleared takes every grant from one");
  return policy::check_time(taken.policy->bundle, clock_.now());
}

policy::Gate Packs::gate_of(const Taken& taken) const {
  const config::Config& config = preflight_.config;
  if (last_policy_was_revoked(*taken.state)) return policy::Gate::closed(config, Code::kPolicyRevoked);
  if (config.profile == config::Profile::kCleared && taken.policy)
    return policy::Gate::obeying(config, taken.policy, clock_);
  return policy::Gate::make(config).value_or(policy::Gate::closed(config, Code::kPolicyMissing));
}

Result<> Packs::take_up() {
  SG_TRY(Taken taken, take());
  SG_TRY(check_cleared(taken));
  gate_ = std::make_unique<policy::CurrentGate>(gate_of(taken));
  taken_ = std::move(taken);
  acts_seen_ = taken_.state->acts();
  return {};
}

Result<trust::LoadedPack> Packs::load(const trust::PackRef& ref) const {
  std::optional<trust::LoadedPack> loaded;
  SG_TRY(database_.read([&](store::Connection& reader) -> Result<> {
    SG_TRY(const trust::TrustState state, trust::load_state(reader, preflight_.audit_key));
    const trust::ImportedPack* const imported = state.find(ref.id, ref.epoch);
    if (imported == nullptr || imported->ref.digest != ref.digest)
      return fail(Code::kPackUnknown, "pack " + ref.id.str() + ": not imported");
    SG_TRY(base::Bytes bytes, trust::get_pack(reader, ref.digest, imported->countersigned));
    SG_TRY(loaded, trust::LoadedPack::load(std::move(bytes), *imported, state));
    return {};
  }));
  return *std::move(loaded);
}

Result<> Packs::tell(const std::vector<audit::Event>& events, const std::optional<Error>& refused, std::int64_t acts) {
  trust::ReloadVerdict verdict;
  verdict.acts = acts;
  verdict.time = env_.now();
  if (refused) {
    verdict.reason = refused->code;
    verdict.message = refused->message;
  }
  SG_TRY(ledger_->run([&](store::Connection& connection) -> Result<> {
    for (const audit::Event& event : events) {
      SG_TRY(audit::append(connection, event, verdict.time));
    }
    return trust::put_verdict(connection, verdict);
  }));
  if (committed_) committed_();
  return {};
}

Result<> Packs::begin(engine::Engine& engine, store::Ledger& ledger, std::function<void()> committed) {
  engine_ = &engine;
  ledger_ = &ledger;
  committed_ = std::move(committed);
  SG_TRY(engine_->revoke(because_of(taken_.state)));
  std::vector<audit::Event> events;
  if (taken_.policy) events.push_back(activated(*taken_.policy));
  return tell(events, std::nullopt, taken_.state->acts());
}

Result<> Packs::reload() {
  Result<Taken> next = take();
  // A policy that does not count yet, or no more, is not taken up either: the one in force may still do.
  if (next && next->policy && next->policy->digest() != (taken_.policy ? taken_.policy->digest() : crypto::Digest())) {
    if (const auto in_time = policy::check_time(next->policy->bundle, clock_.now()); !in_time)
      next = std::unexpected(in_time.error());
  }
  // What is taken away goes first, whether the rest is taken up or not.
  if (next) {
    if (const auto stopped = engine_->revoke(because_of(next->state)); !stopped)
      next = std::unexpected(stopped.error());
  }
  if (!next) {
    const Error& error = next.error();
    std::int64_t acts = 0;
    SG_TRY(database_.read([&](store::Connection& reader) -> Result<> {
      SG_TRY(acts, trust::last_act_number(reader));
      return {};
    }));
    const audit::Event event =
        event_of(audit::EventName::kPacksReloaded, audit::Outcome::kFailure,
                 {{"acts", acts}, {"policy", digest_or_null(taken_.policy.get())}, {"reason", error.name()}});
    SG_TRY(tell({event}, error, acts));
    return std::unexpected(error);
  }
  return use(*std::move(next));
}

Result<> Packs::use(Taken next) {
  std::vector<audit::Event> events;
  events.push_back(event_of(audit::EventName::kPacksReloaded, audit::Outcome::kSuccess,
                            {{"acts", next.state->acts()},
                             {"count", static_cast<std::int64_t>(next.packs.size())},
                             {"graphs", static_cast<std::int64_t>(next.catalog->graphs().size())},
                             {"packs", describe(next.packs)},
                             {"policy", digest_or_null(next.policy.get())}}));
  const bool other = next.policy && (!taken_.policy || taken_.policy->digest() != next.policy->digest());
  if (other) events.push_back(activated(*next.policy));
  SG_TRY(tell(events, std::nullopt, next.state->acts()));
  engine_->use_catalog(next.catalog);
  gate_->set(gate_of(next));
  acts_seen_ = next.state->acts();
  const bool had_policy = taken_.policy != nullptr;
  taken_ = std::move(next);
  if (other) lapsed_.reset();
  if (taken_.policy || !had_policy) return {};
  if (last_policy_was_revoked(*taken_.state)) return lapse(Code::kPolicyRevoked);
  return preflight_.config.profile == config::Profile::kCleared ? lapse(Code::kPolicyMissing) : Result<>();
}

Result<> Packs::look() {
  Result<> seen = look_at_acts();
  if (seen) seen = look_at_time();
  if (seen) {
    blind_ = 0;
    return {};
  }
  if (!passes(seen.error()) || ++blind_ == kMostBlind) return seen;
  if (blind_ == 1) log(Priority::kError, seen.error().message);
  return {};
}

Result<> Packs::look_at_acts() {
  std::int64_t acts = 0;
  std::shared_ptr<const trust::TrustState> state;
  SG_TRY(database_.read([&](store::Connection& reader) -> Result<> {
    SG_TRY(acts, trust::last_act_number(reader));
    if (acts == acts_seen_) return {};
    if (acts < acts_seen_) return fail(Code::kChainBroken, "trust store: acts are gone that were there a moment ago");
    SG_TRY(trust::TrustState loaded, trust::load_state(reader, preflight_.audit_key));
    state = std::make_shared<const trust::TrustState>(std::move(loaded));
    return {};
  }));
  if (!state) return {};
  if (state->revocation_number() != taken_.state->revocation_number()) {
    // The one obeyed now may be another than the store's last: a newer one waits for its reload.
    const bool ours = taken_.policy && revoked(*state, taken_.policy->pack);
    if ((ours || last_policy_was_revoked(*state)) && lapsed_ != Code::kPolicyRevoked) {
      gate_->set(policy::Gate::closed(preflight_.config, Code::kPolicyRevoked, taken_.policy));
      SG_TRY(lapse(Code::kPolicyRevoked));
    }
    SG_TRY(const engine::Engine::Stopped stopped, engine_->revoke(because_of(state)));
    log(Priority::kWarning, "revocation list " + std::to_string(state->revocation_number()) + ": " +
                                std::to_string(stopped.runs) + " runs paused, " + std::to_string(stopped.graphs) +
                                " graphs gone");
    taken_.state = state;
  }
  acts_seen_ = acts;
  return {};
}

// The gate knows the time by itself; here it is only told, once.
Result<> Packs::look_at_time() {
  if (!taken_.policy || lapsed_ == Code::kPolicyRevoked || lapsed_ == Code::kPolicyMissing) return {};
  const auto counts = policy::check_time(taken_.policy->bundle, clock_.now());
  if (counts) {
    lapsed_.reset();
    return {};
  }
  return lapsed_ == counts.error().code ? Result<>() : lapse(counts.error().code);
}

Result<> Packs::lapse(Code why) {
  const audit::Event event =
      event_of(audit::EventName::kPolicyLapsed, audit::Outcome::kDenied,
               {{"policy", digest_or_null(taken_.policy.get())}, {"reason", base::reason(why).name}});
  const base::Timestamp now = env_.now();
  SG_TRY(ledger_->run([&](store::Connection& connection) { return audit::append(connection, event, now); }));
  if (committed_) committed_();
  lapsed_ = why;
  const bool everything = preflight_.config.profile == config::Profile::kCleared || why == Code::kPolicyRevoked;
  log(Priority::kCritical, "policy: " + std::string(base::reason(why).name) +
                               (everything ? ": everything is denied" : ": nothing can be started"));
  return {};
}

}  // namespace stargraph::daemon
