// Packs: what the trust store says is active, as the daemon obeys it.
//
// Taken up at start and at a reload, from one snapshot of the database, checked from stored bytes, all or none: the
// catalog of graphs, the policy in force, the gate. In between a revocation takes effect within a second, and a policy
// that lapses denies everything at once, without restart or reload.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "bin/active/active.hpp"
#include "bin/stargraphd/preflight.hpp"
#include "stargraph/audit/event.hpp"
#include "stargraph/engine/engine.hpp"
#include "stargraph/policy/principal.hpp"
#include "stargraph/store/ledger.hpp"
#include "stargraph/trust/trust_store.hpp"

namespace stargraph::daemon {

class Packs {
 public:
  // What the trust store came to at one moment.
  struct Taken : active::Active {
    std::shared_ptr<const trust::TrustState> state;
  };

  // All must outlive it. Reads nothing yet.
  Packs(base::Env& env, store::Database& database, const Preflight& preflight)
      : env_(env), clock_(env), database_(database), preflight_(preflight) {}

  // For the start: what is active must be usable, in `cleared` a policy must be in force now. The codes of load_active,
  // find_policy and Catalog::make; kPolicyMissing, kPolicyRevoked, kPolicyNotYet, kPolicyExpired.
  [[nodiscard]] base::Result<> take_up();
  [[nodiscard]] const Taken& taken() const { return taken_; }
  [[nodiscard]] policy::CurrentGate& gate() { return *gate_; }
  // A pack that a run began with, checked from its bytes: kPackUnknown, kPackRevoked.
  [[nodiscard]] base::Result<trust::LoadedPack> load(const trust::PackRef& ref) const;

  // Once, before the engine starts: tells it what is revoked, writes the verdict of this start. All must outlive this.
  [[nodiscard]] base::Result<> begin(engine::Engine& engine, store::Ledger& ledger, std::function<void()> committed);
  // SIGHUP. Takes up what is active now and gives that verdict, or keeps everything as it was and gives the reason,
  // which is the error. Verdict and audit entry are one transaction, before anything is exchanged.
  [[nodiscard]] base::Result<> reload();
  // Four times a second: revocations, and the time of the policy. An error means that the trust store cannot be
  // believed any more (kReceiptInvalid, kChainBroken, ...), or that it could not be read for a while, so that
  // revocations would pass unseen: the daemon must end. What passes by itself is tried again.
  [[nodiscard]] base::Result<> look();

 private:
  [[nodiscard]] base::Result<Taken> take() const;
  [[nodiscard]] base::Result<> check_cleared(const Taken& taken) const;
  [[nodiscard]] policy::Gate gate_of(const Taken& taken) const;
  [[nodiscard]] base::Result<> tell(const std::vector<audit::Event>& events, const std::optional<base::Error>& refused,
                                    std::int64_t acts);
  [[nodiscard]] base::Result<> use(Taken next);
  [[nodiscard]] base::Result<> look_at_acts();
  [[nodiscard]] base::Result<> look_at_time();
  [[nodiscard]] base::Result<> lapse(base::Code why);

  base::Env& env_;
  policy::Clock clock_;  // from the start on, over all reloads
  store::Database& database_;
  const Preflight& preflight_;
  Taken taken_;
  std::unique_ptr<policy::CurrentGate> gate_;
  engine::Engine* engine_ = nullptr;
  store::Ledger* ledger_ = nullptr;
  std::function<void()> committed_;
  std::int64_t acts_seen_ = 0;
  int blind_ = 0;                     // looks in a row that saw nothing
  std::optional<base::Code> lapsed_;  // told: why everything is denied
};

// For audit entries: at most a hundred {id, version, digest}; there may be more packs than a line can hold.
[[nodiscard]] json::Array describe(const std::vector<trust::LoadedPack>& packs);

}  // namespace stargraph::daemon
