#include "stargraph/audit/lineage.hpp"

#include <cstdio>

#include "bin/stargraph-audit/commands.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::auditor {
namespace {

using base::Result;

json::Object to_json(const audit::LineageReport& report) {
  json::Array loose;
  for (const audit::Loose& act : report.listed) {
    loose.emplace_back(json::Object{{"seq", act.seq.value()}, {"event", act.event}, {"why", act.why}});
  }
  return {{"ok", report.loose == 0 && report.links > 0},
          {"links", static_cast<std::int64_t>(report.links)},
          {"runs", static_cast<std::int64_t>(report.runs)},
          {"trust_acts", static_cast<std::int64_t>(report.trust_acts)},
          {"restored", static_cast<std::int64_t>(report.restored)},
          {"loose", static_cast<std::int64_t>(report.loose)},
          {"listed", std::move(loose)},
          {"unsigned_tail", static_cast<std::int64_t>(report.unsigned_tail)},
          {"torn_bytes", static_cast<std::int64_t>(report.torn_bytes)},
          {"warnings", warnings_of(report.unsigned_tail, report.torn_bytes)}};
}

void print(const audit::LineageReport& report) {
  for (const audit::Loose& act : report.listed) {
    std::printf("LOOSE %lld  %.*s  %s\n", static_cast<long long>(act.seq.value()), static_cast<int>(act.event.size()),
                act.event.data(), act.why.c_str());
  }
  if (report.loose > 0) {
    std::printf("BAD  %llu acts hang in the air\n", static_cast<unsigned long long>(report.loose));
  } else if (report.links == 0) {
    std::puts("BAD  nothing was checked: the log has no run and no act of trust");
  } else {
    std::printf("OK   %llu runs and %llu acts of trust: each of %llu links leads to an earlier entry\n",
                static_cast<unsigned long long>(report.runs), static_cast<unsigned long long>(report.trust_acts),
                static_cast<unsigned long long>(report.links));
  }
  if (report.restored > 0) {
    std::printf("     %llu times a database of an earlier day was put back; runs may have been done again from there\n",
                static_cast<unsigned long long>(report.restored));
  }
  print_tail(report.unsigned_tail, report.torn_bytes);
}

}  // namespace

Result<int> lineage(const Flags& flags) {
  SG_TRY(const crypto::PublicKey key, read_key(flags));
  SG_TRY(const audit::LineageReport report, audit::check_lineage(paths_of(flags), key));
  if (flags.json) {
    std::printf("%s\n", json::compact(to_json(report)).c_str());
  } else {
    print(report);
  }
  return report.loose == 0 && report.links > 0 ? base::kExitDone : base::kExitFailed;
}

}  // namespace stargraph::auditor
