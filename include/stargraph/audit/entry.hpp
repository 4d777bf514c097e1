// Entry: one line of the audit log (docs/formats/audit.md), encode and decode in one file.
//
// A line is a canonical JSON body in fixed member order, then `,"entry_hash":"…"}`; a checkpoint line
// goes on with `,"key_id":"…","alg":"…","signature":"…"}`. The bytes are hashed and verified exactly
// as they stand; decode refuses every line that encode would not have written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stargraph/audit/event.hpp"
#include "stargraph/audit/record.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::audit {

using LogSeq = base::Number<struct LogSeqTag>;        // from 1, no gaps, whole log
using TenantSeq = base::Number<struct TenantSeqTag>;  // from 1, no gaps, per tenant

inline constexpr std::string_view kEntryDomain = "stargraph.audit.entry.v1";
inline constexpr std::string_view kCheckpointDomain = "stargraph.audit.checkpoint.v1";
inline constexpr std::string_view kGenesisDomain = "stargraph.audit.genesis.v1";
inline constexpr std::string_view kTenantGenesisDomain = "stargraph.audit.tenant.v1";

struct LineSignature {
  base::KeyId key_id;
  crypto::Algorithm algorithm = crypto::Algorithm::kEd25519;
  base::Bytes signature;
};

struct Entry {
  Event event;
  Source source = Source::kWriter;
  SourceSeq source_seq;
  LogSeq seq;
  crypto::Digest previous_hash;
  TenantSeq tenant_seq;
  crypto::Digest tenant_previous_hash;
  base::Timestamp time{};
  crypto::Digest entry_hash;               // as written in the line
  std::optional<LineSignature> signature;  // checkpoints only
};

// Writes the line without "\n" and sets entry.entry_hash. A checkpoint is left open for its signature:
// see sign_line. kTooLarge over kMaxLineBytes - 1, or check_event's codes.
[[nodiscard]] base::Result<std::string> encode_entry(Entry& entry);
// Closes a checkpoint's line: signs what stands there and appends key_id, alg and signature.
[[nodiscard]] base::Result<> sign_line(std::string& line, Entry& entry, const crypto::PrivateKey& key);

// The line without "\n". kAuditMalformed for anything encode_entry and sign_line would not write;
// kAuditHashMismatch when entry_hash is not the digest of the bytes before it.
[[nodiscard]] base::Result<Entry> decode_entry(std::string_view line);
// For a decoded checkpoint and its line: kAuditUnknownKey or kAuditBadSignature.
[[nodiscard]] base::Result<> verify_line_signature(std::string_view line, const Entry& entry,
                                                   const crypto::PublicKey& key);

// What the first entry names as previous: D(genesis, {"install_id":…,"key_id":…}).
[[nodiscard]] crypto::Digest genesis_hash(std::string_view install_id, const base::KeyId& key_id);
// What a tenant's first entry names as previous: D(tenant, {"genesis":…,"tenant":…}).
[[nodiscard]] crypto::Digest tenant_genesis_hash(const crypto::Digest& genesis, const base::TenantId& tenant);

}  // namespace stargraph::audit
