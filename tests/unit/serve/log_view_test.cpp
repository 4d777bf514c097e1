// The log over HTTP: a tenant sees its own lines and nobody else's, each byte as it stands, within bounds.
#include "serve/log_view.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "stargraph/audit/checkpoint.hpp"
#include "support/temp_dir.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::serve {
namespace {

using audit::LogPart;
using audit::TenantSeq;
using base::Code;
using base::Result;

class LogViewTest : public ::testing::Test {
 protected:
  // A log of these records, taken to disk as the writer left it.
  void write(const std::vector<audit::Event>& events, std::uint64_t segment_bytes = audit::kSegmentBytes) {
    log_.segment_bytes = segment_bytes;
    auto writer = *log_.open();
    std::int64_t number = 0;
    for (const audit::Event& event : events) {
      ASSERT_TRUE(writer->append(audit::Source::kDaemon, audit::test::make_record(++number, event)));
      ASSERT_TRUE(writer->commit());
    }
    seq_ = writer->head(audit::Source::kDaemon).seq;
    writer.reset();
    for (last_ = 0; !log_.segment(last_ + 1).empty(); ++last_)
      directory_.write(audit::segment_name(last_ + 1), log_.segment(last_ + 1));
  }
  LogView view() {
    return LogView({[this] { return audit::LogShape{1, last_, seq_}; },
                    [this](LogPart part, std::uint32_t segment) -> Result<audit::OpenedPart> {
                      audit::OpenedPart opened;
                      opened.part = part;
                      opened.segment = segment;
                      const auto file = directory_ / audit::segment_name(segment);
                      opened.file = base::Descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
                      opened.size = std::filesystem::file_size(file);
                      ++opened_;
                      return opened;
                    }});
  }
  // Everything that a client gets that follows the cursor, `limit` lines at a time.
  std::vector<std::string> all(const std::string& tenant, std::size_t limit) {
    std::vector<std::string> lines;
    TenantSeq after(0);
    std::optional<LogCursor> cursor;
    for (int i = 0; i < 1000; ++i) {
      const auto found = view().tenant_lines(base::TenantId(tenant), after, limit, cursor);
      EXPECT_TRUE(found.has_value());
      EXPECT_LE(found->lines.size(), limit);
      lines.insert(lines.end(), found->lines.begin(), found->lines.end());
      after = found->last;
      cursor = found->next;
      if (!found->more && found->lines.empty()) return lines;
    }
    ADD_FAILURE() << "the search does not end";
    return lines;
  }
  std::vector<std::string> expected(const std::string& tenant) {
    std::vector<std::string> lines;
    for (std::uint32_t number = 1; number <= last_; ++number) {
      for (const std::string& line : audit::test::split_lines(log_.segment(number))) {
        if (audit::decode_entry(line)->event.tenant.str() == tenant) lines.push_back(line);
      }
    }
    return lines;
  }

  audit::test::Log log_;
  test::TempDir directory_;
  std::uint32_t last_ = 0;
  audit::LogSeq seq_;
  int opened_ = 0;
};

audit::Event event_of(const std::string& tenant, json::Object data = {}) {
  return audit::test::make_event(audit::EventName::kRunStarted, tenant, std::move(data));
}

std::vector<audit::Event> two_tenants(int count) {
  std::vector<audit::Event> events;
  events.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) events.push_back(event_of(i % 3 == 0 ? "soc" : "other", {{"n", i}}));
  return events;
}

TEST_F(LogViewTest, RC_I_AUDIT_ATenantGetsItsOwnLinesAllOfThemAndNoOthers) {
  write(two_tenants(90), 8'000);
  ASSERT_GT(last_, 3U);
  for (const std::size_t limit : {1U, 7U, 1000U}) {
    EXPECT_EQ(all("soc", limit), expected("soc")) << limit;
    EXPECT_EQ(all("other", limit), expected("other")) << limit;
  }
  EXPECT_EQ(expected("soc").size(), 30U);
  EXPECT_TRUE(all("so", 10).empty());
  EXPECT_TRUE(all("nobody", 10).empty());
}

TEST_F(LogViewTest, RC_I_AUDIT_DataThatLooksLikeATenantShowsNothing) {
  const json::Object forged{{"tenant", "soc"}, {"tenant_previous_hash", std::string(96, '0')}};
  write({event_of("other", {{"a", 1}, {"tenant", "soc"}, {"tenant_previous_hash", "00"}}),
         event_of("other", {{"nested", json::Object{{"a", 1}, {"tenant", "soc"}, {"tenant_previous_hash", 1}}}}),
         event_of("other", {{"text", R"(,"tenant":"soc","tenant_previous_hash":)"}}), event_of("other", forged)});
  EXPECT_TRUE(all("soc", 10).empty());
  EXPECT_EQ(all("other", 10).size(), 4U);
}

TEST_F(LogViewTest, RC_I_AUDIT_NoCursorShowsAnothersLine) {
  write(two_tenants(12));
  const std::uint64_t size = log_.segment().size();
  const std::vector<std::string> own = expected("soc");
  for (std::uint64_t offset = 0; offset <= size; offset += 13) {
    const auto found = view().tenant_lines(base::TenantId("soc"), TenantSeq(0), 100, LogCursor{1, offset});
    ASSERT_TRUE(found.has_value()) << offset;
    for (const std::string& line : found->lines) EXPECT_NE(std::ranges::find(own, line), own.end()) << offset;
  }
  for (const LogCursor& nowhere : {LogCursor{0, 0}, LogCursor{2, 0}, LogCursor{1, size + 1}, LogCursor{1, ~0ULL}}) {
    const auto found = view().tenant_lines(base::TenantId("soc"), TenantSeq(0), 100, nowhere);
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().code, Code::kNotFound);
  }
}

