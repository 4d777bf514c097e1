// Activation: one version by name, or all staged ones at once (reload). Everything from the stored bytes again.
#include <algorithm>

#include "stargraph/json/parse.hpp"
#include "stargraph/pack/layout.hpp"
#include "stargraph/trust/importer.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

bool is_published(const PackRef& pack) {
  return pack.kind == pack::PackKind::kRules || pack.kind == pack::PackKind::kExecution;
}

// The newest by epoch of those that `wanted` takes.
template <class Wanted>
const ImportedPack* newest(const TrustState& state, const Wanted& wanted) {
  const ImportedPack* found = nullptr;
  for (const ImportedPack& pack : state.packs()) {
    if (wanted(pack) && (found == nullptr || found->ref.epoch < pack.ref.epoch)) found = &pack;
  }
  return found;
}

// `pack` was the last active version of its id, and a revocation took it away: the next version takes its place.
bool was_revoked(const TrustState& state, const ImportedPack& pack) {
  const ImportedPack* const last = state.last_active(pack.ref.id);
  return last == &pack && state.active(pack.ref.id) == nullptr && state.is_revoked(pack.ref, pack.signers);
}

// To compare with, never to run: the header is the one of the act, the manifest the one that the header names. Other
// files are not hashed again.
Result<pack::Manifest> recorded_manifest(const pack::Container& container, const PackRef& ref) {
  if (container.digest != ref.digest) {
    return fail(Code::kDigestMismatch, "trust store: " + ref.id.str() + ": not the pack that was imported");
  }
  base::BytesView rest = container.payload;
  for (const pack::FileEntry& entry : container.header.files) {
    if (entry.size > rest.size()) break;
    const base::BytesView file = rest.first(entry.size);
    rest = rest.subspan(entry.size);
    if (entry.path != pack::kManifestPath) continue;
    if (crypto::sha384(file) != entry.digest) break;
    SG_TRY(const json::Value value, json::parse(file));
    return pack::decode_manifest(value);
  }
  return fail(Code::kDigestMismatch, "trust store: " + ref.id.str() + ": not the manifest that was imported");
}

Result<std::vector<crypto::PublicKey>> keys_of(const TrustState& state, const ImportedPack& pack) {
  std::vector<crypto::PublicKey> keys;
  for (const base::KeyId& id : pack.signers) {
    const KnownKey* const known = state.key(id);
    if (known == nullptr) return fail(Code::kSignerNotPinned, "trust: a signer is not known here");
    keys.push_back(known->key());
  }
  return keys;
}

}  // namespace

struct Importer::Candidate {
  ImportedPack imported;
  Findings findings;
  Step step;
};

Result<Comparison> compare_with_last(Vault& vault, const TrustState& state, const pack::Header& header,
                                     const pack::Manifest& manifest) {
  Comparison compared;
  const ImportedPack* const last =
      header.kind == pack::PackKind::kPolicy ? state.last_policy() : state.last_active(header.id);
  if (last == nullptr || last->ref.kind != header.kind) return compared;
  compared.with = last->ref;
  if (last->ref.id == header.id && last->ref.epoch == header.epoch) return compared;  // itself; its file may be brought
  SG_TRY(const base::Bytes bytes, vault.file(last->ref.digest, last->countersigned));
  SG_TRY(const pack::Container container, pack::parse(bytes));
  SG_TRY(const pack::Manifest manifest_before, recorded_manifest(container, last->ref));
  compared.difference = compare(container.header, manifest_before, header, manifest);
  return compared;
}

Result<> Importer::compare_with_active(const TrustState& state, const pack::Header& header,
                                       const pack::Manifest& manifest, std::optional<PackRef>& before,
                                       Difference& difference) {
  SG_TRY(Comparison compared, compare_with_last(desk_.vault, state, header, manifest));
  before = std::move(compared.with);
  difference = std::move(compared.difference);
  return {};
}

json::Object Importer::activation_subject(const Step& step, const ActivateRequest& request) const {
  return json::Object{{"actor", desk_.actor.str()},
                      {"before", step.before ? json::Value(step.before->digest.hex()) : json::Value(nullptr)},
                      {"below_floor", request.below_floor},
                      {"digest", step.pack.digest.hex()},
                      {"epoch", step.pack.epoch.value()},
                      {"grows", encode_growth(step.difference)},
                      {"pack", step.pack.id.str()},
                      {"reason", request.reason},
                      {"version", step.pack.version}};
}

