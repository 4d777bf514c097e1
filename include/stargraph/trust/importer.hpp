// Importer: makes the acts of trust, in the order of checks of docs/formats/pack.md.
//
// Everything is checked before the database is locked. Then one transaction: the state is read again (a
// second importer may have been faster), each act gets its receipt, acts and bytes are stored. A refused
// pack leaves nothing behind but a "pack.refused" entry in the log.
//
// The store has to hold every act that the log holds. When it does not, an importer died between a receipt and its
// commit, or an older database was put back: then no act is made (kAuditFork) but the very one that was interrupted,
// which takes the receipts that are in the log already, and repair(), which takes back all of them.
//
// Acts that give more than there was (a version that asks for more, an epoch below the floor, fewer signatures)
// need an approver's token. Without one they fail with kApprovalMissing and requests() has what to sign.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "stargraph/pack/verify.hpp"
#include "stargraph/trust/ceremony.hpp"
#include "stargraph/trust/difference.hpp"
#include "stargraph/trust/notary.hpp"
#include "stargraph/trust/trust_store.hpp"
#include "stargraph/trust/vault.hpp"

namespace stargraph::trust {

// Where acts are made. All must outlive the importer.
struct Desk {
  base::Env& env;  // for the time
  Vault& vault;
  const crypto::PublicKey& audit_key;  // checks receipts, those just given too
  Notary& notary;
  base::ActorName actor;           // who acts, as the log shows it
  std::vector<std::string> names;  // the same person's other names: an approver may have none of them
  bool person_known = true;        // false: who acts has no name here, so that no approver is known to be another
  // Whether what `after` makes active goes together. Asked in the transaction of every act that makes something
  // active, before anything is on record, so that the daemon never finds active what it cannot use. Empty: not asked.
  std::function<base::Result<>(const PackSource&, const TrustState& after)> fits = {};
};

// What only the program can say of a policy pack, since the module policy stands above this one.
struct PolicyView {
  bool counts_now = false;                   // between not_before and not_after
  std::optional<crypto::Digest> supersedes;  // the policy it takes the place of
  bool warns = false;                        // mode warn: says what it would refuse, and refuses nothing
};
struct Findings {
  std::optional<PolicyView> policy;  // of policy packs
};

struct ImportRequest {
  base::BytesView file;  // must outlive the call
  Offer offer;
  std::vector<Approval> approvals;
  bool activate = false;  // also when another version of the id is active
  bool dry_run = false;   // every check, no act
};

struct ImportReport {
  PackRef pack;
  Decision decision;
  bool already_there = false;  // exactly this pack was imported before
  bool countersigned = false;  // and has more signatures now
  bool activated = false;
  std::optional<Revocations> revoked;  // took effect
  std::optional<Rotation> rotation;    // took effect
  std::optional<PackRef> compared_with;
  Difference difference;  // to `compared_with`: the active version, or the one that was active last
};

struct ActivateRequest {
  base::PackId id;
  std::string version;       // the newest by epoch when empty
  bool below_floor = false;  // then with a reason and an approval
  std::string reason;
  std::vector<Approval> approvals;
};

// One pack that becomes active.
struct Step {
  PackRef pack;
  std::optional<PackRef> before;
  Difference difference;
  std::string request;  // for an approver; empty when none is needed
};

// A staged version that nobody may activate any more, say since its signer's key was rotated away.
struct LeftOut {
  PackRef pack;
  base::Error why;
};

struct ReloadReport {
  std::vector<Step> steps;
  std::vector<LeftOut> left_out;
  std::int64_t acts = 0;  // in the store afterwards
};

struct KeyRequest {
  ConfirmedKey key;
  std::vector<crypto::Digest> fingerprints;
  std::vector<Approval> approvals{};
};

struct RepinRequest {
  std::string scope;
  std::vector<base::KeyId> keys;
  std::optional<int> threshold;  // that of the pin before when absent
  std::string reason;
  std::vector<Approval> approvals;
};

struct ThresholdRequest {
  std::string scope;  // of a pin, or kGovernorsScope
  int threshold = 1;
  std::string reason;
  std::vector<Approval> approvals;
};

// An act as the log holds it.
struct RecordedAct {
  audit::Receipt receipt;
  Act act;
};

struct RepairReport {
  std::int64_t acts = 0;                       // that came back; 0 when nothing was missing
  std::optional<audit::SourceSeq> daemon_seq;  // of the act, when the database may go on
  std::vector<PackRef> without_file;           // packs of the store whose bytes are not there: to be imported again
};

// What a version has that the one before it had not.
struct Comparison {
  std::optional<PackRef>
      with;  // the version that was made active last, of a policy whatever its id; nothing when none was
  Difference difference;
};
[[nodiscard]] base::Result<Comparison> compare_with_last(Vault& vault, const TrustState& state,
                                                         const pack::Header& header, const pack::Manifest& manifest);

class Importer {
 public:
  // The last check, made by the program since it needs the jail and modules above this one. `file` is the whole
  // pack, so that another process may look at it.
  using ContentCheck = std::function<base::Result<Findings>(const pack::Contents&, base::BytesView file)>;
  // Asks a person for the fingerprint, `attempt` from 1; nothing when there is nobody to ask.
  using Ask = std::function<std::optional<std::string>(int attempt)>;

