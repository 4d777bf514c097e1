// Import: the checks in their order, then the acts that the pack's kind makes.
#include "stargraph/trust/importer.hpp"

#include <algorithm>

#include "effect.hpp"
#include "stargraph/pack/layout.hpp"
#include "stargraph/pack/semver.hpp"
#include "talk.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

PackRef ref_of(const pack::Container& container) {
  const pack::Header& header = container.header;
  return {header.id, header.version, header.epoch, header.kind, container.digest};
}

// A pack was refused, rather than a machine out of order.
bool is_refusal(const base::Error& error) {
  if (error.code == Code::kAuditFork) return false;
  switch (error.kind()) {
    case base::Kind::kTrust:
    case base::Kind::kIntegrity:
    case base::Kind::kDenied:
    case base::Kind::kUsage:
    case base::Kind::kLimit: return true;
    case base::Kind::kIo:
    case base::Kind::kBusy:
    case base::Kind::kInternal:
    case base::Kind::kConfig: return false;
  }
  return false;
}

std::vector<base::KeyId> ids_of(std::span<const crypto::PublicKey> keys) {
  std::vector<base::KeyId> ids;
  ids.reserve(keys.size());
  for (const crypto::PublicKey& key : keys) ids.push_back(key.key_id());
  return ids;
}

template <class Kind>
bool any(const std::vector<Body>& acts) {
  return std::ranges::any_of(acts, [](const Body& act) { return std::holds_alternative<Kind>(act); });
}

std::vector<base::KeyId> claimed_keys(base::BytesView file) {
  std::vector<base::KeyId> claimed;
  if (const auto container = pack::parse(file)) {
    for (const pack::SignatureEntry& entry : container->signatures) claimed.push_back(entry.key_id);
  }
  return claimed;
}

}  // namespace

struct Importer::Checked {
  pack::Container container;
  std::vector<crypto::PublicKey> signers;
  Offer offer;  // with the fingerprints a person typed
  Findings findings;
  ImportReport report;
};

// What a kind asks besides, from its own file; the same again, against the state of that moment, in add_effect().
Result<> Importer::check_effect(const TrustState& state, Checked& checked, const Ask& ask) const {
  const PackRef& pack = checked.report.pack;
  if (checked.report.already_there) return {};
  if (checked.report.revoked && checked.report.revoked->number <= state.revocation_number()) {
    return fail(Code::kRevocationRollback, "trust: a revocation list with this number or a higher one is here");
  }
  if (checked.report.rotation) {
    const Rotation& rotation = *checked.report.rotation;
    const auto decide = [&] { return decide_rotation(state, rotation, checked.signers, checked.offer); };
    SG_TRY(hold_ceremony(decide, {&rotation.new_key, 1}, checked.offer, ask));
  }
  if (pack.kind == pack::PackKind::kPolicy) SG_TRY(check_succession(state, pack, checked.findings));
  return {};
}

// A policy comes after the last one: a higher epoch and version of its id, or another id that says so.
Result<> Importer::check_succession(const TrustState& state, const PackRef& pack, const Findings& findings) {
  const ImportedPack* const last = state.last_policy();
  if (last == nullptr || last->ref == pack) return {};
  if (last->ref.id != pack.id) {
    if (findings.policy && findings.policy->supersedes == last->ref.digest) return {};
    return fail(Code::kPolicyRollback, "trust: a policy of another id that does not supersede the last one");
  }
  SG_TRY(const pack::SemVer before, pack::SemVer::parse(last->ref.version));
  SG_TRY(const pack::SemVer after, pack::SemVer::parse(pack.version));
  if (pack.epoch <= last->ref.epoch || after.compare(before) <= 0) {
    return fail(Code::kPolicyRollback, "trust: not newer than the policy that was in force last");
  }
  return {};
}

