#include "stargraph/engine/engine.hpp"

#include <algorithm>
#include <array>

#include "events.hpp"
#include "judge.hpp"
#include "stargraph/audit/outbox.hpp"
#include "stargraph/crypto/secret.hpp"
#include "stargraph/engine/record.hpp"
#include "stargraph/graph/state.hpp"
#include "stargraph/json/write.hpp"
#include "state.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::fail;
using base::Result;
using store::Connection;

constexpr std::string_view kRequestDomain = "stargraph.request.v1";
constexpr std::size_t kMaxKeyBytes = 255;
constexpr std::size_t kMaxBases = 64;
constexpr std::int64_t kMaxPage = 1000;

Stepper::Settings settings_of(const EngineServices& services, const EngineLimits& limits) {
  Stepper::Settings settings;
  settings.limits = limits;
  settings.side_effects = services.side_effects;
  return settings;
}

std::size_t threads_of(const EngineLimits& limits) {
  return limits.workers > 0 ? static_cast<std::size_t>(limits.workers)
                            : std::max(1U, std::thread::hardware_concurrency());
}

std::string request_digest(const StartRequest& request) {
  return crypto::domain_digest(kRequestDomain, json::canonical(json::Object{{"graph_id", request.graph.str()},
                                                                            {"params", request.params}}))
      .hex();
}

std::string new_salt() {
  std::array<std::byte, 32> salt{};
  crypto::random_bytes(salt);
  return base::to_hex(salt);
}

}  // namespace

Engine::State::State(const EngineServices& given, const EngineLimits& bounds, std::shared_ptr<const Catalog> graphs)
    : services(given),
      limits(bounds),
      stepper(given.env, settings_of(given, bounds)),
      evaluators(given.jail, threads_of(bounds), kMaxBases),
      catalog(std::move(graphs)) {}

Result<std::shared_ptr<const Basis>> Engine::State::basis(const crypto::Digest& hash) {
  {
    const std::scoped_lock lock(mutex);
    for (const auto& [id, one] : catalog->graphs()) {
      if (one->basis_hash == hash) return one;
    }
    if (const auto found = bases.find(hash.hex()); found != bases.end()) return found->second;
  }
  const rules::Limits site_limits = catalog_limits();
  // The packs changed since the run began: it keeps what it started with, rebuilt from stored bytes.
  StoredBasis stored;
  SG_TRY(services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(stored, load_basis(db, hash));
    return {};
  }));
  SG_TRY(check_not_revoked(stored.packs, stored.policy));
  std::vector<trust::LoadedPack> packs;
  if (!stored.packs.empty() && !services.load_pack)
    return fail(Code::kPackUnknown, "run: the packs of its basis are not there");
  for (const trust::PackRef& ref : stored.packs) {
    SG_TRY(trust::LoadedPack pack, services.load_pack(ref));
    packs.push_back(std::move(pack));
  }
  const auto execution =
      std::ranges::find_if(packs, [](const trust::LoadedPack& pack) { return pack.execution() != nullptr; });
  const GraphSource source{stored.graph_document, execution == packs.end() ? nullptr : &*execution};
  SG_TRY(std::shared_ptr<const Basis> rebuilt,
         make_basis(source, packs, {stored.any_worker_kind, site_limits, stored.policy}));
  if (rebuilt->basis_hash != hash)
    return fail(Code::kChainBroken, "run: its basis cannot be rebuilt from what is stored");
  const std::scoped_lock lock(mutex);
  if (find_revoked(rebuilt->packs, rebuilt->policy, revoked)) return rebuilt;  // not kept: revoked while it was made
  if (bases.size() >= kMaxBases) bases.clear();
  bases[hash.hex()] = rebuilt;
  return rebuilt;
}

rules::Limits Engine::State::catalog_limits() {
  const std::scoped_lock lock(mutex);
  return catalog->options().limits;
}

Result<> Engine::State::commit(const store::Ledger::Operation& operation) { return services.ledger.run(operation); }

void Engine::State::committed(const RunRow& run, bool new_work) {
  if (services.committed) services.committed();
  std::function<void(const base::RunId&)> tell;
  {
    const std::scoped_lock lock(mutex);
    tell = wake;
  }
  if (new_work) announce_work();
  if (tell) tell(run.id);
}

void Engine::State::announce_work() {
  const std::scoped_lock lock(mutex);
  ++work_made;
  work_ready.notify_all();
}

