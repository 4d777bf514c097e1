// The work queue: tasks of nodes that the daemon does not run, leased by workers that call in.
#include "events.hpp"
#include "stargraph/audit/outbox.hpp"
#include "stargraph/crypto/secret.hpp"
#include "stargraph/json/write.hpp"
#include "state.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::fail;
using base::Result;
using store::Connection;

constexpr std::int64_t kMaxAttempts = 3;
constexpr std::string_view kOutputDomain = "stargraph.output.v1";
constexpr std::size_t kMaxMessageBytes = 1024;

// What this thread had seen of an engine's queue when its last lease() began.
struct SeenWork {
  const void* engine = nullptr;
  std::uint64_t made = 0;
};
thread_local SeenWork seen_work;

std::string new_lease() {
  std::array<std::byte, 24> token{};
  crypto::random_bytes(token);
  return base::to_hex(token);
}

WorkItem item_of(const WorkRow& work) {
  WorkItem item;
  item.id = work.id;
  item.lease = work.lease;
  item.tenant = work.tenant;
  item.run = work.run;
  item.step = base::StepNumber(work.step);
  item.node = work.node;
  item.kind = work.kind;
  item.config = work.config;
  item.state = work.input;
  item.attempt = work.attempt;
  item.lease_until = *work.lease_until;
  item.deadline = work.deadline;
  return item;
}

// Who does not hold the lease does not learn what kind the task is. A lease ends with its time, whether or not the
// timer has looked.
Result<> holds(const WorkRow& work, const Caller& worker, const std::string& lease, base::Timestamp now,
               const Engine::MayWork& may) {
  const bool same = crypto::equal_constant_time(base::as_bytes(work.lease), base::as_bytes(lease));
  const bool over = work.deadline <= now || !work.lease_until || *work.lease_until <= now;
  if (work.state != WorkState::kLeased || !same || work.owner != worker.actor || over)
    return fail(Code::kLeaseLost, "task: the lease is not held any more");
  return may ? may(work.kind) : Result<>();
}

}  // namespace

Result<std::optional<WorkItem>> Engine::lease(const Caller& worker, const std::vector<base::TenantId>& tenants,
                                              const std::vector<std::string>& kinds) {
  if (tenants.empty() || kinds.empty()) return fail(Code::kRequestInvalid, "lease: kinds: none");
  {
    const std::scoped_lock lock(state_->mutex);
    seen_work = {state_.get(), state_->work_made};
  }
  // A look without the ledger first: idle workers ask often.
  const base::Timestamp now = state_->services.env.now();
  bool any = false;
  SG_TRY(state_->services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(const auto seen, oldest_ready(db, tenants, kinds, now));
    any = seen.has_value();
    return {};
  }));
  if (!any) return std::nullopt;
  if (state_->services.admit) {
    SG_TRY(state_->services.admit());
  }
  std::optional<WorkItem> item;
  SG_TRY(state_->commit([&](Connection& db) -> Result<> {
    item.reset();
    SG_TRY(std::optional<WorkRow> work, oldest_ready(db, tenants, kinds, now));
    if (!work) return {};
    work->state = WorkState::kLeased;
    work->lease = new_lease();
    work->owner = worker.actor;
    work->lease_until = std::min(now + state_->limits.lease_time, work->deadline);
    ++work->attempt;
    SG_TRY(save_work(db, *work));
    item = item_of(*work);
    return audit::append(
        db, work_event(audit::EventName::kWorkLeased, audit::Outcome::kSuccess, *work, worker.actor, worker.request_id),
        now);
  }));
  if (item && state_->services.committed) state_->services.committed();
  return item;
}