  explicit Importer(Desk desk) : desk_(std::move(desk)) {}

  // The reason codes of pack::parse, check_signatures, decide_signers, check_contents, decide_epoch and
  // `content_check`, in this order, and those of what the kind does; then kAuditUnavailable, kBusy, kIo.
  //   rules, execution: the first version of an id is activated, later ones are staged unless asked for otherwise;
  //   policy: activated when it counts now and is newer than the last one (kPolicyRollback);
  //   revocation: takes effect at once (kRevocationRollback for a number that is not higher);
  //   rotation: takes effect at once.
  // What becomes active has to go together with what is (Desk::fits): rules before the graphs that mount them.
  [[nodiscard]] base::Result<ImportReport> import(const ImportRequest& request, const ContentCheck& content_check,
                                                  const Ask& ask);
  // Makes an imported version active, after all its checks from the stored bytes. kPackUnknown, kEpochBelowFloor,
  // kApprovalMissing, kPolicyRollback, the codes of Desk::fits. Without a value when it was active before.
  [[nodiscard]] base::Result<std::optional<Step>> activate(const ActivateRequest& request,
                                                           const ContentCheck& content_check);
  // What reload() would do: the newest staged version of each id that has an active one, and the newest policy
  // that counts now. Each checked again from the stored bytes. A staged version whose signers are not trusted any
  // more is left out, and a newer one takes its place; it does not hold up the others.
  [[nodiscard]] base::Result<ReloadReport> plan_reload(const ContentCheck& content_check);
  // All of the plan, or nothing. The codes of activate().
  [[nodiscard]] base::Result<ReloadReport> reload(const std::vector<Approval>& approvals,
                                                  const ContentCheck& content_check);
  // No version of `id` is active any more. The floor stays. kPackUnknown.
  [[nodiscard]] base::Result<> retire(const base::PackId& id);

  // A person confirms a key for a role. kFingerprintMissing, kFingerprintMismatch, kRoleMismatch (a key has one
  // role for ever), kSignerRevoked. Once there is an approver, another one (or another holder of an approver's key) is
  // confirmed with an approval only: kApprovalMissing.
  [[nodiscard]] base::Result<> add_key(const KeyRequest& request, const Ask& ask);
  // kSignerNotPinned, kRoleMismatch, kScopeInvalid, kUsage without a reason, kApprovalMissing.
  [[nodiscard]] base::Result<Pin> repin(const RepinRequest& request);
  // kScopeInvalid without such a pin, kNumberRange for more than there are keys, kApprovalMissing when it falls.
  // False when it was so already.
  [[nodiscard]] base::Result<bool> set_threshold(const ThresholdRequest& request);

  // Takes back, from the log, the acts that this store lost: each with the receipt that the audit writer gives again,
  // in their order, under all the rules of a load. Nothing that was decided is undone by it; only the bytes of packs do
  // not come back. With `restored` the act also says that the database is one of an earlier day, so that the daemon
  // goes on behind its last record in the log. kUsage without a reason, kAuditFork when an act is not in the writer's
  // files any more or does not follow.
  [[nodiscard]] base::Result<RepairReport> repair(const std::string& reason, bool restored = false);

  // Puts on record that `file` was refused before import() saw it, by the program's own look at it.
  // `claimed` are the key ids in its signature block, as far as they could be read.
  void refuse(base::BytesView file, const std::vector<base::KeyId>& claimed, const base::Error& error);

  // What approvers have to sign before the last call that failed with kApprovalMissing can be made again.
  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }

 private:
  using Acts = std::vector<Body>;
  using Make = std::function<base::Result<Acts>(const TrustState&)>;
  struct Checked;
  struct Candidate;
  base::Result<ImportReport> check_and_store(const ImportRequest& request, const ContentCheck& content_check,
                                             const Ask& ask);
  base::Result<Checked> check(const ImportRequest& request, const ContentCheck& content_check, const Ask& ask);
  base::Result<> check_effect(const TrustState& state, Checked& checked, const Ask& ask) const;
  static base::Result<> check_succession(const TrustState& state, const PackRef& pack, const Findings& findings);
  static base::Result<> check_not_revoked(const TrustState& state, const PackRef& pack,
                                          std::span<const crypto::PublicKey> signers);
  base::Result<Acts> acts_of(const Checked& checked, const ImportRequest& request, const TrustState& state);
  base::Result<> add_effect(const Checked& checked, const ImportRequest& request, const TrustState& state,
                            bool already_there, Acts& acts);
  base::Result<> add_first_activation(const Checked& checked, const ImportRequest& request, const TrustState& state,
                                      bool already_there, Acts& acts);
  static base::Result<> add_policy(const Checked& checked, const TrustState& state, bool already_there, Acts& acts);
  static base::Result<> add_rotation(const Checked& checked, const TrustState& state, Acts& acts);
  // compare_with_last() against our vault.
  base::Result<> compare_with_active(const TrustState& state, const pack::Header& header,
                                     const pack::Manifest& manifest, std::optional<PackRef>& before,
                                     Difference& difference);

  base::Result<Candidate> examine(const TrustState& state, const ImportedPack& pack, const ContentCheck& content_check);
  // What may become active; `report` gets what may not.
  base::Result<std::vector<Candidate>> candidates(const TrustState& state, const ContentCheck& content_check,
                                                  ReloadReport& report);
  base::Result<std::optional<Candidate>> policy_candidate(const TrustState& state, const ContentCheck& content_check,
                                                          ReloadReport& report);
  base::Result<std::optional<Candidate>> examine_staged(const TrustState& state, const ImportedPack& pack,
                                                        const ContentCheck& content_check, ReloadReport& report);
  [[nodiscard]] json::Object activation_subject(const Step& step, const ActivateRequest& request) const;
  base::Result<> add_activation(const TrustState& state, const Candidate& candidate, const ActivateRequest& request,
                                Acts& acts);
  base::Result<> finish(std::int64_t acts_before, Acts acts);

  // Adds the Approved act when one of `approvals` fits; else kApprovalMissing, and the request is kept.
  base::Result<crypto::Digest> take_approval(const TrustState& state, const std::vector<Approval>& approvals,
                                             std::string_view act, const json::Object& subject,
                                             std::span<const base::KeyId> signers, Acts& acts);
  base::Result<TrustState> read_state();
  // Inside one write transaction: reads the state again, asks `make` for the acts, stores `bytes` at
  // `file` when given, rehearses the acts, and then, unless that was all, records and stores them.
  enum class Commit : std::uint8_t { kReally, kRehearse };
  // The place of a pack's file in the store; set by `make`, nothing when it is not to be stored.
  struct Place {
    crypto::Digest digest;
    int countersigned = 0;
  };
  using File = std::optional<Place>;
  base::Result<> commit(const Make& make, const File& file, base::BytesView bytes, Commit how = Commit::kReally);
  static File place_of(const Checked& checked, const TrustState& state);
  base::Result<> record(Vault::Change& change, const Body& body, TrustState& state);
  // Those that the log holds after the last one of `state`. kAuditFork for more than `limit`.
  base::Result<std::vector<RecordedAct>> lost_acts(const TrustState& state, const audit::Head& head,
                                                   std::int64_t limit);
  // The one transaction, with the state under its lock and the acts that are lost then; what else kept lost_acts() from
  // its answer is in `lost`. kBusy.
  struct Begun {
    std::unique_ptr<Vault::Change> change;
    TrustState state;
    base::Result<std::vector<RecordedAct>> lost;
  };
  base::Result<Begun> begin(std::int64_t limit);
  static base::Result<> take_back(Vault::Change& change, std::span<const RecordedAct> lost, TrustState& state);
  // Applies to `state` what commit() is about to make of `acts`, of which `lost` are in the log already.
  base::Result<> rehearse(std::span<const RecordedAct> lost, const Acts& acts, TrustState& state) const;

  Desk desk_;
  std::vector<std::string> requests_;
};

}  // namespace stargraph::trust