Result<RunRow> Engine::State::change_row(const base::TenantId& tenant, const base::RunId& run, const Change& what) {
  if (services.admit) {
    SG_TRY(services.admit());
  }
  RunRow after;
  const base::Timestamp now = services.env.now();
  SG_TRY(commit([&](Connection& db) -> Result<> {
    Unit unit;
    SG_TRY(unit.run, load_run(db, tenant, run));
    SG_TRY(what(db, unit));
    SG_TRY(apply(db, unit, now));
    after = unit.run;
    return {};
  }));
  committed(after, after.state == RunState::kWorking);  // a resumed run's task may be leased again
  if (after.state == RunState::kRunning || after.state == RunState::kPending) scheduler.ready({tenant, run});
  return after;
}

Result<RunView> Engine::State::change(const base::TenantId& tenant, const base::RunId& run, const Change& what) {
  SG_TRY(change_row(tenant, run, what));
  RunView view;
  SG_TRY(services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(view, load_view(db, tenant, run));
    return {};
  }));
  return view;
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}

Engine::~Engine() {
  if (state_) stop();
}

Result<std::unique_ptr<Engine>> Engine::make(const EngineServices& services, const EngineLimits& limits,
                                             std::shared_ptr<const Catalog> catalog) {
  return std::unique_ptr<Engine>(new Engine(std::make_unique<State>(services, limits, std::move(catalog))));
}

void Engine::on_events(std::function<void(const base::RunId&)> wake) {
  const std::scoped_lock lock(state_->mutex);
  state_->wake = std::move(wake);
}

void Engine::use_catalog(const std::shared_ptr<const Catalog>& catalog) {
  const std::scoped_lock lock(state_->mutex);
  state_->catalog = catalog->without(state_->revoked);
}

std::shared_ptr<const Catalog> Engine::catalog() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->catalog;
}

// --- starting and seeing runs

namespace {

RunRow new_run(base::Env& env, const EngineLimits& limits, const Caller& caller, const StartRequest& request,
               const Basis& basis, json::Object data) {
  RunRow run;
  run.id = base::RunId(base::make_uuid7(env));
  run.tenant = caller.tenant;
  run.graph = basis.graph;
  run.graph_hash = basis.graph_hash;
  run.basis_hash = basis.basis_hash;
  run.trigger_source = request.trigger_source;
  run.started_by = caller.actor;
  run.started_at = env.now();
  run.last_step_at = run.started_at;
  run.deadline = run.started_at + limits.run_wall_clock;
  run.node = basis.plan->nodes().front().id;
  run.data = std::move(data);
  run.step_hash = chain_start(basis.basis_hash);
  run.decision_hash = chain_start(basis.basis_hash);
  run.salt = new_salt();
  return run;
}

audit::Event created(const RunRow& run, const Caller& caller, const Basis& basis,
                     const std::optional<policy::Decision>& decision) {
  return make_audit(audit::EventName::kRunCreated, audit::Outcome::kSuccess, run, caller.actor,
                    {{"basis", run.basis_hash.hex()},
                     {"graph_hash", run.graph_hash.hex()},
                     {"graph_id", run.graph.str()},
                     {"params_hmac", salted(run, "params", run.data)},
                     {"policy", policy_of(basis)},
                     {"policy_decision", decision ? json::Value(decision->decision.hex()) : json::Value()},
                     {"request_id", caller.request_id},
                     {"trigger_source", run.trigger_source}});
}

// The run that this request made already; `digest` is the request's.
Result<std::optional<StartReply>> earlier_run(Connection& db, const base::TenantId& tenant, const StartRequest& request,
                                              const std::string& digest) {
  if (!request.idempotency_key) return std::nullopt;
  SG_TRY(const std::optional<base::RunId> run, find_key(db, tenant, *request.idempotency_key, digest));
  if (!run) return std::nullopt;
  SG_TRY(const RunRow old, load_run(db, tenant, *run));
  return StartReply{old.id, old.state, true};
}

}  // namespace

