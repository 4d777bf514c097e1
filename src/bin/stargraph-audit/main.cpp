// stargraph-audit: the auditor's program. It needs files and a public key, and neither network nor database.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "bin/program.hpp"
#include "bin/stargraph-audit/show.hpp"
#include "stargraph/audit/verify.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::auditor {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::uint64_t kMaxKeyBytes = 16'384;

struct Flags {
  std::vector<std::string> paths;
  std::string public_key;
  std::string anchor;
  bool json = false;
};

std::vector<base::Path> to_paths(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

Result<audit::Report> check(const Flags& flags) {
  SG_TRY(crypto::initialise(crypto::FipsMode::kOff));
  SG_TRY(const base::Bytes pem, base::real_env().read_file(flags.public_key, kMaxKeyBytes));
  SG_TRY(const crypto::PublicKey key, crypto::PublicKey::from_pem(base::as_text(pem)));
  std::optional<std::string> anchor;
  if (!flags.anchor.empty()) {
    SG_TRY(const base::Bytes note, base::real_env().read_file(flags.anchor, audit::kMaxLineBytes));
    anchor = base::to_text(note);
  }
  return audit::verify_log(to_paths(flags.paths), key, anchor);
}

json::Object to_json(const audit::Report& report) {
  json::Object out;
  out.set("ok", report.good());
  out.set("entries", static_cast<std::int64_t>(report.entries));
  out.set("checkpoints", static_cast<std::int64_t>(report.checkpoints));
  out.set("files", static_cast<std::int64_t>(report.files));
  out.set("install_id", report.install_id);
  out.set("anchored", report.anchored);
  out.set("unsigned_tail", static_cast<std::int64_t>(report.unsigned_tail));
  out.set("torn_bytes", static_cast<std::int64_t>(report.torn_bytes));
  json::Array warnings;
  if (report.unsigned_tail > 0 || report.torn_bytes > 0) warnings.emplace_back(audit::kUnsignedTail);
  out.set("warnings", std::move(warnings));
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

void print(const audit::Report& report) {
  if (report.bad) {
    const std::string_view reason = base::reason(report.bad->code).name;
    std::printf("BAD  %s:%llu  %.*s  %s\n", base::printable(report.bad->file).c_str(),
                static_cast<unsigned long long>(report.bad->line), static_cast<int>(reason.size()), reason.data(),
                base::printable(report.bad->detail).c_str());
    std::printf("     %llu entries before it hold\n", static_cast<unsigned long long>(report.entries));
    return;
  }
  std::printf("OK   %llu entries in %llu files, %llu checkpoints, log %s%s\n",
              static_cast<unsigned long long>(report.entries), static_cast<unsigned long long>(report.files),
              static_cast<unsigned long long>(report.checkpoints), base::printable(report.install_id).c_str(),
              report.anchored ? ", holds the anchor" : "");
  if (report.unsigned_tail > 0 || report.torn_bytes > 0) {
    std::printf("WARN %.*s  %llu entries after the last checkpoint, %llu bytes of an unfinished line\n",
                static_cast<int>(audit::kUnsignedTail.size()), audit::kUnsignedTail.data(),
                static_cast<unsigned long long>(report.unsigned_tail),
                static_cast<unsigned long long>(report.torn_bytes));
  }
}

Result<int> verify(const Flags& flags) {
  SG_TRY(const audit::Report report, check(flags));
  if (flags.json) {
    std::printf("%s\n", json::compact(to_json(report)).c_str());
  } else {
    print(report);
  }
  return report.good() ? base::kExitDone : base::kExitIntegrity;
}

Result<int> checkpoint(const Flags& flags) {
  SG_TRY(const audit::Report report, check(flags));
  if (!report.good()) {
    print(report);
    return base::kExitIntegrity;
  }
  if (report.last_checkpoint.empty()) return fail(Code::kAuditTruncated, "checkpoint: the log has none");
  std::printf("%s\n", report.last_checkpoint.c_str());
  return base::kExitDone;
}

Result<int> show(const Flags& flags) {
  SG_TRY(const std::vector<base::Path> files, audit::log_files(to_paths(flags.paths)));
  for (const base::Path& file : files) SG_TRY(show_file(file, flags.json));
  return base::kExitDone;
}

void add_paths(CLI::App& command, Flags& flags) {
  command.add_option("PATH", flags.paths, "segments in order, or their directory")->required();
}

void add_key(CLI::App& command, Flags& flags) {
  command.add_option("--pubkey", flags.public_key, "the audit public key, PEM")->required();
  command.add_option("--anchor", flags.anchor, "a checkpoint line carried out earlier");
}

int finish(const Result<int>& result) {
  if (result) return *result;
  const std::string_view name = result.error().name();
  std::fprintf(stderr, "stargraph-audit: %s (%.*s)\n", base::printable(result.error().message).c_str(),
               static_cast<int>(name.size()), name.data());
  return result.error().exit_code();
}

int program(int argc, char** argv) {
  CLI::App app("Checks and shows audit logs with nothing but their files and the audit public key.");
  app.footer(
      "Examples:\n"
      "  stargraph-audit verify /media/evidence --pubkey audit.pub.pem\n"
      "  stargraph-audit checkpoint /var/log/stargraph --pubkey audit.pub.pem > note.jsonl\n"
      "  stargraph-audit verify /media/evidence --pubkey audit.pub.pem --anchor note.jsonl\n"
      "Exit codes: 0 the log holds, 4 it does not, 1 it could not be read, 2 wrong usage.");
  app.set_version_flag("--version", std::string("stargraph-audit ") + STARGRAPH_VERSION);
  app.require_subcommand(1);
  Flags flags;
  CLI::App* verify_command = app.add_subcommand("verify", "find the first bad line, by file, line and reason");
  add_paths(*verify_command, flags);
  add_key(*verify_command, flags);
  verify_command->add_flag("--json", flags.json, "one JSON document");
  CLI::App* show_command = app.add_subcommand("show", "one line an entry, in the order of the log; checks nothing");
  add_paths(*show_command, flags);
  show_command->add_flag("--json", flags.json, "the lines as they stand");
  CLI::App* checkpoint_command = app.add_subcommand("checkpoint", "verify, then print the last checkpoint's line");
  add_paths(*checkpoint_command, flags);
  add_key(*checkpoint_command, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? base::kExitDone : base::kExitUsage;
  }
  if (verify_command->parsed()) return finish(verify(flags));
  if (show_command->parsed()) return finish(show(flags));
  return finish(checkpoint(flags));
}

}  // namespace
}  // namespace stargraph::auditor

int main(int argc, char** argv) {
  return stargraph::run_program("stargraph-audit", stargraph::auditor::program, argc, argv);
}