Result<Importer::Candidate> Importer::examine(const TrustState& state, const ImportedPack& pack,
                                              const ContentCheck& content_check) {
  Candidate candidate{pack, {}, {pack.ref, {}, {}, ""}};
  SG_TRY(base::Bytes bytes, desk_.vault.file(pack.ref.digest, pack.countersigned));
  SG_TRY(const LoadedPack loaded, LoadedPack::load(std::move(bytes), pack, state));
  SG_TRY(const std::vector<crypto::PublicKey> signers, keys_of(state, pack));
  SG_TRY(decide_signers(state, loaded.header(), signers, {}));  // under the pin of today
  SG_TRY(candidate.findings, content_check(loaded.contents(), loaded.bytes()));
  Step& step = candidate.step;
  SG_TRY(compare_with_active(state, loaded.header(), loaded.manifest(), step.before, step.difference));
  return candidate;
}

Result<> Importer::add_activation(const TrustState& state, const Candidate& candidate, const ActivateRequest& request,
                                  Acts& acts) {
  const Step& step = candidate.step;
  Activated act{step.pack, false, request.reason, {}, {}};
  act.below_floor = step.pack.epoch < state.floor(step.pack.id);
  if (act.below_floor && !request.below_floor) {
    return fail(Code::kEpochBelowFloor, "activate: a newer epoch of this id has been active here");
  }
  if (act.below_floor != request.below_floor) {
    return fail(Code::kUsage, "activate: this epoch is not below the floor");
  }
  if (act.below_floor && act.reason.empty()) return fail(Code::kUsage, "activate: below the floor only with a reason");
  if (step.pack.kind == pack::PackKind::kPolicy) {
    SG_TRY(check_succession(state, step.pack, candidate.findings));
    const ImportedPack* const last = state.last_policy();
    if (last != nullptr && last->ref.id != step.pack.id) act.supersedes = last->ref.digest;
  }
  if (act.below_floor || step.difference.asks_for_more()) {
    SG_TRY(act.approval, take_approval(state, request.approvals, kApproveActivation, activation_subject(step, request),
                                       candidate.imported.signers, acts));
  }
  acts.emplace_back(std::move(act));
  return {};
}

// What was planned outside the lock is stored when nobody else acted since.
Result<> Importer::finish(std::int64_t acts_before, Acts acts) {
  const Make make = [&](const TrustState& state) -> Result<Acts> {
    if (state.acts() != acts_before) return fail(Code::kBusy, "trust: another act came in between; try again");
    return std::move(acts);
  };
  return commit(make, {}, {});
}

Result<std::optional<Step>> Importer::activate(const ActivateRequest& request, const ContentCheck& content_check) {
  requests_.clear();
  SG_TRY(const TrustState state, read_state());
  const ImportedPack* const chosen = newest(state, [&](const ImportedPack& pack) {
    return pack.ref.id == request.id && (request.version.empty() || pack.ref.version == request.version);
  });
  if (chosen == nullptr) return fail(Code::kPackUnknown, "activate: no such pack was imported");
  if (!is_published(chosen->ref) && chosen->ref.kind != pack::PackKind::kPolicy) {
    return fail(Code::kUsage, "activate: this kind of pack took effect when it was imported");
  }
  if (chosen->active) return std::optional<Step>();
  if (request.below_floor && chosen->ref.kind == pack::PackKind::kPolicy) {
    return fail(Code::kPolicyRollback, "activate: a policy only goes forwards; nobody can approve an older one");
  }
  SG_TRY(const Candidate candidate, examine(state, *chosen, content_check));
  if (candidate.findings.policy && !candidate.findings.policy->counts_now) {
    return fail(Code::kPolicyNotYet, "activate: this policy does not count at this time");
  }
  Acts acts;
  SG_TRY(add_activation(state, candidate, request, acts));
  SG_TRY(finish(state.acts(), std::move(acts)));
  return std::optional(candidate.step);
}