Result<base::Timestamp> Engine::heartbeat(const Caller& worker, const std::vector<base::TenantId>& tenants,
                                          const base::TaskId& task, const std::string& lease, const MayWork& may) {
  base::Timestamp until{};
  const base::Timestamp now = state_->services.env.now();
  SG_TRY(state_->commit([&](Connection& db) -> Result<> {
    SG_TRY(WorkRow work, load_work(db, tenants, task));
    SG_TRY(holds(work, worker, lease, now, may));
    until = std::min(now + state_->limits.lease_time, work.deadline);
    work.lease_until = until;
    return save_work(db, work);
  }));
  return until;
}

Result<> Engine::complete(const Caller& worker, const std::vector<base::TenantId>& tenants, const base::TaskId& task,
                          const std::string& lease, const json::Object& output, const MayWork& may) {
  SG_TRY(json::check_portable(output));
  const std::string digest = crypto::domain_digest(kOutputDomain, json::canonical(output)).hex();
  WorkRow seen;
  SG_TRY(state_->services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(seen, load_work(db, tenants, task));
    return {};
  }));
  if (seen.state == WorkState::kDone) {
    if (seen.output_digest == digest && seen.lease == lease) return {};  // the same completion again
    return fail(Code::kConflict, "task: was completed with another output");
  }
  const RunKey key{seen.tenant, seen.run};
  SG_TRY(const RunRow row, state_->read_run(key));
  SG_TRY(const std::shared_ptr<const Basis> basis, state_->basis(row.basis_hash));
  SG_TRY(state_->change_row(key.first, key.second, [&](Connection& db, Unit& unit) -> Result<> {
    SG_TRY(WorkRow work, load_work(db, tenants, task));
    SG_TRY(holds(work, worker, lease, state_->services.env.now(), may));
    work.state = WorkState::kDone;
    work.output_digest = digest;
    SG_TRY(save_work(db, work));
    audit::Event event =
        work_event(audit::EventName::kWorkCompleted, audit::Outcome::kSuccess, work, worker.actor, worker.request_id);
    event.data.set("output_hmac", salted(unit.run, work_place("output", work), output));
    unit.audit.push_back(std::move(event));
    state_->stepper.accept_output(unit, *basis, output, worker.actor);
    return {};
  }));
  return {};
}

Result<> Engine::fail_task(const Caller& worker, const std::vector<base::TenantId>& tenants, const base::TaskId& task,
                           const std::string& lease, const std::string& message, bool retryable, const MayWork& may) {
  SG_TRY(json::check_portable(message));
  if (message.size() > kMaxMessageBytes) return fail(Code::kRequestInvalid, "task: message: too long");
  WorkRow seen;
  SG_TRY(state_->services.database.read([&](Connection& db) -> Result<> {
    SG_TRY(seen, load_work(db, tenants, task));
    return {};
  }));
  bool again = false;
  SG_TRY(state_->change_row(seen.tenant, seen.run, [&](Connection& db, Unit& unit) -> Result<> {
    SG_TRY(WorkRow work, load_work(db, tenants, task));
    SG_TRY(holds(work, worker, lease, state_->services.env.now(), may));
    again = retryable && work.attempt < kMaxAttempts;
    work.state = again ? WorkState::kReady : WorkState::kFailed;
    work.lease.clear();
    SG_TRY(save_work(db, work));
    audit::Event event =
        work_event(audit::EventName::kWorkFailed, audit::Outcome::kFailure, work, worker.actor, worker.request_id);
    event.data.set("retried", again);
    event.data.set("message_hmac", salted(unit.run, work_place("message", work), message));
    unit.audit.push_back(std::move(event));
    if (again) return {};
    state_->stepper.accept_failure(unit, {"node-failed", work.attempt});
    return {};
  }));
  if (again) state_->announce_work();
  return {};
}

bool Engine::wait_for_work(base::Duration timeout) {
  std::unique_lock lock(state_->mutex);
  const std::uint64_t seen = seen_work.engine == state_.get() ? seen_work.made : state_->work_made;
  return state_->work_ready.wait_for(lock, timeout, [&] { return state_->stopping || state_->work_made != seen; }) &&
         !state_->stopping;
}

}  // namespace stargraph::engine
