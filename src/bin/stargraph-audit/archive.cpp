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

// The writer reads all segments once more before it lets go of them: 512 of 100 MiB at the most.
constexpr base::Duration kTimeout = std::chrono::minutes(30);
constexpr std::uint32_t kFileMode = 0600;

Result<> prune(const audit::Archive& archive, const Flags& flags, const crypto::PublicKey& key) {
  SG_TRY(const std::unique_ptr<audit::Client> client,
         audit::Client::connect(flags.socket, audit::Source::kTrust, key, std::chrono::seconds(10)));
  SG_TRY(const audit::Receipt receipt, client->prune(archive.prune(), kTimeout));
  SG_TRY(const audit::Entry tombstone, audit::verify_receipt(receipt, key));
  if (tombstone.event.name != audit::EventName::kAuditPruned) {
    return fail(Code::kReceiptInvalid, "archive: the audit writer answered with another entry");
  }
  base::Path file = archive.manifest;
  file.replace_extension(".receipt.json");
  const std::string text = audit::encode_receipt(receipt) + "\n";
  SG_TRY(base::real_env().write_file(file, base::as_bytes(text), kFileMode));
  std::printf("     the audit writer let go of them: entry %lld, receipt %s\n",
              static_cast<long long>(tombstone.seq.value()), base::printable(file.string()).c_str());
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
