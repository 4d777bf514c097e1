// Chain: the state of a log after some entries, and the one place that knows what may come next.
//
// The writer asks it for the fields of the next entry, the verifier and the writer's start hold lines
// against it. Its size depends on the number of tenants and packs, not on the number of entries.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "stargraph/audit/checkpoint.hpp"
#include "stargraph/audit/entry.hpp"
#include "stargraph/crypto/merkle.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::audit {

class Chain {
 public:
  // Holds one line (without "\n") against the state and takes it in. The first thing wrong, in this
  // order: kAuditMalformed, kAuditHashMismatch, kAuditGap, kAuditPreviousMismatch, kAuditUnknownKey,
  // kAuditBadSignature, kAuditRootMismatch. After an error the chain stays as it was.
  [[nodiscard]] base::Result<Entry> accept(std::string_view line, const crypto::PublicKey& key);
  // The same for a line that was decoded elsewhere, perhaps by another thread. An entry of the daemon may come without
  // its data, which no chain reads.
  [[nodiscard]] base::Result<> accept(std::string_view line, const Entry& entry, const crypto::PublicKey& key);

  // The writer's side. place() fills seq, hashes, numbers and time of an entry that has event, source,
  // source_seq and time; take() moves the state past an encoded entry.
  void place(Entry& entry, base::Timestamp clock) const;
  void take(const Entry& entry);
  // Before the first entry.
  void begin(std::string_view install_id, const base::KeyId& key_id);

  [[nodiscard]] Checkpoint next_checkpoint() const;
  [[nodiscard]] LogSeq seq() const { return seq_; }
  [[nodiscard]] const crypto::Digest& last_hash() const { return last_hash_; }
  [[nodiscard]] base::Timestamp last_time() const { return last_time_; }
  [[nodiscard]] const std::string& install_id() const { return install_id_; }
  [[nodiscard]] SourceSeq last_of(Source source) const { return sources_.at(static_cast<std::size_t>(source)); }
  // Entries after the last checkpoint.
  [[nodiscard]] std::uint64_t uncovered() const { return uncovered_; }
  [[nodiscard]] const std::optional<crypto::Digest>& last_checkpoint() const { return last_checkpoint_; }
  [[nodiscard]] LogSeq last_checkpoint_seq() const { return last_checkpoint_seq_; }
  [[nodiscard]] std::int64_t trust_acts() const { return trust_acts_; }
  // source_seq of the last entry that the trust store must hold: over trust.sock, a success, with the
  // number of an act in its data. 0 before the first.
  [[nodiscard]] SourceSeq trust_act() const { return trust_act_; }
  [[nodiscard]] std::int64_t revocation_number() const { return revocation_number_; }
  [[nodiscard]] crypto::Digest floors() const { return floors_digest(floors_); }
  [[nodiscard]] const crypto::MerkleFrontier& tree() const { return tree_; }
  // The last entries that left under a tombstone; nothing while the log is whole.
  struct Pruned {
    std::uint32_t last_segment = 0;
    LogSeq last_seq;
    crypto::Digest checkpoint;
    bool operator==(const Pruned&) const = default;
  };
  [[nodiscard]] const std::optional<Pruned>& pruned() const { return pruned_; }

  // The whole state, for a position (position.hpp); restore() refuses what encode() would not have written.
  [[nodiscard]] json::Object encode() const;
  [[nodiscard]] static base::Result<Chain> restore(const json::Value& state, const base::KeyId& key_id);
  [[nodiscard]] const TenantHeads& tenants() const { return tenants_; }

 private:
  [[nodiscard]] TenantHead tenant_head(const base::TenantId& tenant) const;
  [[nodiscard]] base::Result<> check_begin(const Entry& entry, const crypto::PublicKey& key) const;
  [[nodiscard]] base::Result<> check_place(const Entry& entry) const;
  [[nodiscard]] base::Result<> check_checkpoint(std::string_view line, const Entry& entry,
                                                const crypto::PublicKey& key) const;
  [[nodiscard]] base::Result<> check_tombstone(const Entry& entry) const;
  void take_trust(const Entry& entry);

  std::string install_id_;
  crypto::Digest genesis_;
  LogSeq seq_;
  crypto::Digest last_hash_;
  base::Timestamp last_time_{};
  std::array<SourceSeq, kSourceCount> sources_{};
  TenantHeads tenants_;
  crypto::MerkleFrontier tree_;
  std::uint64_t uncovered_ = 0;
  std::optional<crypto::Digest> last_checkpoint_;
  LogSeq last_checkpoint_seq_;
  Floors floors_;
  std::int64_t revocation_number_ = 0;
  std::int64_t trust_acts_ = 0;
  SourceSeq trust_act_;
  std::optional<Pruned> pruned_;
};

}  // namespace stargraph::audit