Result<Importer::Checked> Importer::check(const ImportRequest& request, const ContentCheck& content_check,
                                          const Ask& ask) {
  Checked checked;
  ImportReport& report = checked.report;
  checked.offer = request.offer;
  SG_TRY(checked.container, pack::parse(request.file));
  const pack::Header& header = checked.container.header;
  SG_TRY(checked.signers, pack::check_signatures(checked.container));
  SG_TRY(const TrustState state, read_state());
  report.pack = ref_of(checked.container);
  const auto decide = [&] { return decide_signers(state, header, checked.signers, checked.offer); };
  // No fingerprint makes a governor, so nobody is asked for one.
  const bool published = header.kind == pack::PackKind::kRules || header.kind == pack::PackKind::kExecution;
  SG_TRY(report.decision, hold_ceremony(decide, checked.signers, checked.offer, published ? ask : Ask()));
  SG_TRY(check_not_revoked(state, report.pack, checked.signers));
  SG_TRY(const pack::Contents contents, pack::check_contents(checked.container));
  SG_TRY(report.already_there, decide_epoch(state, report.pack));
  SG_TRY(checked.findings, content_check(contents, request.file));
  if (header.kind == pack::PackKind::kRevocation) {
    SG_TRY(report.revoked, revocations_in(contents));
  }
  if (header.kind == pack::PackKind::kRotation) {
    SG_TRY(report.rotation, rotation_in(contents));
  }
  SG_TRY(check_effect(state, checked, ask));
  SG_TRY(compare_with_active(state, header, contents.manifest, report.compared_with, report.difference));
  return checked;
}

Result<> Importer::check_not_revoked(const TrustState& state, const PackRef& pack,
                                     std::span<const crypto::PublicKey> signers) {
  if (const auto revoked = state.is_revoked(pack, ids_of(signers))) {
    return fail(*revoked, "trust: " + pack.id.str() + ": this pack, its epoch or a signer was revoked");
  }
  return {};
}

// What an import does to `state`; empty when everything is so already.
Result<Importer::Acts> Importer::acts_of(const Checked& checked, const ImportRequest& request,
                                         const TrustState& state) {
  const PackRef& pack = checked.report.pack;
  SG_TRY(const Decision decision, decide_signers(state, checked.container.header, checked.signers, checked.offer));
  SG_TRY(check_not_revoked(state, pack, checked.signers));
  SG_TRY(const bool already_there, decide_epoch(state, pack));
  Acts acts;
  for (const crypto::PublicKey& key : decision.confirmed)
    acts.emplace_back(KeyAdded{{key, Role::kPublisher, "", {}, {}}});
  if (decision.pin) acts.emplace_back(Pinned{*decision.pin});
  Imported imported{pack, ids_of(checked.signers)};
  if (!already_there || adds_signatures(*state.find(pack.id, pack.epoch), imported.signers)) {
    acts.emplace_back(std::move(imported));
  }
  SG_TRY(add_effect(checked, request, state, already_there, acts));
  return acts;
}

Result<> Importer::add_effect(const Checked& checked, const ImportRequest& request, const TrustState& state,
                              bool already_there, Acts& acts) {
  switch (checked.report.pack.kind) {
    case pack::PackKind::kRules:
    case pack::PackKind::kExecution: return add_first_activation(checked, request, state, already_there, acts);
    case pack::PackKind::kPolicy: return add_policy(checked, state, already_there, acts);
    case pack::PackKind::kRevocation:
      if (already_there) return {};
      if (checked.report.revoked->number <= state.revocation_number()) {
        return fail(Code::kRevocationRollback, "trust: another importer brought a newer revocation list");
      }
      acts.emplace_back(Revoked{*checked.report.revoked, checked.report.pack.digest});
      return {};
    case pack::PackKind::kRotation:
      if (already_there) return {};
      return add_rotation(checked, state, acts);
  }
  return fail(Code::kInternal, "trust: no such kind of pack");
}

