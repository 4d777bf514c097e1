// Engine: runs graphs. Every method may be called from any thread; those that change something return
// after the change and its audit record are on disk (laws 2 and 3), those that read see committed state.
//
// Errors of the whole interface: kRunUnknown also for a run of another tenant (its existence is not
// told), kRunRemoved for one of the tenant's own whose time was over, kAuditLag and kDiskLow before a change is begun,
// kIo when the ledger is gone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stargraph/base/env.hpp"
#include "stargraph/engine/catalog.hpp"
#include "stargraph/engine/run.hpp"
#include "stargraph/rules/jail.hpp"
#include "stargraph/store/ledger.hpp"

namespace stargraph::engine {

struct EngineLimits {
  std::int64_t run_steps = 10'000;
  base::Duration run_wall_clock = std::chrono::hours(24);
  std::size_t state_bytes = 1 << 20;  // of one run, as canonical JSON; graph::kMaxStateBytes at the most
  std::size_t parameter_bytes = 256 << 10;
  std::int64_t tenant_bytes = 8LL << 30;  // what the records of a tenant's runs may hold; docs/formats/run.md
  base::Duration retention{0};            // how long the records of a run stay after its end; 0: for ever
  base::Duration node_time = std::chrono::seconds(300);
  base::Duration lease_time = std::chrono::seconds(60);
  int workers = 0;       // scheduler threads; 0: one a core
  int batch_steps = 64;  // pure steps of one run that may share a transaction
};

struct EngineServices {
  base::Env& env;
  store::Database& database;
  store::Ledger& ledger;
  rules::Jail& jail;
  // Refuses new acts when audit lags or the disk is low; called before each change.
  std::function<base::Result<>()> admit;
  // Rows were committed that the audit shipper should carry.
  std::function<void()> committed;
  // A pack by its digest, checked from its bytes: rebuilds the basis of a run whose packs are not the active
  // ones any more.
  std::function<base::Result<trust::LoadedPack>(const trust::PackRef&)> load_pack;
  bool side_effects = false;  // false: nodes that need a worker fail with kSideEffectsDenied
};

// Who acts: what stands in audit entries and events.
struct Caller {
  base::ActorName actor;
  base::TenantId tenant;
  std::string request_id;
};

class Engine {
 public:
  // `services` must outlive the engine. Reads no run yet.
  [[nodiscard]] static base::Result<std::unique_ptr<Engine>> make(const EngineServices& services,
                                                                  const EngineLimits& limits,
                                                                  std::shared_ptr<const Catalog> catalog);
  ~Engine();

  // Takes up every run that is not at its end (run.recovered) and starts the scheduler and timer threads.
  [[nodiscard]] base::Result<> start();
  void stop();  // finishes the step in hand; runs stay where they are
  // Instead of start(), for tests and simulation: one unit of ready work on this thread, false when
  // there is none. recover() takes up unfinished runs. tick() does what the timer thread would do now.
  [[nodiscard]] base::Result<> recover();
  [[nodiscard]] bool run_one();
  void tick();