Result<StartReply> Engine::start_run(const Caller& caller, const StartRequest& request) {
  if (request.idempotency_key && (request.idempotency_key->empty() || request.idempotency_key->size() > kMaxKeyBytes)) {
    return fail(Code::kRequestInvalid, "run: idempotency key: 1 to 255 bytes");
  }
  if (request.trigger_source.empty() || request.trigger_source.size() > kMaxKeyBytes)
    return fail(Code::kRequestInvalid, "run: trigger source: 1 to 255 bytes");
  SG_TRY(json::check_portable(request.params));
  if (json::canonical(request.params).size() > state_->limits.parameter_bytes)
    return fail(Code::kTooLarge, "run: parameters: too large");
  const std::string digest = request_digest(request);
  std::optional<StartReply> earlier;  // first of all: a run that exists is told of, whatever may start now
  SG_TRY(state_->services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(earlier, earlier_run(db, caller.tenant, request, digest));
    return {};
  }));
  if (earlier) return *earlier;
  const std::shared_ptr<const Catalog> graphs = catalog();
  const std::shared_ptr<const Basis> basis = graphs->find(request.graph);
  if (!basis) return fail(Code::kGraphUnknown, "run: graph: not known");
  SG_TRY(json::Object data,
         graph::check_start_state(basis->plan->schema(), request.params, state_->limits.state_bytes));
  if (state_->services.admit) {
    SG_TRY(state_->services.admit());
  }
  SG_TRY(const std::optional<policy::Decision> decision, state_->judge(*graphs, *basis));
  if (decision && !decision->allowed) {
    const audit::Event denied = policy_denied(caller, *graphs->policy(), *basis, *decision);
    const base::Timestamp now = state_->services.env.now();
    SG_TRY(state_->commit([&](Connection& db) { return audit::append(db, denied, now); }));
    if (state_->services.committed) state_->services.committed();
    if (graphs->policy()->bundle.mode == policy::Mode::kEnforce)
      return fail(Code::kPolicyDenied, "run: policy: " + json::compact(policy::reason_names(*decision)));
  }
  const RunRow run = new_run(state_->services.env, state_->limits, caller, request, *basis, std::move(data));
  SG_TRY(state_->commit([&](Connection& db) -> Result<> {
    SG_TRY(earlier, earlier_run(db, caller.tenant, request, digest));
    if (earlier) return {};
    // Here, in line with the transaction that pauses what is revoked: nothing slips in between.
    SG_TRY(state_->check_not_revoked(basis->packs, basis->policy));
    SG_TRY(state_->room_to_start(db, caller.tenant));
    SG_TRY(keep_basis(db, *basis));
    std::int64_t written = 0;
    if (request.idempotency_key) {
      SG_TRY(written, insert_key(db, caller.tenant, *request.idempotency_key, digest, run.id, run.started_at));
    }
    SG_TRY(insert_run(db, run, written));
    return audit::append(db, created(run, caller, *basis, decision), run.started_at);
  }));
  if (earlier) return *earlier;
  state_->committed(run, false);
  state_->scheduler.ready({run.tenant, run.id});
  return StartReply{run.id, RunState::kPending, false};
}

Result<RunView> Engine::get_run(const base::TenantId& tenant, const base::RunId& run) {
  RunView view;
  SG_TRY(state_->services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(view, load_view(db, tenant, run));
    return {};
  }));
  return view;
}

Result<RunPage> Engine::list_runs(const base::TenantId& tenant, const RunFilter& filter) {
  if (filter.limit < 1 || filter.limit > kMaxPage || filter.offset < 0)
    return fail(Code::kRequestInvalid, "runs: limit or offset: out of range");
  RunPage page;
  SG_TRY(state_->services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(page, list_views(db, tenant, filter));
    return {};
  }));
  return page;
}

Result<std::vector<StepView>> Engine::steps(const base::TenantId& tenant, const base::RunId& run, base::StepNumber from,
                                            std::int64_t limit) {
  if (limit < 1 || from.value() < 0) return fail(Code::kRequestInvalid, "steps: from or limit: out of range");
  std::vector<StepView> out;
  SG_TRY(state_->services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(load_run(db, tenant, run));
    SG_TRY(out, load_steps(db, tenant, run, from.value(), limit));
    return {};
  }));
  return out;
}

Result<std::vector<EventView>> Engine::events(const base::TenantId& tenant, const base::RunId& run,
                                              base::EventSeq after, std::int64_t limit) {
  if (limit < 1 || after.value() < 0) return fail(Code::kRequestInvalid, "events: after or limit: out of range");
  std::vector<EventView> out;
  SG_TRY(state_->services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(load_run(db, tenant, run));
    SG_TRY(out, load_events(db, tenant, run, after.value(), limit));
    return {};
  }));
  return out;
}