// The first version of an id is in force at once; a later one only when asked for.
Result<> Importer::add_first_activation(const Checked& checked, const ImportRequest& request, const TrustState& state,
                                        bool already_there, Acts& acts) {
  const PackRef& pack = checked.report.pack;
  const ImportedPack* const active = state.active(pack.id);
  const bool is_active = active != nullptr && active->ref == pack;
  const bool first = !already_there && state.floor(pack.id).value() == 0;
  if (is_active || !(first || request.activate)) return {};
  if (pack.epoch < state.floor(pack.id)) {
    return fail(Code::kEpochBelowFloor, "trust: a newer epoch of this id has been active");
  }
  const ImportedPack* const last = state.last_active(pack.id);
  if (last == nullptr ? checked.report.compared_with.has_value() : checked.report.compared_with != last->ref) {
    return fail(Code::kBusy, "trust: another importer changed what is active; try again");
  }
  Activated act{pack, false, "", {}, {}};
  if (checked.report.difference.asks_for_more()) {
    const std::vector<base::KeyId> signers = ids_of(checked.signers);
    const Step step{pack, checked.report.compared_with, checked.report.difference, ""};
    const json::Object subject = activation_subject(step, {});
    SG_TRY(act.approval, take_approval(state, request.approvals, kApproveActivation, subject, signers, acts));
  }
  acts.emplace_back(std::move(act));
  return {};
}

Result<> Importer::add_policy(const Checked& checked, const TrustState& state, bool already_there, Acts& acts) {
  const PackRef& pack = checked.report.pack;
  const PolicyView view = checked.findings.policy.value_or(PolicyView{});
  const ImportedPack* const last = state.last_policy();
  if (!view.counts_now || (last != nullptr && last->ref == pack)) return {};
  const auto follows = check_succession(state, pack, checked.findings);
  if (!follows && already_there) return {};  // an old one, known and out of force
  SG_TRY(follows);
  Activated act{pack, false, "", {}, {}};
  if (last != nullptr && last->ref.id != pack.id) act.supersedes = last->ref.digest;
  acts.emplace_back(std::move(act));
  return {};
}

Result<> Importer::add_rotation(const Checked& checked, const TrustState& state, Acts& acts) {
  const Rotation& rotation = *checked.report.rotation;
  SG_TRY(const Confirmation how, decide_rotation(state, rotation, checked.signers, checked.offer));
  const base::KeyId& next = rotation.new_key.key_id();
  if (state.key(next) == nullptr) {
    const KnownKey* const old_key = state.key(rotation.old_key);
    const std::string holder = old_key == nullptr ? "" : old_key->confirmed.holder;
    acts.emplace_back(KeyAdded{{rotation.new_key, Role::kPublisher, holder, how, {}}});
  }
  acts.emplace_back(Rotated{rotation.scope, rotation.old_key, next, checked.report.pack.digest});
  return {};
}

Result<ImportReport> Importer::import(const ImportRequest& request, const ContentCheck& content_check, const Ask& ask) {
  requests_.clear();
  auto imported = check_and_store(request, content_check, ask);
  if (!imported && is_refusal(imported.error()) && !request.dry_run) {
    refuse(request.file, claimed_keys(request.file), imported.error());
  }
  return imported;
}

// Where the file belongs: a new one, one with more signatures, or one that the store lost (repair()). What has other
// signatures than those on record would never load again.
Importer::File Importer::place_of(const Checked& checked, const TrustState& state) {
  const PackRef& pack = checked.report.pack;
  const ImportedPack* const known = state.find(pack.id, pack.epoch);
  if (known == nullptr) return Place{pack.digest, 0};
  const std::vector<base::KeyId> signers = ids_of(checked.signers);
  if (adds_signatures(*known, signers)) return Place{pack.digest, known->countersigned + 1};
  if (signers == known->signers) return Place{pack.digest, known->countersigned};
  return std::nullopt;
}

Result<ImportReport> Importer::check_and_store(const ImportRequest& request, const ContentCheck& content_check,
                                               const Ask& ask) {
  SG_TRY(Checked checked, check(request, content_check, ask));
  ImportReport& report = checked.report;
  File file;
  const Make make = [&](const TrustState& state) -> Result<Acts> {
    SG_TRY(Acts acts, acts_of(checked, request, state));
    file = place_of(checked, state);
    report.activated = any<Activated>(acts);
    report.countersigned = report.already_there && any<Imported>(acts);
    return acts;
  };
  const Commit how = request.dry_run ? Commit::kRehearse : Commit::kReally;
  SG_TRY(commit(make, file, request.file, how));
  return std::move(report);
}

}  // namespace stargraph::trust
