#include "bin/stargraph-audit/show.hpp"

#include <cstdio>
#include <string>
#include <string_view>

#include "stargraph/audit/entry.hpp"
#include "stargraph/audit/segment.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::auditor {
namespace {

using base::Result;

void print_entry(const audit::Entry& entry) {
  const audit::Event& event = entry.event;
  std::string line = std::to_string(entry.seq.value());
  line += ' ';
  line += base::format_rfc3339(entry.time);
  line += ' ';
  line += audit::event_text(event.name);
  line += ' ';
  line += audit::outcome_name(event.outcome);
  line += " actor=" + json::quoted(event.actor.str());
  if (event.tenant != audit::site_tenant()) line += " tenant=" + event.tenant.str();
  if (event.run) line += " run=" + event.run->str();
  if (!event.data.empty()) line += " " + json::canonical(event.data);
  std::puts(base::printable(line).c_str());
}

}  // namespace

Result<> show_file(const base::Path& file, bool as_they_stand) {
  SG_TRY(audit::LineReader reader, audit::LineReader::open(file));
  while (true) {
    std::string_view line;
    SG_TRY(const audit::LineReader::What what, reader.next(line));
    if (what == audit::LineReader::What::kEnd) return {};
    if (what == audit::LineReader::What::kTooLong) {
      return base::fail(base::Code::kAuditMalformed, file.string() + ": a line is longer than 64 KiB");
    }
    if (as_they_stand) {
      std::fwrite(line.data(), 1, line.size(), stdout);
      std::fputc('\n', stdout);
      continue;
    }
    const auto entry = audit::decode_entry(line);
    if (entry) {
      print_entry(*entry);
    } else {
      std::printf("? line %llu: not an entry\n", static_cast<unsigned long long>(reader.line_number()));
    }
  }
}

}  // namespace stargraph::auditor
