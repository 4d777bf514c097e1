#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "bin/stargraph-audit/commands.hpp"
#include "stargraph/audit/entry.hpp"
#include "stargraph/audit/segment.hpp"
#include "stargraph/audit/verify.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::auditor {
namespace {

using base::Code;
using base::fail;
using base::Result;

Result<std::optional<base::Timestamp>> time_of(const std::string& text, const std::string& option) {
  if (text.empty()) return std::nullopt;
  const auto time = base::parse_rfc3339(text);
  if (!time) return fail(Code::kUsage, option + ": not a time as 2026-11-21T19:58:37Z");
  return *time;
}

struct Filter {
  Flags flags;
  std::optional<base::Timestamp> since;
  std::optional<base::Timestamp> until;

  static Result<Filter> make(const Flags& flags) {
    Filter filter{flags, {}, {}};
    SG_TRY(filter.since, time_of(flags.since, "--since"));
    SG_TRY(filter.until, time_of(flags.until, "--until"));
    if (flags.event.empty() || flags.event.ends_with(".*") || audit::event_from_text(flags.event)) return filter;
    return fail(Code::kUsage, "--event: no such event; \"run.*\" is all that begin with \"run.\"");
  }

  // "run.*" or a whole name.
  [[nodiscard]] bool event_fits(std::string_view name) const {
    if (!flags.event.ends_with(".*")) return flags.event.empty() || name == flags.event;
    return name.starts_with(std::string_view(flags.event).substr(0, flags.event.size() - 1));
  }

  [[nodiscard]] bool fits(const audit::Entry& entry) const {
    const audit::Event& event = entry.event;
    if (!flags.actor.empty() && event.actor.str() != flags.actor) return false;
    if (!flags.run.empty() && (!event.run || event.run->str() != flags.run)) return false;
    if (!flags.tenant.empty() && event.tenant.str() != flags.tenant) return false;
    if (since && entry.time < *since) return false;
    if (until && entry.time >= *until) return false;
    return event_fits(audit::event_text(event.name));
  }
  [[nodiscard]] bool any() const {
    return !(flags.actor.empty() && flags.run.empty() && flags.tenant.empty() && flags.event.empty()) || since || until;
  }
};

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

// What cannot be read as an entry is never filtered out: it may be what one looks for.
class Shower {
 public:
  explicit Shower(Filter filter) : filter_(std::move(filter)) {}

  Result<> show(const base::Path& file) {
    SG_TRY(audit::LineReader reader, audit::LineReader::open(file));
    while (true) {
      std::string_view line;
      SG_TRY(const audit::LineReader::What what, reader.next(line));
      if (what == audit::LineReader::What::kEnd) return {};
      if (what == audit::LineReader::What::kTooLong) {
        return fail(Code::kAuditMalformed, file.string() + ": a line is longer than 64 KiB");
      }
      show(line, reader.line_number());
    }
  }
  [[nodiscard]] std::uint64_t shown() const { return shown_; }
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  void show(std::string_view line, std::uint64_t number) {
    const bool look = filter_.any() || !filter_.flags.json;
    const auto entry = look ? std::optional(audit::decode_entry(line)) : std::nullopt;
    if (entry && *entry && !filter_.fits(**entry)) {
      ++left_out_;
      return;
    }
    ++shown_;
    if (filter_.flags.json) {
      std::fwrite(line.data(), 1, line.size(), stdout);
      std::fputc('\n', stdout);
    } else if (*entry) {
      print_entry(**entry);
    } else {
      std::printf("? line %llu: not an entry\n", static_cast<unsigned long long>(number));
    }
  }

  Filter filter_;
  std::uint64_t shown_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace

Result<int> show(const Flags& flags) {
  SG_TRY(Filter filter, Filter::make(flags));
  const bool filtered = filter.any();
  Shower shower(std::move(filter));
  SG_TRY(const std::vector<base::Path> files, audit::log_files(paths_of(flags)));
  for (const base::Path& file : files) SG_TRY(shower.show(file));
  if (filtered) {
    std::fprintf(stderr, "stargraph-audit: %llu entries shown, %llu left out; nothing was verified\n",
                 static_cast<unsigned long long>(shower.shown()), static_cast<unsigned long long>(shower.left_out()));
  }
  return base::kExitDone;
}

}  // namespace stargraph::auditor