// --- steering

Result<RunView> Engine::cancel(const Caller& caller, const base::RunId& run) {
  return state_->change(caller.tenant, run, [&](Connection&, Unit& unit) -> Result<> {
    if (is_terminal(unit.run.state)) return fail(Code::kRunState, "run: is at its end already");
    finish_run(unit, state_->services.env.now(), RunState::kCancelled, caller.actor, "", "");
    return {};
  });
}

Result<RunView> Engine::pause(const Caller& caller, const base::RunId& run) {
  return state_->change(caller.tenant, run, [&](Connection&, Unit& unit) -> Result<> {
    if (is_terminal(unit.run.state) || unit.run.state == RunState::kPaused)
      return fail(Code::kRunState, "run: cannot be paused now");
    unit.run.paused_state = unit.run.state;
    unit.run.state = RunState::kPaused;
    unit.events.push_back(make_event("run_paused", unit.run, state_->services.env.now(), caller.actor.str(), "user"));
    unit.audit.push_back(make_audit(audit::EventName::kRunPaused, audit::Outcome::kSuccess, unit.run, caller.actor,
                                    {{"request_id", caller.request_id}}));
    return {};
  });
}

Result<RunView> Engine::resume(const Caller& caller, const base::RunId& run) {
  return state_->change(caller.tenant, run, [&](Connection& db, Unit& unit) -> Result<> {
    if (unit.run.state != RunState::kPaused) return fail(Code::kRunState, "run: is not paused");
    SG_TRY(state_->check_not_revoked(db, unit.run));
    SG_TRY(state_->room_to_go_on(db, caller.tenant));
    unit.run.state = unit.run.paused_state.value_or(RunState::kRunning);
    unit.run.paused_state.reset();
    unit.events.push_back(make_event("run_resumed", unit.run, state_->services.env.now(), caller.actor.str(), "user"));
    unit.audit.push_back(make_audit(audit::EventName::kRunResumed, audit::Outcome::kSuccess, unit.run, caller.actor,
                                    {{"request_id", caller.request_id}}));
    return {};
  });
}

Result<RunView> Engine::respond(const Caller& caller, const base::RunId& run, const RespondRequest& request,
                                const std::function<Result<>(const std::string& capability)>& may) {
  SG_TRY(json::check_portable(request.response, graph::kMaxStateDepth));
  if (json::canonical(request.response).size() > state_->limits.parameter_bytes)
    return fail(Code::kTooLarge, "respond: response: too large");
  if (!request.interrupt && !request.lenient) return fail(Code::kInterruptIdRequired, "respond: interrupt_id: needed");
  return state_->change(caller.tenant, run, [&](Connection& db, Unit& unit) -> Result<> {
    SG_TRY(state_->check_not_revoked(db, unit.run));
    SG_TRY(const std::optional<InterruptRow> open, open_interrupt(db, caller.tenant, run));
    if (!open || unit.run.state != RunState::kWaiting)
      return fail(Code::kRunState, "respond: the run does not wait for an answer");
    if (request.interrupt && *request.interrupt != open->id)
      return fail(Code::kInterruptUnknown, "respond: not the question that waits");
    const base::Timestamp now = state_->services.env.now();
    if (open->expires_at && *open->expires_at <= now)
      return fail(Code::kRunState, "respond: the time to answer is over");
    if (open->question.requested_capability) {
      SG_TRY(may(*open->question.requested_capability));
    }
    SG_TRY(unit.written, answer_interrupt(db, caller.tenant, *open, request.response, caller.actor, now));
    unit.run.cursor.answers.push_back({open->id, open->question, request.response, caller.actor});
    add_approvals(unit.run.cursor, open->guards, open->question);
    unit.run.state = RunState::kRunning;
    json::Object event = make_event("input_received", unit.run, now, caller.actor.str(), "user");
    event.set("interrupt_id", open->id.str());
    unit.events.push_back(std::move(event));
    unit.audit.push_back(
        make_audit(audit::EventName::kRunResponded, audit::Outcome::kSuccess, unit.run, caller.actor,
                   {{"interrupt_id", open->id.str()},
                    {"request_id", caller.request_id},
                    {"response_hmac", salted(unit.run, "response:" + open->id.str(), request.response)},
                    {"step", unit.run.steps}}));
    return {};
  });
}

}  // namespace stargraph::engine
