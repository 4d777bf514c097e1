// Revocation while runs are under way: what rests on a revoked pack stops, and says why.
#include "events.hpp"
#include "state.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::fail;
using base::Result;
using store::Connection;

constexpr std::int64_t kRunsAtOnce = 64;  // in one transaction, so that no other waits long for it
constexpr std::size_t kMaxBecause = 1024;

void stop_run(Unit& unit, const RevokedPack& revoked, base::Timestamp now) {
  RunRow& run = unit.run;
  if (run.state != RunState::kPaused) {
    run.paused_state = run.state;
    run.state = RunState::kPaused;
  }
  const std::string reason(base::reason(Code::kPackRevoked).name);
  json::Object event = make_event("run_paused", run, now, std::string(kEngineActor), "runtime");
  event.set("reason", reason);
  event.set("pack", revoked.pack.id.str());
  unit.events.push_back(std::move(event));
  unit.audit.push_back(make_audit(audit::EventName::kRunPaused, audit::Outcome::kDenied, run, engine_actor(),
                                  {{"because", audit::safe_text(revoked.because, kMaxBecause)},
                                   {"pack", revoked.pack.id.str()},
                                   {"pack_digest", revoked.pack.digest.hex()},
                                   {"reason", reason},
                                   {"version", revoked.pack.version}}));
}

}  // namespace

Result<> Engine::State::check_not_revoked(std::span<const trust::PackRef> packs,
                                          const std::optional<trust::PackRef>& policy) {
  RevokedBecause because;
  {
    const std::scoped_lock lock(mutex);
    because = revoked;
  }
  const auto found = find_revoked(packs, policy, because);
  if (!found) return {};
  const bool is_policy = policy && found->pack == *policy;
  return fail(is_policy ? Code::kPolicyRevoked : Code::kPackRevoked,
              "pack " + found->pack.id.str() + " " + found->pack.version + ": was revoked: " + found->because);
}

Result<> Engine::State::check_not_revoked(Connection& db, const RunRow& run) {
  {
    const std::scoped_lock lock(mutex);
    if (!revoked) return {};
  }
  SG_TRY(const StoredBasis stored, load_basis(db, run.basis_hash));
  const auto fine = check_not_revoked(stored.packs, stored.policy);
  return fine ? Result<>() : fail(Code::kPackRevoked, fine.error().message);
}

Result<std::int64_t> Engine::State::pause_revoked(const crypto::Digest& basis_hash, const RevokedPack& found) {
  std::int64_t stopped = 0;
  while (true) {
    std::vector<RunRow> done;
    const base::Timestamp now = services.env.now();
    SG_TRY(commit([&](Connection& db) -> Result<> {
      SG_TRY(const std::vector<RunKey> runs, untold_runs(db, basis_hash, kRunsAtOnce));
      for (const RunKey& key : runs) {
        Unit unit;
        SG_TRY(unit.run, load_run(db, key.first, key.second));
        stop_run(unit, found, now);
        SG_TRY(unit.written, insert_revoked_run(db, unit.run, found.pack, now));
        SG_TRY(apply(db, unit, now));
        done.push_back(unit.run);
      }
      return {};
    }));
    for (const RunRow& run : done) committed(run, false);
    stopped += static_cast<std::int64_t>(done.size());
    if (static_cast<std::int64_t>(done.size()) < kRunsAtOnce) return stopped;
  }
}

Result<Engine::Stopped> Engine::revoke(RevokedBecause because) {
  Stopped stopped;
  {
    const std::scoped_lock lock(state_->mutex);
    state_->revoked = because;
    auto rest = state_->catalog->without(because);
    stopped.graphs = static_cast<std::int64_t>(state_->catalog->graphs().size() - rest->graphs().size());
    state_->catalog = std::move(rest);
    std::erase_if(state_->bases, [&](const auto& entry) {
      return find_revoked(entry.second->packs, entry.second->policy, because).has_value();
    });
  }
  std::vector<crypto::Digest> bases;
  std::vector<StoredBasis> stored;
  // Read where runs are made, in the ledger: a start that passed its own check just before is on disk by then.
  SG_TRY(state_->commit([&](Connection& db) -> Result<> {
    SG_TRY(bases, open_bases(db));
    for (const crypto::Digest& hash : bases) {
      SG_TRY(StoredBasis basis, load_basis(db, hash));
      stored.push_back(std::move(basis));
    }
    return {};
  }));
  for (std::size_t i = 0; i < bases.size(); ++i) {
    const auto found = find_revoked(stored[i].packs, stored[i].policy, because);
    if (!found) continue;
    SG_TRY(const std::int64_t runs, state_->pause_revoked(bases[i], *found));
    stopped.runs += runs;
  }
  return stopped;
}

}  // namespace stargraph::engine
