// stargraph-audit: the auditor's program. It needs files and a public key, and neither network nor database; one
// command, archive, also speaks to the audit writer on its own machine.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "bin/program.hpp"
#include "bin/stargraph-audit/commands.hpp"
#include "stargraph/base/printable.hpp"

namespace stargraph::auditor {
namespace {

using base::Result;

constexpr const char* kTrustSocket = "/run/stargraph/trust.sock";

int finish(const Result<int>& result) {
  if (result) return *result;
  const std::string name(result.error().name());
  std::fprintf(stderr, "stargraph-audit: %s (%s)\n", base::printable(result.error().message).c_str(), name.c_str());
  return result.error().exit_code();
}

void add_log(CLI::App& command, Flags& flags) {
  command.add_option("PATH", flags.paths, "segments in order, or their directory")->required();
}
void add_key(CLI::App& command, Flags& flags) {
  command.add_option("--pubkey", flags.public_key, "the audit public key, PEM")->required();
}
void add_anchor(CLI::App& command, Flags& flags) {
  command.add_option("--anchor", flags.anchor, "a checkpoint carried out earlier: its line, or its words");
}
void add_json(CLI::App& command, Flags& flags, const std::string& help) {
  command.add_flag("--json", flags.json, help);
}

void add_verify(CLI::App& command, Flags& flags) {
  add_log(command, flags);
  add_key(command, flags);
  add_anchor(command, flags);
  add_json(command, flags, "one JSON document");
}

void add_show(CLI::App& command, Flags& flags) {
  add_log(command, flags);
  add_json(command, flags, "the lines as they stand");
  command.add_option("--actor", flags.actor, "only what this actor did");
  command.add_option("--run", flags.run, "only entries that name this run");
  command.add_option("--tenant", flags.tenant, "only this tenant's; - for the site's");
  command.add_option("--event", flags.event, "only this event, or with .* all of a kind: run.*");
  command.add_option("--since", flags.since, "not before this time, RFC 3339");
  command.add_option("--until", flags.until, "before this time, RFC 3339");
}

void add_checkpoint(CLI::App& command, Flags& flags) {
  add_log(command, flags);
  add_key(command, flags);
  add_anchor(command, flags);
  command.add_option("--seq", flags.seq, "this one instead of the last");
  command.add_flag("--words", flags.words, "its hash as words, for paper");
  command
      .add_option("--qr", flags.qr,
                  "as a QR code: text for a terminal, svg or pbm for paper; with --words its hash alone")
      ->check(CLI::IsMember({"text", "svg", "pbm"}));
}

void add_proof(CLI::App& command, Flags& flags) {
  add_log(command, flags);
  add_key(command, flags);
  command.add_option("--seq", flags.seq, "the entry to prove");
  command.add_option("--of", flags.of, "seq of the covering checkpoint; without it the last one");
  command.add_option("--from", flags.from, "seq of an earlier checkpoint");
  command.add_option("--to", flags.to, "seq of the later one; without it the last one");
}

void add_export(CLI::App& command, Flags& flags) {
  add_log(command, flags);
  add_key(command, flags);
  command.add_option("--tenant", flags.tenant, "a tenant's whole chain");
  command.add_option("--first", flags.first, "from this tenant_seq on");
  command.add_option("--run", flags.run, "the entries of a run");
  command.add_flag("--complete", flags.complete, "with all of its tenant's between them");
}

void add_file(CLI::App& command, Flags& flags) {
  command.add_option("FILE", flags.file, "what was carried here")->required();
  add_key(command, flags);
}

void add_verify_export(CLI::App& command, Flags& flags) {
  add_file(command, flags);
  add_json(command, flags, "one JSON document");
}

void add_lineage(CLI::App& command, Flags& flags) {
  add_log(command, flags);
  add_key(command, flags);
  add_json(command, flags, "one JSON document");
}

void add_archive(CLI::App& command, Flags& flags) {
  flags.socket = kTrustSocket;
  command.add_option("PATH", flags.paths, "the log's directory")->required();
  add_key(command, flags);
  command.add_option("--to", flags.target, "the directory for the copies")->required();
  command.add_flag("--keep", flags.keep, "copy and verify; ask nobody to remove anything");
  command.add_option("--socket", flags.socket, "of the audit writer, for root")->capture_default_str();
}

struct Command {
  const char* name;
  const char* help;
  void (*add)(CLI::App& command, Flags& flags);
  Result<int> (*run)(const Flags& flags);
};

constexpr Command kCommands[] = {
    {"verify", "find the first bad line, by file, line and reason", add_verify, verify},
    {"show", "one line an entry, in the order of the log; checks nothing", add_show, show},
    {"checkpoint", "verify, then print a checkpoint to carry away", add_checkpoint, checkpoint},
    {"proof", "that an entry is in a checkpoint's log, or that one log goes on from another", add_proof, proof},
    {"verify-proof", "check a proof with the key alone", add_file, verify_proof},
    {"export", "a tenant's or a run's slice, which verifies alone", add_export, export_slice},
    {"verify-export", "check a slice with the key alone", add_verify_export, verify_export},
    {"lineage", "that each act rests on one before it", add_lineage, lineage},
    {"archive", "copy closed segments, verify the copies, have the originals removed", add_archive, archive},
};

int program(int argc, char** argv) {
  CLI::App app("Checks, shows and cuts audit logs with nothing but their files and the audit public key.");
  app.footer(
      "Examples:\n"
      "  stargraph-audit verify /media/evidence --pubkey audit.pub.pem\n"
      "  stargraph-audit checkpoint /var/log/stargraph --pubkey audit.pub.pem > note.jsonl\n"
      "  stargraph-audit verify /media/evidence --pubkey audit.pub.pem --anchor note.jsonl\n"
      "  stargraph-audit export /var/log/stargraph --pubkey audit.pub.pem --tenant soc > soc.jsonl\n"
      "Exit codes: 0 it holds, 4 it does not, 1 it could not be read, 2 wrong usage.");
  app.set_version_flag("--version", std::string("stargraph-audit ") + STARGRAPH_VERSION);
  app.require_subcommand(1);
  Flags flags;
  for (const Command& command : kCommands) command.add(*app.add_subcommand(command.name, command.help), flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? base::kExitDone : base::kExitUsage;
  }
  for (const Command& command : kCommands) {
    if (app.got_subcommand(command.name)) return finish(command.run(flags));
  }
  return base::kExitUsage;
}

}  // namespace
}  // namespace stargraph::auditor

int main(int argc, char** argv) {
  return stargraph::run_program("stargraph-audit", stargraph::auditor::program, argc, argv);
}
