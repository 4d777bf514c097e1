#include "stargraph/audit/verify.hpp"

#include <cstdio>
#include <optional>
#include <string>

#include "bin/stargraph-audit/commands.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::auditor {
namespace {

using base::Result;

constexpr std::uint64_t kMaxKeyBytes = 16'384;

json::Object to_json(const audit::Report& report) {
  json::Object out;
  out.set("ok", report.good());
  out.set("entries", static_cast<std::int64_t>(report.entries));
  out.set("checkpoints", static_cast<std::int64_t>(report.checkpoints));
  out.set("files", static_cast<std::int64_t>(report.files));
  out.set("archived", static_cast<std::int64_t>(report.archived));
  out.set("install_id", report.install_id);
  out.set("anchored", report.anchored);
  out.set("unsigned_tail", static_cast<std::int64_t>(report.unsigned_tail));
  out.set("torn_bytes", static_cast<std::int64_t>(report.torn_bytes));
  out.set("warnings", warnings_of(report.unsigned_tail, report.torn_bytes));
  if (report.bad) {
    json::Object bad;
    bad.set("file", report.bad->file);
    bad.set("line", static_cast<std::int64_t>(report.bad->line));
    bad.set("reason", base::reason(report.bad->code).name);
    bad.set("detail", report.bad->detail);
    out.set("bad", std::move(bad));
  }
  return out;
}

}  // namespace

std::vector<base::Path> paths_of(const Flags& flags) { return {flags.paths.begin(), flags.paths.end()}; }

Result<crypto::PublicKey> read_key(const Flags& flags) {
  SG_TRY(crypto::initialise(crypto::FipsMode::kOff));
  SG_TRY(const base::Bytes pem, base::real_env().read_file(flags.public_key, kMaxKeyBytes));
  return crypto::PublicKey::from_pem(base::as_text(pem));
}

Result<audit::VerifyOptions> options_of(const Flags& flags) {
  audit::VerifyOptions options;
  if (flags.anchor.empty()) return options;
  SG_TRY(const base::Bytes note, base::real_env().read_file(flags.anchor, audit::kMaxLineBytes));
  options.anchor = base::to_text(note);
  return options;
}

void print(const audit::Report& report) {
  if (report.bad) {
    const std::string reason(base::reason(report.bad->code).name);
    std::printf("BAD  %s:%llu  %s  %s\n", base::printable(report.bad->file).c_str(),
                static_cast<unsigned long long>(report.bad->line), reason.c_str(),
                base::printable(report.bad->detail).c_str());
    std::printf("     %llu entries before it hold\n", static_cast<unsigned long long>(report.entries));
    return;
  }
  std::printf("OK   %llu entries in %llu files, %llu checkpoints, log %s%s\n",
              static_cast<unsigned long long>(report.entries), static_cast<unsigned long long>(report.files),
              static_cast<unsigned long long>(report.checkpoints), base::printable(report.install_id).c_str(),
              report.anchored ? ", holds the anchor" : "");
  if (report.archived > 0) {
    std::printf("     %llu entries before them were archived and are not here\n",
                static_cast<unsigned long long>(report.archived));
  }
  print_tail(report.unsigned_tail, report.torn_bytes);
}

void print_tail(std::uint64_t entries, std::uint64_t torn_bytes) {
  if (entries == 0 && torn_bytes == 0) return;
  std::printf("WARN %.*s  %llu entries after the last checkpoint, %llu bytes of an unfinished line\n",
              static_cast<int>(audit::kUnsignedTail.size()), audit::kUnsignedTail.data(),
              static_cast<unsigned long long>(entries), static_cast<unsigned long long>(torn_bytes));
}

json::Array warnings_of(std::uint64_t entries, std::uint64_t torn_bytes) {
  json::Array warnings;
  if (entries > 0 || torn_bytes > 0) warnings.emplace_back(audit::kUnsignedTail);
  return warnings;
}

Result<int> verify(const Flags& flags) {
  SG_TRY(const crypto::PublicKey key, read_key(flags));
  SG_TRY(const audit::VerifyOptions options, options_of(flags));
  SG_TRY(const audit::Report report, audit::verify_log(paths_of(flags), key, options));
  if (flags.json) {
    std::printf("%s\n", json::compact(to_json(report)).c_str());
  } else {
    print(report);
  }
  return report.good() ? base::kExitDone : base::kExitIntegrity;
}

}  // namespace stargraph::auditor
