#include "stargraph/audit/export.hpp"

#include <cstdio>

#include "bin/stargraph-audit/commands.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::auditor {
namespace {

using base::Code;
using base::fail;
using base::Result;

unsigned long long number(std::uint64_t value) { return value; }
long long number(std::int64_t value) { return value; }

Result<> put(std::string_view line) {
  const bool written =
      std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fputc('\n', stdout) != EOF;
  return written ? Result<>() : fail(Code::kIo, "export: standard output cannot be written");
}

// To standard error: the slice goes to standard output.
void tell(const audit::ExportSummary& summary) {
  std::fprintf(stderr, "stargraph-audit: %llu entries of tenant %s, covered by checkpoint %lld\n",
               number(summary.header.entries), summary.header.tenant.str().c_str(), number(summary.checkpoint.value()));
  if (summary.uncovered > 0) {
    std::fprintf(stderr, "stargraph-audit: %llu more stand after that checkpoint and are not in it\n",
                 number(summary.uncovered));
  }
  if (summary.of_other_tenants > 0) {
    std::fprintf(stderr, "stargraph-audit: %llu entries of other tenants name this run and are not in it\n",
                 number(summary.of_other_tenants));
  }
}

json::Object to_json(const audit::ExportReport& report) {
  json::Object out;
  out.set("ok", report.good());
  if (report.bad) {
    out.set("bad", json::Object{{"file", report.bad->file},
                                {"line", static_cast<std::int64_t>(report.bad->line)},
                                {"reason", base::reason(report.bad->code).name},
                                {"detail", report.bad->detail}});
    return out;
  }
  const audit::ExportHeader& header = report.header;
  const bool chain = header.kind == audit::ExportKind::kChain;
  out.set("kind", chain ? "chain" : "entries");
  out.set("tenant", header.tenant.str());
  out.set("run_id", header.run ? json::Value(header.run->str()) : json::Value());
  out.set("entries", static_cast<std::int64_t>(header.entries));
  out.set("first", chain ? json::Value(header.first.value()) : json::Value());
  out.set("last", chain ? json::Value(header.last.value()) : json::Value());
  out.set("to_head", header.head.has_value());
  out.set("install_id", report.whole_log_named ? json::Value(header.install_id) : json::Value());
  out.set("checkpoint", report.checkpoint.value());
  out.set("covered_until", base::format_rfc3339(report.covered_until));
  out.set("of_run", static_cast<std::int64_t>(report.of_run));
  out.set("run_created", report.run_created);
  out.set("run_ended", report.run_ended);
  return out;
}

void print_chain(const audit::ExportReport& report, const std::string& until) {
  const audit::ExportHeader& header = report.header;
  std::printf("OK   tenant %s: its entries %lld to %lld, all of them\n", header.tenant.str().c_str(),
              number(header.first.value()), number(header.last.value()));
  if (header.first.value() == 1) {
    std::printf("     from its first one in log %s\n", base::printable(header.install_id).c_str());
  } else {
    std::printf("     what came before %lld is not in question here\n", number(header.first.value()));
  }
  if (header.head) {
    std::printf("     and there were no more when checkpoint %lld was signed, %s\n", number(report.checkpoint.value()),
                until.c_str());
  } else {
    std::printf("     they stand in the log of checkpoint %lld, %s; what came after %lld is not in question here\n",
                number(report.checkpoint.value()), until.c_str(), number(header.last.value()));
  }
  if (!header.run) return;
  std::printf("     %llu of them are of run %s, from %s to %s\n", number(report.of_run), header.run->str().c_str(),
              report.run_created ? "its creation" : "one after its creation",
              report.run_ended ? "its end" : "one before its end");
}

void print(const audit::ExportReport& report) {
  if (report.bad) {
    const std::string reason(base::reason(report.bad->code).name);
    std::printf("BAD  %s:%llu  %s  %s\n", base::printable(report.bad->file).c_str(), number(report.bad->line),
                reason.c_str(), base::printable(report.bad->detail).c_str());
    return;
  }
  const std::string until = base::format_rfc3339(report.covered_until);
  if (report.header.kind == audit::ExportKind::kChain) return print_chain(report, until);
  std::printf("OK   run %s of tenant %s: %llu entries, each in the log of checkpoint %lld, %s\n",
              report.header.run->str().c_str(), report.header.tenant.str().c_str(), number(report.header.entries),
              number(report.checkpoint.value()), until.c_str());
  std::puts("     that the run has no others is not proven; export --complete proves it");
}

}  // namespace

Result<int> export_slice(const Flags& flags) {
  SG_TRY(const crypto::PublicKey key, read_key(flags));
  audit::ExportRequest request;
  if (!flags.tenant.empty()) request.tenant = base::TenantId(flags.tenant);
  if (!flags.run.empty()) request.run = base::RunId(flags.run);
  if (request.tenant.has_value() == request.run.has_value()) {
    return fail(Code::kUsage, "export: either --tenant or --run");
  }
  if (flags.first < 1 || (flags.first > 1 && !request.tenant) || (flags.complete && !request.run)) {
    return fail(Code::kUsage, "export: --first, from 1, goes with --tenant; --complete with --run");
  }
  request.from = audit::TenantSeq(flags.first);
  request.complete = flags.complete;
  SG_TRY(const audit::ExportSummary summary, audit::export_log(paths_of(flags), key, request, put));
  if (std::fflush(stdout) != 0) return fail(Code::kIo, "export: standard output cannot be written");
  tell(summary);
  return base::kExitDone;
}

Result<int> verify_export(const Flags& flags) {
  SG_TRY(const crypto::PublicKey key, read_key(flags));
  SG_TRY(const audit::ExportReport report, audit::verify_export(flags.file, key));
  if (flags.json) {
    std::printf("%s\n", json::compact(to_json(report)).c_str());
  } else {
    print(report);
  }
  return report.good() ? base::kExitDone : base::kExitIntegrity;
}

}  // namespace stargraph::auditor