  // Judged by the catalog's policy first, every time: kPolicyDenied (audited with every reason; in mode `warn` audited
  // only), kPolicyNotYet, kPolicyExpired, kPolicyRevoked, kPackRevoked. kTenantFull when the records of the tenant hold
  // nine tenths of its budget; its message may be shown to who asks.
  [[nodiscard]] base::Result<StartReply> start_run(const Caller& caller, const StartRequest& request);
  [[nodiscard]] base::Result<RunView> get_run(const base::TenantId& tenant, const base::RunId& run);
  // kRequestInvalid for a limit or offset out of range (from 1; runs to 1,000). Steps, events: a page ends at 4 MiB.
  [[nodiscard]] base::Result<RunPage> list_runs(const base::TenantId& tenant, const RunFilter& filter);
  [[nodiscard]] base::Result<std::vector<StepView>> steps(const base::TenantId& tenant, const base::RunId& run,
                                                          base::StepNumber from, std::int64_t limit);
  [[nodiscard]] base::Result<std::vector<EventView>> events(const base::TenantId& tenant, const base::RunId& run,
                                                            base::EventSeq after, std::int64_t limit);
  [[nodiscard]] base::Result<RunView> cancel(const Caller& caller, const base::RunId& run);
  [[nodiscard]] base::Result<RunView> pause(const Caller& caller, const base::RunId& run);
  // kTenantFull at the whole budget: each pause and resume would add to it.
  [[nodiscard]] base::Result<RunView> resume(const Caller& caller, const base::RunId& run);
  // What the records of the tenant's runs hold, and may.
  [[nodiscard]] base::Result<Use> use(const base::TenantId& tenant);
  // `may` answers whether the caller holds the capability the question asks for; its error is returned.
  // kInterruptIdRequired, kInterruptUnknown (not this run's open question), kApprovalStale, kRunState.
  [[nodiscard]] base::Result<RunView> respond(const Caller& caller, const base::RunId& run,
                                              const RespondRequest& request,
                                              const std::function<base::Result<>(const std::string& capability)>& may);

  // The oldest ready task of one of `kinds` in one of `tenants`; nothing when there is none.
  [[nodiscard]] base::Result<std::optional<WorkItem>> lease(const Caller& worker,
                                                            const std::vector<base::TenantId>& tenants,
                                                            const std::vector<std::string>& kinds);
  // Blocks until a task became ready after this thread's last lease() began, or `timeout`: a long poll leases, waits
  // and leases again and misses nothing in between. False: time is up, or the engine stops.
  [[nodiscard]] bool wait_for_work(base::Duration timeout);
  // What follows names the worker's tenants: kTaskUnknown for a task of another one; kLeaseLost when the
  // token is not the task's current lease or somebody else's. Then `may` is asked whether the worker may still work on
  // tasks of this kind, since that can have changed while it held the lease: its error is returned and nothing
  // changes; the lease runs out, and the task goes to another. Empty: not asked.
  using MayWork = std::function<base::Result<>(const std::string& kind)>;
  [[nodiscard]] base::Result<base::Timestamp> heartbeat(const Caller& worker,
                                                        const std::vector<base::TenantId>& tenants,
                                                        const base::TaskId& task, const std::string& lease,
                                                        const MayWork& may = {});
  // The same completion twice is fine and changes nothing; another one for a completed task is kConflict.
  [[nodiscard]] base::Result<> complete(const Caller& worker, const std::vector<base::TenantId>& tenants,
                                        const base::TaskId& task, const std::string& lease, const json::Object& output,
                                        const MayWork& may = {});
  [[nodiscard]] base::Result<> fail_task(const Caller& worker, const std::vector<base::TenantId>& tenants,
                                         const base::TaskId& task, const std::string& lease, const std::string& message,
                                         bool retryable, const MayWork& may = {});

  // A revocation was taken up: `because` says of a pack why it counts no more, and stands in the place of the one given
  // before. From the moment this is called nothing starts that rests on such a pack; its graphs leave the catalog; runs
  // that rest on one, or were started under such a policy, are paused (event and audit record say why) and can only be
  // cancelled: resume, respond and completions are kPackRevoked. Works while admit() refuses. Give it before start()
  // too. May be called again: only what is new is told. An error leaves the rest for the next call.
  struct Stopped {
    std::int64_t runs = 0;
    std::int64_t graphs = 0;
  };
  [[nodiscard]] base::Result<Stopped> revoke(RevokedBecause because);

  // Calls `wake` (any thread, must not block) whenever events of a run were committed.
  void on_events(std::function<void(const base::RunId&)> wake);
  [[nodiscard]] std::shared_ptr<const Catalog> catalog() const;
  // After a reload: what starts from now on; runs that started before keep their basis. What revoke() was told of
  // stays out of it.
  void use_catalog(const std::shared_ptr<const Catalog>& catalog);

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace stargraph::engine
