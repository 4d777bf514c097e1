#include "stargraph/audit/proof.hpp"

#include <cstdio>

#include "bin/stargraph-audit/commands.hpp"

namespace stargraph::auditor {
namespace {

using base::Code;
using base::fail;
using base::Result;

// A proof is one line; decode_proof says what may stand in it.
constexpr std::uint64_t kMaxProofBytes = std::uint64_t{512} * 1024;

std::optional<audit::LogSeq> seq_of(std::int64_t number) {
  return number > 0 ? std::optional(audit::LogSeq(number)) : std::nullopt;
}

Result<audit::Proof> make(const Flags& flags, const crypto::PublicKey& key) {
  if (flags.seq > 0) {
    SG_TRY(audit::Proof proof,
           audit::make_inclusion_proof(paths_of(flags), key, audit::LogSeq(flags.seq), seq_of(flags.of)));
    return proof;
  }
  SG_TRY(audit::Proof proof,
         audit::make_consistency_proof(paths_of(flags), key, audit::LogSeq(flags.from), seq_of(flags.to)));
  return proof;
}

void print(const audit::Proven& proven) {
  const audit::SignedCheckpoint& checkpoint = proven.checkpoint;
  const std::string time = base::format_rfc3339(checkpoint.entry.time);
  if (proven.entry) {
    const std::string event(audit::event_text(proven.entry->event.name));
    std::printf("OK   entry %lld, %s, is one of the %llu that checkpoint %lld of %s signs\n",
                static_cast<long long>(proven.entry->seq.value()), event.c_str(),
                static_cast<unsigned long long>(checkpoint.state.size),
                static_cast<long long>(checkpoint.entry.seq.value()), time.c_str());
    return;
  }
  std::printf("OK   the %llu entries of checkpoint %lld are the first of the %llu of checkpoint %lld of %s\n",
              static_cast<unsigned long long>(proven.older->state.size),
              static_cast<long long>(proven.older->entry.seq.value()),
              static_cast<unsigned long long>(checkpoint.state.size),
              static_cast<long long>(checkpoint.entry.seq.value()), time.c_str());
}

}  // namespace

Result<int> proof(const Flags& flags) {
  if ((flags.seq > 0) == (flags.from > 0)) {
    return fail(Code::kUsage, "proof: either --seq, of an entry, or --from, of a checkpoint");
  }
  SG_TRY(const crypto::PublicKey key, read_key(flags));
  SG_TRY(const audit::Proof proof, make(flags, key));
  std::printf("%s\n", audit::encode_proof(proof).c_str());
  return base::kExitDone;
}

Result<int> verify_proof(const Flags& flags) {
  SG_TRY(const crypto::PublicKey key, read_key(flags));
  SG_TRY(const base::Bytes bytes, base::real_env().read_file(flags.file, kMaxProofBytes));
  std::string_view text = base::as_text(bytes);
  if (text.ends_with('\n')) text.remove_suffix(1);
  SG_TRY(const audit::Proof proof, audit::decode_proof(text));
  SG_TRY(const audit::Proven proven, audit::verify_proof(proof, key));
  print(proven);
  return base::kExitDone;
}

}  // namespace stargraph::auditor
