// A log that holds every event name once at least: the writer's own by doing what makes it write them, the
// others by sending them from a source that may.
#pragma once

#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit::test {

inline std::string log_of_all_events() {
  Log log;
  log.segment_bytes = 6'000;
  auto writer = log.open();
  EXPECT_TRUE(writer.has_value()) << writer.error().message;
  for (const EventRow& row : event_table()) {
    for (const Source source : {Source::kDaemon, Source::kTrust}) {
      if (!may_send(source, row.name)) continue;
      Event event = make_event(row.name, "soc", {{"note", row.meaning}});
      const auto placed =
          (*writer)->append(source, make_record((*writer)->chain().last_of(source).next().value(), event));
      EXPECT_TRUE(placed.has_value()) << placed.error().message;
    }
  }
  const std::string archived = log.segment(1);
  const auto pruned = (*writer)->prune({.first_segment = 1, .digests = {crypto::sha384(archived)}});
  EXPECT_TRUE(pruned.has_value()) << pruned.error().message;
  EXPECT_TRUE((*writer)->append_own(EventName::kAuditRefused, Outcome::kDenied, {{"code", "malformed"}}).has_value());
  EXPECT_TRUE((*writer)->stop().has_value());
  writer->reset();
  std::uint32_t last = 2;
  while (!log.segment(last + 1).empty()) ++last;
  log.replace_segment(log.segment(last) + "{\"torn", last);
  EXPECT_TRUE(log.open().has_value());
  return archived + log.whole(2);
}

}  // namespace stargraph::audit::test