TEST_F(LogViewTest, RC_D_AUDIT_OneRequestLooksAtSoMuchAndNoMore) {
  const std::string much(60'000, 'x');
  std::vector<audit::Event> events(100, event_of("other", {{"text", much}}));
  events.push_back(event_of("soc"));
  write(events);
  const auto first = view().tenant_lines(base::TenantId("soc"), TenantSeq(0), 1, std::nullopt);
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(first->lines.empty());
  EXPECT_TRUE(first->more);
  EXPECT_LE(first->next.offset, LogView::kScanBytes);
  EXPECT_EQ(all("soc", 1).size(), 1U);
  // What is shown is bounded too: a page and the line that goes over it.
  const auto shown = view().tenant_lines(base::TenantId("other"), TenantSeq(0), 1000, std::nullopt);
  ASSERT_TRUE(shown.has_value());
  EXPECT_LT(shown->lines.size(), 20U);
}

TEST_F(LogViewTest, RC_I_AUDIT_OnlyItsCursorsAreRead) {
  EXPECT_EQ(cursor_text({3, 17}), "3-17");
  EXPECT_EQ(cursor_from_text("3-17")->offset, 17U);
  for (const char* text : {"", "-", "3", "3-", "-17", "03-17", "3-017", "+3-17", "3--1", "3-17 ", " 3-17", "3-17-1",
                           "99999999999-1", "1-99999999999999999999999", "../../x"}) {
    EXPECT_FALSE(cursor_from_text(text).has_value()) << text;
  }
}

TEST_F(LogViewTest, PagesOfASegmentAreItsBytes) {
  write(two_tenants(10));
  const std::string whole = log_.segment();
  std::string read;
  while (read.size() < whole.size()) {
    const auto page = view().page(1, read.size(), 1000);
    ASSERT_TRUE(page.has_value());
    ASSERT_FALSE(page->bytes.empty());
    EXPECT_EQ(page->total, whole.size());
    read += page->bytes;
  }
  EXPECT_EQ(read, whole);
  EXPECT_TRUE(view().page(1, whole.size(), 10)->bytes.empty());
  EXPECT_TRUE(view().page(1, ~0ULL, 10)->bytes.empty());
}

TEST_F(LogViewTest, RC_D_AUDIT_ASegmentThatIsNotThereIsNeverAskedFor) {
  write(two_tenants(3));
  for (const std::uint32_t number : {0U, 2U, 4'294'967'295U}) {
    const auto page = view().page(number, 0, 10);
    ASSERT_FALSE(page.has_value());
    EXPECT_EQ(page.error().code, Code::kNotFound);
  }
  EXPECT_EQ(opened_, 0);
}

TEST_F(LogViewTest, TheLastCheckpointIsFoundHoweverFarBackItLies) {
  std::vector<audit::Event> events = two_tenants(200);
  for (audit::Event& event : events) event.data.set("text", std::string(10'000, 'y'));
  write(events);
  const auto found = view().last_checkpoint();
  ASSERT_TRUE(found.has_value());
  const auto lines = audit::test::split_lines(log_.segment());
  std::string last;
  for (const std::string& line : lines) {
    if (audit::decode_entry(line)->event.name == audit::EventName::kAuditCheckpoint) last = line;
  }
  EXPECT_EQ(found->line, last);
  EXPECT_EQ(static_cast<std::int64_t>(found->size), audit::decode_entry(last)->seq.value() - 1);
  EXPECT_LT(found->size + 100, lines.size());  // it did lie far back
}

TEST_F(LogViewTest, ASegmentWithoutACheckpointYetLooksToTheOneBefore) {
  write(two_tenants(90), 8'000);
  // As it is right after a rotation: only the first line.
  const std::string first = audit::test::split_lines(log_.segment(last_)).front() + "\n";
  directory_.write(audit::segment_name(last_), first);
  const auto found = view().last_checkpoint();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->line, audit::test::split_lines(log_.segment(last_ - 1)).back());
}

}  // namespace
}  // namespace stargraph::serve
