#include "stargraph/audit/archive.hpp"

#include <chrono>
#include <cstdio>

#include "bin/stargraph-audit/commands.hpp"
#include "stargraph/audit/client.hpp"
#include "stargraph/base/printable.hpp"

namespace stargraph::auditor {
namespace {

using base::Code;
using base::fail;
using base::Result;

// The writer reads the segments once more before it lets go of them, 100 MiB each.
constexpr base::Duration kTimeout = std::chrono::minutes(10);
constexpr std::uint32_t kFileMode = 0600;

// The receipts of the tombstones, a line each, stand beside the copies.
Result<> prune(const audit::Archive& archive, const Flags& flags, const crypto::PublicKey& key) {
  SG_TRY(const std::unique_ptr<audit::Client> client,
         audit::Client::connect(flags.socket, audit::Source::kTrust, key, std::chrono::seconds(10)));
  base::Path file = archive.manifest;
  file.replace_extension(".receipts.jsonl");
  std::string receipts;
  for (const audit::Prune& prune : archive.prunes()) {
    SG_TRY(const audit::Receipt receipt, client->prune(prune, kTimeout));
    SG_TRY(const audit::Entry tombstone, audit::verify_receipt(receipt, key));
    if (tombstone.event.name != audit::EventName::kAuditPruned) {
      return fail(Code::kReceiptInvalid, "archive: the audit writer answered with another entry");
    }
    receipts += audit::encode_receipt(receipt) + "\n";
    SG_TRY(base::real_env().write_file(file, base::as_bytes(receipts), kFileMode));
    std::printf("     segments %u to %u are gone from the log: entry %lld says so\n", prune.first_segment,
                prune.last_segment(), static_cast<long long>(tombstone.seq.value()));
  }
  return {};
}

}  // namespace

Result<int> archive(const Flags& flags) {
  if (flags.paths.size() != 1) return fail(Code::kUsage, "archive: one directory, the log's own");
  SG_TRY(const crypto::PublicKey key, read_key(flags));
  SG_TRY(const audit::Archive made, audit::make_archive(flags.paths.front(), flags.target, key));
  std::printf("OK   segments %u to %u copied and verified, manifest %s\n", made.segments.front().number,
              made.segments.back().number, base::printable(made.manifest.string()).c_str());
  if (flags.keep) return base::kExitDone;
  SG_TRY(prune(made, flags, key));
  return base::kExitDone;
}

}  // namespace stargraph::auditor