// Nothing when its signers are not trusted any more or its time is over; what is wrong with the bytes is an error.
Result<std::optional<Importer::Candidate>> Importer::examine_staged(const TrustState& state, const ImportedPack& pack,
                                                                    const ContentCheck& content_check,
                                                                    ReloadReport& report) {
  auto candidate = examine(state, pack, content_check);
  if (candidate) return std::optional(*std::move(candidate));
  const Code why = candidate.error().code;
  const bool passed_by =
      candidate.error().kind() == base::Kind::kTrust || why == Code::kPolicyExpired || why == Code::kPolicyMode;
  if (!passed_by) return std::unexpected(std::move(candidate).error());
  report.left_out.push_back({pack.ref, candidate.error()});
  return std::optional<Candidate>();
}

Result<std::vector<Importer::Candidate>> Importer::candidates(const TrustState& state,
                                                              const ContentCheck& content_check, ReloadReport& report) {
  std::vector<Candidate> found;
  for (const ImportedPack& active : state.packs()) {
    if (!is_published(active.ref) || !(active.active || was_revoked(state, active))) continue;
    const ImportedPack* const next = newest(state, [&](const ImportedPack& pack) {
      return pack.ref.id == active.ref.id && pack.ref.epoch > state.floor(pack.ref.id) &&
             !state.is_revoked(pack.ref, pack.signers);
    });
    if (next == nullptr) continue;
    SG_TRY(std::optional<Candidate> candidate, examine_staged(state, *next, content_check, report));
    if (candidate) found.push_back(*std::move(candidate));
  }
  SG_TRY(std::optional<Candidate> policy, policy_candidate(state, content_check, report));
  if (policy) found.push_back(*std::move(policy));
  return found;
}

// The newest policy that follows the last one and counts now, if there is one.
Result<std::optional<Importer::Candidate>> Importer::policy_candidate(const TrustState& state,
                                                                      const ContentCheck& content_check,
                                                                      ReloadReport& report) {
  std::vector<const ImportedPack*> staged;
  for (const ImportedPack& pack : state.packs()) {
    const bool waits = pack.ref.kind == pack::PackKind::kPolicy && !pack.active &&
                       pack.ref.epoch > state.floor(pack.ref.id) && !state.is_revoked(pack.ref, pack.signers);
    if (waits) staged.push_back(&pack);
  }
  std::ranges::sort(staged, std::greater<>(), [](const ImportedPack* pack) { return pack->ref.epoch; });
  for (const ImportedPack* const pack : staged) {
    SG_TRY(std::optional<Candidate> candidate, examine_staged(state, *pack, content_check, report));
    const bool counts = candidate && candidate->findings.policy && candidate->findings.policy->counts_now;
    if (counts && check_succession(state, pack->ref, candidate->findings)) return candidate;
  }
  return std::optional<Candidate>();
}

Result<ReloadReport> Importer::plan_reload(const ContentCheck& content_check) {
  requests_.clear();
  SG_TRY(const TrustState state, read_state());
  ReloadReport report;
  SG_TRY(const std::vector<Candidate> found, candidates(state, content_check, report));
  report.acts = state.acts();
  for (const Candidate& candidate : found) {
    report.steps.push_back(candidate.step);
    if (candidate.step.difference.asks_for_more()) {
      const json::Object subject = activation_subject(candidate.step, {});
      report.steps.back().request = encode_request(make_request(desk_.env, kApproveActivation, subject));
    }
  }
  return report;
}

Result<ReloadReport> Importer::reload(const std::vector<Approval>& approvals, const ContentCheck& content_check) {
  requests_.clear();
  SG_TRY(const TrustState state, read_state());
  ReloadReport report;
  SG_TRY(const std::vector<Candidate> found, candidates(state, content_check, report));
  Acts acts;
  ActivateRequest request;
  request.approvals = approvals;
  std::optional<base::Error> missing;
  for (const Candidate& candidate : found) {
    const auto added = add_activation(state, candidate, request, acts);
    if (!added && added.error().kind() != base::Kind::kTrust) return std::unexpected(added.error());
    if (!added && !missing) missing = added.error();  // goes on, so that all requests are known at once
    report.steps.push_back(candidate.step);
  }
  if (missing) return std::unexpected(*std::move(missing));
  const auto made = static_cast<std::int64_t>(acts.size());
  if (made > 0) SG_TRY(finish(state.acts(), std::move(acts)));
  report.acts = state.acts() + made;
  return report;
}

}  // namespace stargraph::trust
